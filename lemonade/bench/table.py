"""Search methods on a table: many seeds, nothing trained, scored by how soon they find the true front.

An evaluation is one architecture whose error is asked for the first time; costs are free, and so is asking again. A
method is scored on everything it evaluated. It never sees the table's range, its front or an error it did not pay for:
`TableSpace` knows costs alone, and `TableEvaluator` answers for one architecture at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemonade.bench.sharp import SharpBox
from lemonade.bench.tablefile import Table
from lemonade.config import Config
from lemonade.errors import LemonadeError, unknown
from lemonade.evaluate.table import TableEvaluator
from lemonade.front import Axis
from lemonade.methods import Family, Setting, make_search
from lemonade.settings import check_series, make_config
from lemonade.spaces import TableSpace
from lemonade.types import Candidate, Evaluation, Job

LEVELS = (0.9, 0.95, 0.99, 0.999)
"""Shares of the true front's volume that are to be reached."""
MARKS = (100, 200, 500, 1000)
"""Evaluations after which the share is told."""
UNBOUNDED = Axis(0.0, 1.0, log=False)
"""A side of the box where none is known before: a method that needs one takes its own front's."""
ON_TABLES: Mapping[str, Any] = {
    "inherit": False,
    "gain_per": "child",
    "gain_box": "front",
    "predict": "error",
    "forecast_from": 10,
}
"""What is different about a table for every method: there are no weights, and rows cost the same."""
BY_METHOD: Mapping[str, Mapping[str, Any]] = {
    "lemonade": {"children": 1, "children_share": 0.025, "explore_share": 0.0, "proposals": 200},
    "aging": {"children": 1, "population": 50, "sample": 10},
    "nsga2": {"children": 20, "population": 20},
}


@dataclass(frozen=True)
class Outcome:
    """What one method came to, over all seeds.

    Attributes:
        method: Its name.
        cost: The cost that was weighed against the error.
        seeds: How many runs, with seeds 1, 2, ...
        evaluations: What each run could spend.
        reached: Evaluations to each of `LEVELS`, (seeds, levels); inf where a run did not get there.
        shares: After each of `MARKS` within the budget, (seeds, marks).
        distances: IGD+ there, (seeds, marks).
    """

    method: str
    cost: str
    seeds: int
    evaluations: int
    reached: NDArray[np.float64]
    shares: NDArray[np.float64]
    distances: NDArray[np.float64]

    levels = LEVELS

    @property
    def marks(self) -> list[int]:
        """Those of `MARKS` within the budget."""
        return [mark for mark in MARKS if mark <= self.evaluations]

    def to_json(self) -> dict[str, Any]:
        """Medians and quartiles; None for what was not reached within the budget."""
        return {
            "method": self.method,
            "cost": self.cost,
            "seeds": self.seeds,
            "evaluations": self.evaluations,
            "to": {_named(level): self.to(level)[1] for level in self.levels},
            "to_quartiles": {_named(level): self.to(level)[::2] for level in self.levels},
            "share_at": {str(mark): self.share(mark)[1] for mark in self.marks},
            "share_at_quartiles": {str(mark): self.share(mark)[::2] for mark in self.marks},
            "igd_plus_at": {
                str(mark): quartiles(column)[1] for mark, column in zip(self.marks, self.distances.T, strict=True)
            },
        }

    def to(self, level: float) -> list[float | None]:
        """Lower quartile, median and upper quartile of the evaluations to one of `levels`."""
        return quartiles(self.reached[:, LEVELS.index(level)])

    def share(self, mark: int) -> list[float | None]:
        """Lower quartile, median and upper quartile of the share after one of `marks`."""
        return quartiles(self.shares[:, self.marks.index(mark)])


def _named(level: float) -> str:
    """``0.90``, ``0.999``: two digits at least."""
    return f"{level:.2f}" if level == round(level, 2) else f"{level}"


def quartiles(values: NDArray[np.float64]) -> list[float | None]:
    """Lower quartile, median and upper quartile; None for one that is, or lies beside, infinity."""
    ordered = np.sort(values)
    found: list[float | None] = []
    for share in (0.25, 0.5, 0.75):
        place = share * (len(ordered) - 1)
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        value = low + (high - low) * (place % 1) if math.isfinite(high) else high
        found.append(float(value) if math.isfinite(value) else None)
    return found


