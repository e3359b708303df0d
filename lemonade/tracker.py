"""Keeps count of a run while it goes, and tells listeners how it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from lemonade.config import BudgetSettings
from lemonade.front import hypervolume
from lemonade.objectives import Objective, resources
from lemonade.types import Evaluation, Progress, Spent, Standing, Status

OnEvent = Callable[[Progress], None]
EventKind = Literal["start", "evaluated", "generation", "stopping", "end"]


def loading(listener: OnEvent | None, budget: BudgetSettings) -> Callable[[str], None]:
    """A function that passes sentences about slow first steps on to a listener."""

    def tell(message: str) -> None:
        if listener is not None:
            listener(Progress("loading", 0, 0, 0, 0, 0, Spent(), budget, 0, 0.0, 0.0, message=message))

    return tell


class Tracker:
    """Counts over all sessions of a run.

    Args:
        objectives: The run's; hypervolume is taken over all of them.
        smoothed: Whether the smoothed error decides which member is best.
        budget: The run's, passed on with every event; may be changed.
        listener: Called with each event; None for nobody.
    """

    def __init__(
        self, objectives: Sequence[Objective], smoothed: bool, budget: BudgetSettings, listener: OnEvent | None
    ) -> None:
        self._objectives = objectives
        self._smoothed = smoothed
        self.budget = budget
        self._listener = listener
        self.values: dict[str, Mapping[str, float]] = {}  # of all that were evaluated without failure, by id
        self._front: tuple[str, ...] = ()
        self._hypervolume = 0.0
        self._change = 0.0
        self.generation = 0
        self.trained = 0
        self.failed = 0
        self.stopped = 0
        self.proposed = 0
        self.evaluations = 0
        self.examples = 0

    def evaluated(self, generation: int, costs: Mapping[str, float], evaluation: Evaluation) -> None:
        """Count one evaluation, of a candidate of that generation and those costs; one rejected untrained is none."""
        if evaluation.status is Status.REJECTED:
            return
        self.evaluations += 1
        self.examples += evaluation.examples
        self.generation = generation
        if evaluation.status is Status.OK:
            self.trained += 1
            self.values[evaluation.id] = {**costs, **evaluation.values}
        elif evaluation.status is Status.STOPPED:
            self.stopped += 1
        else:
            self.failed += 1

    def generation_ended(self, front: Sequence[str], proposed: int, volume: float | None = None) -> float:
        """Take note of the front after a generation; returns its hypervolume, from plain errors, if not given."""
        self._front = tuple(front)
        self.proposed += proposed
        if volume is None:
            points = [[self.values[name][one.name] for one in self._objectives] for name in front]
            volume = hypervolume(points, [one.axis for one in self._objectives])
        self._change, self._hypervolume = volume - self._hypervolume, volume
        return volume

    def tell(self, kind: EventKind, seconds: float, message: str = "") -> None:
        """Send an event."""
        if self._listener is None:
            return
        resource = next(iter(resources(self._objectives)), "params")
        self._listener(
            Progress(
                kind=kind,
                generation=self.generation,
                trained=self.trained,
                stopped=self.stopped,
                failed=self.failed,
                proposed=self.proposed,
                spent=self.spent(seconds),
                budget=self.budget,
                front_size=len(self._front),
                hypervolume=self._hypervolume,
                hypervolume_change=self._change,
                best=self._least("error_smoothed" if self._smoothed else "error"),
                smallest=self._least(resource),
                least={one.name: min(self.values[name][one.name] for name in self._front) for one in self._objectives}
                if self._front
                else {},
                message=message,
            )
        )

    def spent(self, seconds: float) -> Spent:
        """What has been used after so many active seconds."""
        return Spent(self.evaluations, self.examples, seconds)

    def _least(self, name: str) -> Standing | None:
        if not self._front:
            return None
        best = min(self._front, key=lambda member: self.values[member][name])
        return Standing(best, self.values[best])
