"""Evaluation by a formula, for tests of methods and of the loop: instant, and the same on every platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lemonade.types import Candidate, Evaluation, Job, Stage, Status


def landscape(candidate: Candidate) -> float:
    """An error that falls with parameters, and differs a little from network to network."""
    size = candidate.costs["params"]
    luck = int(candidate.key[:6], 16) / 0xFFFFFF
    return float(round(0.02 + 0.9 * (1 + size / 50) ** -0.4 * (0.9 + 0.2 * luck), 6))


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
        error = self._error(candidate)
        Path(job.output).write_bytes(b"")
        stage = Stage(error, error, 100, candidate.examples, 0.0)
        values = {"error": error, "error_smoothed": error}
        self._done.append(
            Evaluation(candidate.id, Status.OK, values, {"trained": stage}, device="fake", weights=job.output)
        )

    def poll(self, timeout: float) -> list[Evaluation]:
        """All answers since the last call."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Nothing to let go of."""
