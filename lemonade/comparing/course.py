"""The course of one run: what its front was worth as examples and seconds were spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemonade.front import Front, hypervolume
from lemonade.history import Run

By = Literal["examples", "seconds"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """One run, after each of its evaluations.

    Attributes:
        run: The run.
        examples: Training images seen until then, (n,).
        seconds: Active seconds until then, (n,).
        volumes: Share of the box that the front dominated then, by its plain errors, (n,).
        fronts: Ids of the front then.
    """

    run: Run
    examples: Values
    seconds: Values
    volumes: Values
    fronts: Sequence[tuple[str, ...]]

    @classmethod
    def of(cls, run: Run) -> Course:
        """Follow a run; members are chosen as it chose them."""
        box = [one.axis for one in run.objectives]
        front, volume = Front(), 0.0
        ids: tuple[str, ...] = ()
        volumes, fronts = [], []
        arrived = [(name, spent) for name, spent in run.arrivals.items() if name in run.evaluations]
        for name, _ in arrived:
            point = run.point(name)
            if point is not None:
                front.add(name, point)
            if front.ids != ids:
                ids = front.ids
                plain = [[run.values(one)[axis] for axis in run.objective_names] for one in ids]
                volume = hypervolume(plain, box)
            volumes.append(volume)
            fronts.append(ids)
        spent = [spent for _, spent in arrived]
        return cls(
            run,
            np.array([one.examples for one in spent], np.float64),
            np.array([one.seconds for one in spent], np.float64),
            np.array(volumes),
            fronts,
        )

    def spent(self, by: By) -> Values:
        """What had been spent after each evaluation."""
        return self.examples if by == "examples" else self.seconds

    @cached_property
    def end(self) -> dict[By, float]:
        """What had been spent at the last evaluation."""
        return {"examples": float(self.examples[-1]), "seconds": float(self.seconds[-1])}

    def volume(self, by: By, at: ArrayLike) -> Values:
        """Hypervolume when so much had been spent, of the shape of `at`; 0 before the first evaluation."""
        return np.append(0.0, self.volumes)[np.searchsorted(self.spent(by), at, side="right")]

    def front(self, by: By, at: float) -> tuple[str, ...]:
        """Ids of the front when so much had been spent."""
        return [(), *self.fronts][np.searchsorted(self.spent(by), at, side="right")]

    def errors_within(self, ids: Sequence[str], resource: str, sizes: Sequence[float]) -> Values:
        """Least error within each size, by the reading that ranks members (the smoothed one where that does).

        Infinite where no member is so small; (sizes,).
        """
        error = self.run.objectives[0]
        ranked = error.smoothed if self.run.smoothed else error.name
        known = [(values[resource], values[ranked]) for values in map(self.run.values, ids)]
        return np.array([min([err for cost, err in known if cost <= size], default=np.inf) for size in sizes])
