"""What every evaluator is: jobs in, evaluations out. Each only changes where the work is done."""

from __future__ import annotations

from typing import Protocol

from lemonade.types import Evaluation, Job


class Evaluator(Protocol):
    """Evaluates candidates; the order in which results come back is not promised."""

    @property
    def room(self) -> int:
        """How many more jobs it takes on at once."""
        ...

    def submit(self, job: Job) -> None:
        """Take on a job; only if there is room."""
        ...

    def poll(self, timeout: float) -> list[Evaluation]:
        """Results that have arrived, waiting up to so many seconds for the first; empty if none has."""
        ...

    def settle(self) -> None:
        """Wait until nothing that it began to start takes computing time any more; only while no job is under way.

        Raises:
            LemonadeError: if something it needs does not start.
        """
        ...

    def close(self) -> None:
        """Give up whatever is running and let go of processes and memory; may be called twice."""
        ...
