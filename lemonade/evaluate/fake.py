"""Evaluation by a formula, for tests of methods and of the loop: instant, and the same on every platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lemonade.types import EARLY_LOSS, Candidate, Evaluation, Job, Stage, Status
from morphisms import graph_hash


def landscape(candidate: Candidate) -> float:
    """An error that falls with parameters, and differs a little from network to network."""
    size = candidate.costs["params"]
    luck = int(graph_hash(candidate.graph)[:6], 16) / 0xFFFFFF
    return float(round(0.02 + 0.9 * (1 + size / 50) ** -0.4 * (0.9 + 0.2 * luck), 6))


def learning_curve(candidate: Candidate, error: float) -> tuple[tuple[int, float], ...]:
    """Ten points of a training loss that foretells the error, give or take a few percent."""
    luck = int(graph_hash(candidate.graph)[6:12], 16) / 0xFFFFFF
    return tuple(
        (candidate.examples * k // 10, float(round(error * (3 - 0.2 * k) * (0.98 + 0.04 * luck), 6)))
        for k in range(1, 11)
    )


def evaluation(candidate: Candidate, error: float, weights: str | None = None) -> Evaluation:
    """A trained child, or one that was stopped early for its learning curve."""
    curve = learning_curve(candidate, error)
    hurdle = candidate.hurdle
    for k in range(1, len(curve)):
        if hurdle is not None and hurdle.stops(curve[:k], candidate.examples):
            return Evaluation(
                candidate.id,
                Status.STOPPED,
                stages={"trained": Stage(1.0, 1.0, 0, curve[k - 1][0], 0.0)},
                device="fake",
                curve=curve[:k],
                payload={EARLY_LOSS: hurdle.reading(curve[:k], candidate.examples)},
            )
    values = {"error": error, "error_smoothed": error}
    stage = Stage(error, error, 100, candidate.examples, 0.0)
    return Evaluation(candidate.id, Status.OK, values, {"trained": stage}, device="fake", weights=weights, curve=curve)


class FakeEvaluator:
    """Answers every job at once.

    Args:
        error: From a candidate to its error.
        fail: Ids that fail, and how.
    """

    def __init__(
        self,
        error: Callable[[Candidate], float] = landscape,
        fail: Mapping[str, Status] | None = None,
    ) -> None:
        self._error = error
        self._fail = fail or {}
        self._done: list[Evaluation] = []

    @property
    def room(self) -> int:
        """Always one more."""
        return 1

    def submit(self, job: Job) -> None:
        """Answer it; an empty weights file stands for the trained ones."""
        candidate = job.candidate
        if candidate.id in self._fail:
            self._done.append(Evaluation(candidate.id, self._fail[candidate.id], message="asked to fail"))
            return
        done = evaluation(candidate, self._error(candidate), job.output)
        if done.weights is not None:
            Path(done.weights).write_bytes(b"")
        self._done.append(done)

    def poll(self, timeout: float) -> list[Evaluation]:
        """All answers since the last call."""
        done, self._done = self._done, []
        return done

    def settle(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to let go of."""
