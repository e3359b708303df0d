"""Groups of runs held against each other: all figures of a comparison, and nothing of how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lemonade.comparing.course import By, Course, Values
from lemonade.comparing.grouping import Group, grouped, unusual_settings
from lemonade.comparing.statistics import attained, holm, larger, least_p, mann_whitney, quartiles
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.objectives import Objective, resources
from lemonade.reporting.commands import short_path
from lemonade.settings import parse_limits
from lemonade.settings_text import names_in

AXES: tuple[By, ...] = ("examples", "seconds")
POINTS = 120
"""Of each curve."""


@dataclass(frozen=True)
class Basis:
    """When runs are compared.

    Attributes:
        by: What they have spent alike.
        at: How much of it; None where each run is taken at its end, since their budgets are the same.
    """

    by: str
    at: float | None = None

    def volume(self, course: Course) -> float:
        """Hypervolume then."""
        return float(course.volumes[-1] if self.at is None else course.volume(self._axis, self.at))

    def front(self, course: Course) -> tuple[str, ...]:
        """Ids of the front then."""
        return course.fronts[-1] if self.at is None else course.front(self._axis, self.at)

    @property
    def _axis(self) -> By:
        return "seconds" if self.by == "seconds" else "examples"


@dataclass(frozen=True)
class Contest:
    """The first group against another.

    Attributes:
        first, second: Their names.
        runs: How many runs each has.
        difference: Median hypervolume of the first less the second's.
        larger: Chance that a run of the first has the larger hypervolume (A12); 0.5 means no difference.
        p: Mann and Whitney's; None where a group has one run only.
        corrected: The same by Holm over all contests.
        least: What that could have come to at least, with so many runs and the other contests as they are.
        needed: By examples and seconds: what the second had spent when its median curve reached its final median, and
            what the first had; None if it never did.
    """

    first: str
    second: str
    runs: tuple[int, int]
    difference: float
    larger: float
    p: float | None
    corrected: float | None
    least: float
    needed: dict[By, tuple[float | None, float | None]]


class Comparison:
    """Runs by method, compared.

    Attributes:
        groups: The methods; the first is held against each other one.
        objectives: Those that all runs have; the first is the error.
        basis: When they are compared.
        sizes: By resource, the sizes within which errors are told.
    """

    def __init__(self, runs: Sequence[Run], by: By | None = None, within: str | Sequence[str] = ()) -> None:
        """Compare runs.

        Args:
            runs: Of one method or several, with one seed or several.
            by: Compare where all have spent the same of this; default: at their ends where their budgets are the same,
                otherwise where all have seen as many training images.
            within: Sizes to tell the least error within, such as ``"params<=5000"``, commas between or several of
                them; default: powers of ten.

        Raises:
            LemonadeError: as `grouped`, and for a size that is none.
        """
        check_request(by, within, [one.name for one in runs[0].objectives[1:]] if runs else None)
        self.groups = grouped(runs)
        self.objectives: tuple[Objective, ...] = runs[0].objectives
        self.basis = Basis(by, min(group.least_end(by) for group in self.groups)) if by else self._usual_basis()
        self.sizes = sizes_of(within) or self._decades()

    @property
    def runs(self) -> list[Run]:
        """All runs, group by group."""
        return [run for group in self.groups for run in group.runs]

    @property
    def resources(self) -> list[str]:
        """Names of the objectives that are costs: not those that only a trained network has."""
        return resources(self.objectives)

    @property
    def reading(self) -> str:
        """The error that ranks members, in words; errors within sizes are told by it."""
        name = self.objectives[0].name
        return f"smoothed {name}" if self.runs[0].smoothed else name

    def volumes(self, group: Group) -> list[float]:
        """Hypervolume of each run on the basis of the comparison."""
        return [self.basis.volume(course) for course in group.courses]

    def _decades(self) -> dict[str, list[float]]:
        """Powers of ten of the first resource, as far as fronts reach."""
        first = self.resources[0]
        low, high = (np.log10(max(one, 1e-9)) for one in self._reach(first))
        return {first: [float(10.0**power) for power in np.arange(np.ceil(low), np.ceil(high) + 1)]}

    def errors_within(self, group: Group, resource: str, sizes: Sequence[float]) -> Values:
        """Least error within each size by `reading`, (runs, sizes); infinite where there is nothing so small."""
        return np.array([
            course.errors_within(self.basis.front(course), resource, sizes) for course in group.courses
        ])  # fmt: skip

    @cached_property
    def contests(self) -> list[Contest]:
        """The first group against each other one."""
        first, *others = self.groups
        found = {other.name: mann_whitney(self.volumes(first), self.volumes(other)) for other in others}
        tested = {name: p for name, p in found.items() if p is not None}
        corrected = holm(tested)

        def least(other: Group) -> float:
            return holm({**tested, other.name: least_p(len(first.courses), len(other.courses))})[other.name]

        return [
            Contest(
                first.name,
                other.name,
                (len(first.courses), len(other.courses)),
                float(np.median(self.volumes(first)) - np.median(self.volumes(other))),
                larger(self.volumes(first), self.volumes(other)),
                found[other.name],
                corrected.get(other.name),
                least(other),
                {by: self._needed(first, other, by) for by in AXES},
            )
            for other in others
        ]

    def curve(self, group: Group, by: By) -> tuple[Values, Values]:
        """Quartiles over the runs of the hypervolume, (3, points), where so much had been spent, (points,).

        It goes on to the last end of a run; those that ended before keep what they had.
        """
        start = min(float(course.spent(by)[0]) for course in group.courses)
        end = max(course.end[by] for course in group.courses)
        at = np.geomspace(max(start, 1e-3), max(end, start * 1.01, 1e-3), POINTS)
        at[-1] = max(end, at[0])
        volumes = [course.volume(by, at) for course in group.courses]
        return at, np.quantile(volumes, (0.25, 0.5, 0.75), axis=0)

    def surfaces(self, group: Group, resource: str) -> tuple[Values, Values]:
        """Attainment surfaces: sizes (points,), and errors within them that one, half, all runs attain (3, points)."""
        low, high = self._reach(resource)
        sizes = np.geomspace(max(low, 1e-9), max(high, low * 1.01, 1e-9), POINTS)
        sizes[0], sizes[-1] = low, max(high, sizes[0])
        errors = self.errors_within(group, resource, list(sizes))
        return sizes, np.array([attained(errors, part) for part in (1 / len(errors), 0.5, 1.0)])

    def to_json(self) -> dict[str, Any]:
        """All figures but the curves."""
        return {
            "objectives": [one.to_json() for one in self.objectives],
            "error_reading": self.reading,
            "basis": {"by": self.basis.by, "at": self.basis.at},
            "methods": [self._group_json(group) for group in self.groups],
            "against_first": [
                {
                    "method": one.second,
                    "runs": list(one.runs),
                    "median_difference": one.difference,
                    "a12": one.larger,
                    "p": one.p,
                    "p_holm": one.corrected,
                    "needed": {by: {"it": theirs, "first": ours} for by, (theirs, ours) in one.needed.items()},
                }
                for one in self.contests
            ],
        }

    def _group_json(self, group: Group) -> dict[str, Any]:
        low, middle, high = quartiles(self.volumes(group))
        return {
            "method": group.name,
            "seeds": group.seeds,
            "settings": unusual_settings(group.runs[0].config),
            "environment": dict(group.runs[0].environment),
            "runs": [str(short_path(run.folder)) for run in group.runs],
            "hypervolume": {"median": middle, "quartiles": [low, high], "values": self.volumes(group)},
            "spent": {name: float(np.median(values)) for name, values in spendings(group).items()},
            "error_within": {
                resource: {
                    f"{size:g}": value if np.isfinite(value) else None
                    for size, value in zip(sizes, self.median_errors(group, resource, sizes), strict=True)
                }
                for resource, sizes in self.sizes.items()
            },
        }

    def median_errors(self, group: Group, resource: str, sizes: Sequence[float]) -> list[float]:
        """Error that half of the runs attain within each size; infinite where fewer have anything so small."""
        return [float(one) for one in attained(self.errors_within(group, resource, sizes), 0.5)]

    def _usual_basis(self) -> Basis:
        for name, by in (("time", "seconds"), ("examples", "examples"), ("evaluations", "evaluations")):
            budgets = {getattr(run.budget, name) for run in self.runs}
            if len(budgets) == 1 and None not in budgets and all(run.finished for run in self.runs):
                return Basis(by)
        return Basis("examples", min(group.least_end("examples") for group in self.groups))

    def _reach(self, resource: str) -> tuple[float, float]:
        """Smallest and largest member of all fronts."""
        values = [
            course.run.values(name)[resource]
            for group in self.groups
            for course in group.courses
            for name in self.basis.front(course)
        ]
        return min(values, default=1.0), max(values, default=1.0)

    def _needed(self, first: Group, other: Group, by: By) -> tuple[float | None, float | None]:
        goal = float(np.median(self.volumes(other)))
        return self._reached(other, by, goal), self._reached(first, by, goal)

    def _reached(self, group: Group, by: By, goal: float) -> float | None:
        at = np.unique(np.concatenate([course.spent(by) for course in group.courses]))
        medians = np.median([course.volume(by, at) for course in group.courses], axis=0)
        enough = np.flatnonzero(medians >= goal)
        return float(at[enough[0]]) if enough.size else None


def check_request(by: str | None, within: str | Sequence[str], objectives: Sequence[str] | None) -> None:
    """See, before anything is run, that a comparison can be made as it is asked for.

    Args:
        by: As `Comparison` takes it.
        within: As `Comparison` takes it.
        objectives: Names of those beside the first; None if they are not known yet.

    Raises:
        LemonadeError: saying what is expected.
    """
    if by is not None and by not in AXES:
        raise LemonadeError(f"by: expected {' or '.join(AXES)}, got '{by}'.")
    for name in sizes_of(within):
        if objectives is not None and name not in objectives:
            raise LemonadeError(f"within: expected one of {', '.join(objectives)}, got '{name}'.")


def sizes_of(within: str | Sequence[str]) -> dict[str, list[float]]:
    """Sizes by resource, ascending, of texts such as ``"params<=5000"``.

    Raises:
        LemonadeError: for a text of another form.
    """
    found: dict[str, list[float]] = {}
    for text in names_in(within):
        for name, limit in parse_limits([text], "within").items():
            found.setdefault(name, []).append(limit)
    return {name: sorted(set(limits)) for name, limits in found.items()}


def spendings(group: Group) -> dict[str, list[float]]:
    """What each run spent in all: children, training images, seconds."""
    spent = [run.spent for run in group.runs]
    return {
        "children": [float(one.evaluations) for one in spent],
        "examples": [float(one.examples) for one in spent],
        "seconds": [one.seconds for one in spent],
    }
