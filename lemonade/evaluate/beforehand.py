"""Measured objectives of candidates (latency, and what plug-ins time): known before training, kept until after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lemonade.objectives import Kind, Objective
from lemonade.types import LATENCY, Candidate, Evaluation, Status
from morphisms import NetworkGraph

Measured = tuple[dict[str, float], dict[str, Any]]
"""Values by objective, and what of an evaluation's payload tells how they were measured."""


class Beforehand:
    """What was measured of candidates before any worker is busy with them.

    Args:
        objectives: All objectives in play.
        limits: Largest allowed value by objective.
        measure: Values of a network's measured objectives; see `lemonade.evaluate.measured.measure`.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        limits: Mapping[str, float],
        measure: Callable[[NetworkGraph, Sequence[Objective]], Measured],
    ) -> None:
        self._objectives = [one for one in objectives if one.kind is Kind.MEASURED]
        self._names = {name for one in self._objectives for name in (one.name, one.smoothed)}
        self._limits, self._measure = limits, measure
        self._waiting: dict[str, Evaluation] = {}
        self._known: dict[str, Measured] = {}

    @property
    def measures(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self._objectives)

    def rejected(self, candidate: Candidate, parent: Candidate | None) -> Evaluation | None:
        """Measure a candidate; what comes of it if it is not to be trained, else None."""
        if not self._objectives:
            return None
        result = self._result(candidate, parent)
        if result.status is not Status.OK:
            return result
        self._waiting[candidate.id] = result
        return None

    def merged(self, evaluation: Evaluation) -> Evaluation:
        """An evaluation with what was measured before it."""
        before = self._waiting.pop(evaluation.id, None)
        if before is None:
            return evaluation
        values, payload = {**before.values, **evaluation.values}, {**before.payload, **evaluation.payload}
        return replace(evaluation, values=values, payload=payload)

    def learn(self, evaluation: Evaluation) -> None:
        """Keep what a child of the same graph will be given: measured anew, it would differ by noise alone."""
        values = {name: value for name, value in evaluation.values.items() if name in self._names}
        told = {name: value for name, value in evaluation.payload.items() if name == LATENCY}
        self._known[evaluation.id] = values, told

    def _result(self, candidate: Candidate, parent: Candidate | None) -> Evaluation:
        if parent is not None and parent.graph == candidate.graph:
            values, payload = self._known[parent.id]
            return Evaluation(candidate.id, Status.OK, values, payload=payload)
        try:
            values, payload = self._measure(candidate.graph, self._objectives)
        except (Exception, SystemExit) as error:  # a plug-in's objective is the user's code
            return Evaluation(candidate.id, Status.FAILED, message=f"{type(error).__name__}: {error}")
        for name, limit in self._limits.items():
            if values.get(name, 0) > limit:
                message = f"{name} is {values[name]:.3g}, beyond its limit of {limit:g}"
                return Evaluation(candidate.id, Status.REJECTED, values, message=message, payload=payload)
        return Evaluation(candidate.id, Status.OK, values, payload=payload)