def bench(
    table: Table, cost: str, methods: Sequence[str], seeds: int, evaluations: int, settings: Mapping[str, Any]
) -> Iterator[Outcome]:
    """Run every method with every seed, in as many processes as there are cores.

    Args:
        table: The table.
        cost: The column to weigh against the error.
        methods: Names of methods.
        seeds: Runs a method, with seeds 1, 2, ...
        evaluations: What each run may spend.
        settings: Over what `ON_TABLES` and `BY_METHOD` say; dotted names as for `--set`.

    Raises:
        LemonadeError: for a cost, method or setting that does not exist, and as `check_series`.
    """
    check_series(seeds, settings)
    from joblib import Parallel, cpu_count, delayed

    costs = table.costs_in(cost)
    box = SharpBox([(table.errors[one], costs[one][cost]) for one in costs])
    configs = {method: [table_config(method, seed + 1, settings) for seed in range(seeds)] for method in methods}

    def outcomes() -> Iterator[Outcome]:
        with Parallel(n_jobs=min(cpu_count(), seeds)) as parallel:
            for method in methods:
                paid = parallel(delayed(pay)(costs, table.errors, one, evaluations) for one in configs[method])
                points = [np.array([(table.errors[one], costs[one][cost]) for one in order]) for order in paid]
                yield _outcome(method, cost, box, points, evaluations)

    return outcomes()


def table_config(method: str, seed: int, settings: Mapping[str, Any]) -> Config:
    """The settings of one run."""
    own = {f"search.{name}": value for name, value in {**ON_TABLES, **BY_METHOD.get(method, {})}.items()}
    config = make_config(None, {**own, **settings, "method": method, "seed": seed})
    if config.search.inherit:
        raise LemonadeError("search.inherit: rows of a table have no weights to inherit. Leave it out.")
    return config


def pay(
    costs: Mapping[str, Mapping[str, float]], errors: Mapping[str, float], config: Config, evaluations: int
) -> list[str]:
    """One run: the architectures it paid for, in order."""
    setting = table_setting(costs, config)
    search, evaluator = make_search(config.method, setting), TableEvaluator(errors)
    while len(evaluator.paid) < evaluations and (asked := search.ask()):
        for candidate in asked:
            evaluator.submit(Job(candidate, config.training, False, None, ""))
        search.tell(evaluator.poll(0))
    return evaluator.paid[:evaluations]


def table_setting(costs: Mapping[str, Mapping[str, float]], config: Config) -> Setting:
    """What a method is told of a table: architectures and costs, and no error."""
    names = next(iter(costs.values()))
    for name in config.limits:
        if name not in names:
            raise unknown("cost in a limit", name, names)

    def values(candidate: Candidate, evaluation: Evaluation) -> tuple[float, ...]:
        return (evaluation.values["error"], *candidate.costs.values())

    space = TableSpace(costs, config.seed, config.search.operators_most)
    return Setting(
        search=config.search,
        space=space,
        family=Family.within(space, config.search, costs.__getitem__, config.limits, {}),
        costs=costs.__getitem__,
        limits=config.limits,
        floors={},
        vector=values,
        shown=values,
        axes={"error": UNBOUNDED, **dict.fromkeys(names, UNBOUNDED)},
        seed=config.seed,
        child_examples=1,
        initial_examples=1,
    )


def _outcome(method: str, cost: str, box: SharpBox, points: Sequence[NDArray[np.float64]], evaluations: int) -> Outcome:
    """What the (error, cost) points that runs paid for, in order, come to."""
    curves = [box.shares(one) for one in points]

    def reached(curve: NDArray[np.float64], level: float) -> float:
        above = np.flatnonzero(curve >= level)
        return float(above[0] + 1) if len(above) else math.inf

    marks = [mark for mark in MARKS if mark <= evaluations]
    return Outcome(
        method,
        cost,
        len(curves),
        evaluations,
        np.array([[reached(curve, level) for level in LEVELS] for curve in curves]),
        # a method that found nothing more to ask for keeps what it has
        np.array([[curve[min(mark, len(curve)) - 1] for mark in marks] for curve in curves]),
        np.array([[box.distance(one[:mark]) for mark in marks] for one in points]),
    )
