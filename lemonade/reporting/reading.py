"""What tables and pictures ask a run: which objectives it has, and how many images an error was read on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lemonade import numbers
from lemonade.objectives import resources

if TYPE_CHECKING:
    from lemonade.history import Member, Run
    from lemonade.types import Evaluation


ERROR = "error"
"""The first objective of every run."""


def resource_of(run: Run) -> str:
    """The first objective that tells what a network costs; every run has one."""
    return resources(run.objectives)[0]


def other_names(run: Run) -> list[str]:
    """The objectives that are no error."""
    return [name for name in run.objective_names if not numbers.is_error(name)]


def label(name: str) -> str:
    """An objective's name for a table: of ``error@DATASET`` only the last part of a path."""
    kind, at, dataset = name.partition("@")
    return f"{kind}{at}{dataset.rstrip('/').rpartition('/')[2]}"


def images_of(member: Member) -> int | None:
    """Validation images that a network's error was read on; None if it was not trained."""
    return images_read(member.evaluation)


def images_read(evaluation: Evaluation) -> int | None:
    """Validation images that an error was read on; None if nothing was trained."""
    stages = list(evaluation.stages.values())
    return stages[-1].images if stages and stages[-1].images > 0 else None


def on_front(run: Run, member: Member) -> bool:
    """Whether a candidate is a member of the front."""
    return any(other.id == member.id for other in run.front.members)
