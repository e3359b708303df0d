"""A run as a search would leave it, made up in milliseconds: real networks and rewrites, invented errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import run_folders

from lemonade.config import Config
from lemonade.front import Front, hypervolume
from lemonade.objectives import resolve, vector
from lemonade.settings import make_config
from lemonade.spaces.network import NetworkSpace
from lemonade.store import RunStore
from lemonade.types import Candidate, Evaluation, Spent, Stage, Status
from morphisms import Exactness, activation_bytes, flops, params

FACTS = replace(
    run_folders.FACTS,
    name="digits",
    classes=tuple(str(digit) for digit in range(10)),
    train=1_150,
    validation=287,
    test=360,
    std=(0.37,),
    split_hash="0" * 16,
)
IMAGES = 287
COSTS = {"params": params, "flops": flops, "activation_bytes": activation_bytes}


@dataclass(frozen=True)
class Generation:
    """Candidates of one generation with what came back for them."""

    number: int
    candidates: list[Candidate]
    evaluations: list[Evaluation]


@dataclass(frozen=True)
class Report:
    """How the proposals of a generation fared, as the store takes it."""

    generation: int
    total: dict[str, int]
    operators: dict[str, dict[str, int]]


def generations(config: Config, count: int = 6, children: int = 8) -> Iterator[Generation]:
    """A start population and `count` generations of children of good parents; every 11th child diverges."""
    rng = np.random.default_rng(config.seed)
    space = NetworkSpace((1, 8, 8), 10, ["deepen", "widen", "add_skip", "prune", "remove_layer", "separable"], 2)
    costs = [name for name in config.objectives if name in COSTS]
    starts = [
        Candidate(
            f"c{k:04d}",
            one.genotype,
            str(k),
            None,
            (),
            0,
            {n: COSTS[n](one.genotype) for n in costs},
            27_600,
            k,
            one.origin,
        )
        for k, one in enumerate(space.starts())
    ]
    errors: dict[str, float] = {}
    pool: list[Candidate] = []
    batch, number, next_id = starts, 0, len(starts)
    while number <= count:
        evaluations = [_evaluated(candidate, errors, rng) for candidate in batch]
        errors |= {one.id: one.values["error"] for one in evaluations if one.values}
        pool += [candidate for candidate in batch if candidate.id in errors]
        yield Generation(number, batch, evaluations)
        number += 1
        batch = []
        for _ in range(children):
            parent = pool[int(rng.integers(max(0, len(pool) - 20), len(pool)))]
            made = space.mutate(parent.graph, rng)
            assert made is not None
            graph, records = made
            cheap = {name: COSTS[name](graph) for name in costs}
            name = f"c{next_id:04d}"
            batch.append(Candidate(name, graph, name, parent.id, records, number, cheap, 9_200, next_id))
            next_id += 1


def _evaluated(candidate: Candidate, errors: dict[str, float], rng: np.random.Generator) -> Evaluation:
    if int(candidate.id[1:]) % 11 == 10:
        return Evaluation(candidate.id, Status.DIVERGED, message="the loss is NaN after 1,200 examples", seconds=0.4)
    limit = 0.006 + 1.6 / np.sqrt(params(candidate.graph))
    before = errors.get(candidate.parent or "", 0.9)
    stages = {"inherited": _stage(before, 0, 0.02)} if candidate.parent else {}
    if any(one.exactness is Exactness.APPROXIMATE for one in candidate.morphisms):
        stages = {"inherited": _stage(min(0.9, 3 * before), 0, 0.02), "distilled": _stage(before * 1.3, 1_380, 0.2)}
    error = float(limit * (0.6 + 0.4 * rng.random()) + 0.2 * max(0.0, min(before, 0.3) - limit))
    stages["trained"] = _stage(error, candidate.examples - sum(one.examples for one in stages.values()), 0.9)
    last = stages["trained"]
    values = {"error": last.error, "error_smoothed": last.error_smoothed}
    return Evaluation(
        candidate.id,
        Status.OK,
        values,
        stages,
        seconds=1.2,
        curve=((0, 2.3), (candidate.examples, 0.2)),
    )


def _stage(error: float, examples: int, seconds: float) -> Stage:
    return Stage(round(error * IMAGES) / IMAGES, error * 1.4 + 0.005, IMAGES, examples, seconds)


def config_of(**settings: object) -> Config:
    """A config as a finished run of three minutes has it."""
    return make_config(settings={"time": "180s", **settings})


def write_run(folder: Path, config: Config | None = None, count: int = 6, end: str = "done") -> Path:
    """Write a run folder with the project's own store.

    Args:
        folder: Where; it is made.
        config: Settings; default: digits for 180 s.
        count: Generations after the first; -1 leaves out that one too.
        end: Why it ended; empty leaves it as a crash would.
    """
    config = config or config_of()
    objectives = resolve(config.objectives, 10, config.boxes)
    smoothed = config.selection.is_smoothed(IMAGES)
    front, points = Front(), {}
    evaluations, examples, spent = 0, 0, Spent()
    with RunStore.create(folder, config, FACTS) as store:
        for one in generations(config, count):
            store.append_batch(one.candidates, Report(one.number, {"proposed": 100, "accepted": 8}, {}))
            for candidate, evaluation in zip(one.candidates, one.evaluations, strict=True):
                store.record(evaluation)
                evaluations, examples = evaluations + 1, examples + evaluation.examples
                if evaluation.status is Status.OK:
                    values = {**candidate.costs, **evaluation.values}
                    points[candidate.id] = [values[name] for name in config.objectives]
                    front.add(candidate.id, vector(values, objectives, smoothed))
            volume = hypervolume([points[name] for name in front.ids], [objective.axis for objective in objectives])
            spent = Spent(evaluations, examples, 12.5 * (one.number + 1))
            store.generation(one.number, front.ids, volume, spent)
        if end:
            store.end(end)
    return folder
