"""Evaluation in this process, one child at a time: for tests, notebooks and debugging."""

from __future__ import annotations

from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.types import Evaluation, Job


class InlineEvaluator:
    """Trains a job when it is polled for.

    Args:
        bench: Data, objectives and device.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._job: Job | None = None

    @property
    def room(self) -> int:
        """One if nothing waits."""
        return 0 if self._job else 1

    def submit(self, job: Job) -> None:
        """Keep the job until it is polled for."""
        self._job = job

    def poll(self, timeout: float) -> list[Evaluation]:
        """Train the waiting job, however long it takes."""
        if self._job is None:
            return []
        job, self._job = self._job, None
        return [evaluate_child(job, self._bench)]

    def settle(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Forget a waiting job."""
        self._job = None
