"""Small run folders for tests, written by the store as a search would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lemonade.config import BudgetSettings, Config
from lemonade.facts import DataFacts
from lemonade.history import Run
from lemonade.objectives import costs, resolve
from lemonade.settings import make_config
from lemonade.store import RunStore
from lemonade.types import Candidate, Evaluation, Spent, Stage, Status
from morphisms import (
    OPERATORS,
    Morphism,
    NetworkGraph,
    Node,
    Site,
    graph_hash,
    initial_weights,
    save_weights,
)

FACTS = DataFacts(
    name="toy",
    classes=("a", "b", "c", "d"),
    train=400,
    validation=100,
    test=50,
    input_shape=(1, 8, 8),
    mean=(0.3,),
    std=(0.2,),
    flip=False,
    split_hash="5eed",
    notes=(),
    decoded=False,
)
CONFIG = Config(dataset="toy", budget=BudgetSettings(evaluations=100))


@dataclass
class Tally:
    proposed: int = 9
    duplicate: int = 2
    over_limit: int = 1
    accepted: int = 2


@dataclass
class Report:
    generation: int
    total: Tally = field(default_factory=Tally)
    operators: dict[str, Tally] = field(default_factory=lambda: {"widen": Tally(proposed=5)})


def network(channels: int) -> NetworkGraph:
    nodes = (
        Node("conv1", "conv", ("input",), {"channels": channels, "kernel": 3}),
        Node("relu1", "relu", ("conv1",)),
        Node("pool1", "global_avg_pool", ("relu1",)),
        Node("flatten1", "flatten", ("pool1",)),
        Node("linear1", "linear", ("flatten1",), {"features": 4}),
    )
    return NetworkGraph((1, 8, 8), nodes, "linear1")


def candidate(number: int, channels: int = 4, parent: int | None = None, generation: int = 0) -> Candidate:
    graph = network(channels)
    widened: tuple[Morphism, ...] = ()
    if parent is not None:
        smaller = network(channels - 2)
        widened = (OPERATORS["widen"].record(smaller, Site(("conv1",), (("channels", channels),)), 7),)
    return Candidate(
        id=f"c{number:04d}",
        genotype=graph,
        key=graph_hash(graph),
        parent=None if parent is None else f"c{parent:04d}",
        morphisms=widened,
        generation=generation,
        costs=costs(graph, resolve(CONFIG.objectives, 4)),
        examples=100,
        seed=number,
        origin="" if widened else "chain of 1 block",
    )


def evaluation(one: Candidate, error: float = 0.5, weights: str | None = None, **changes: Any) -> Evaluation:
    values = {"error": error, "error_smoothed": error}
    stages = {"trained": Stage(error, error, 100, one.examples, 0.1)}
    made: dict[str, Any] = {"values": values, "stages": stages, "weights": weights, "curve": ((100, 1.5),), **changes}
    return Evaluation(one.id, made.pop("status", Status.OK), **made)


def trained(store: RunStore, one: Candidate, error: float = 0.5, **changes: Any) -> Evaluation:
    """Record an evaluation whose weights were written to the store's scratch path."""
    path = store.scratch(one.id)
    save_weights(initial_weights(one.graph, one.seed), path)
    return store.record(evaluation(one, error, str(path), **changes))


def generation(
    store: RunStore,
    candidates: Sequence[Candidate],
    front: Sequence[str],
    errors: Callable[[Candidate], float] = lambda one: 0.5 - one.costs["params"] / 1_000,
) -> None:
    """One whole generation, from its candidates to its end."""
    store.append_batch(candidates, Report(candidates[0].generation))
    for one in candidates:
        trained(store, one, errors(one))
    store.generation(candidates[0].generation, front, 0.25, Spent(len(candidates), 100, 1.0))
    store.keep_only(front)
    store.sync()


def small_run(folder: Path, config: Config = CONFIG) -> list[Candidate]:
    """Two generations of two networks, all on the front but c0002, then the end."""
    first = [candidate(0, 4), candidate(1, 6)]
    second = [candidate(2, 6, parent=0, generation=1), candidate(3, 8, parent=1, generation=1)]
    with RunStore.create(folder, config, FACTS) as store:
        generation(store, first, ["c0000", "c0001"])
        generation(store, second, ["c0000", "c0001", "c0003"])
        store.end("budget")
    return [*first, *second]


def run_of_errors(
    folder: Path,
    method: str = "lemonade",
    seed: int = 1,
    errors: Sequence[float | None] = (0.5, 0.4, 0.3),
    finished: bool = True,
    facts: DataFacts = FACTS,
    begins: bool = False,
    **settings: Any,
) -> Run:
    """A run whose networks of growing size have these errors, 100 images each; one without an error failed."""
    config = make_config(None, {"dataset": "toy", "evaluations": 100, "method": method, "seed": seed, **settings})
    chain = [replace(candidate(number, 4 + 2 * number), begins=begins) for number in range(len(errors))]
    with RunStore.create(folder, config, facts) as store:
        store.append_batch(chain, Report(0))
        for one, error in zip(chain, errors, strict=True):
            store.record(evaluation(one, error) if error is not None else evaluation(one, status=Status.FAILED))
        store.generation(0, [one.id for one in chain], 0.25, Spent(len(chain), 100 * len(chain), 1.0))
        if finished:
            store.end("budget")
    return Run.load(folder)
