"""How the operators of a run fared: from proposals to the front, and what they did to the error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lemonade.history import Run
from lemonade.reporting import network
from lemonade.reporting.webpage.child import ChildFacts
from lemonade.types import Status


@dataclass(frozen=True)
class OperatorRecord:
    """One operator; a child counts under each of those that made it, its changes of error only under a single one.

    Attributes:
        name: The operator.
        proposed: Children proposed, duplicates included.
        accepted: Of these, those taken to be trained.
        trained: Children trained to their end.
        front: Of these, those on the front now.
        rewrite: Median change of the error by the rewrite alone; None where no child tells.
        distilled: By distilling, of children that were distilled.
        trained_by: By training, of all.
    """

    name: str
    proposed: int
    accepted: int
    trained: int
    front: int
    rewrite: float | None
    distilled: float | None
    trained_by: float | None


def operator_records(run: Run) -> list[OperatorRecord]:
    """Operators by the number of children on the front, then trained, then proposed; those never proposed left out."""
    trained = [ChildFacts.of(run, name) for name, one in run.evaluations.items() if one.status is Status.OK]
    on_front = {one.id for one in run.front}
    accepted = Counter(name for one in run.candidates for name in _operators(run, one))
    names = {name for one in run.proposals.values() for name in one} | set(accepted)
    records = []
    for name in names:
        made = [one for one in trained if name in one.operators]
        # what a child changed is told of an operator only if no other had a part in it
        changes = [_changes(run, one) for one in made if one.operators == {name}]
        records.append(
            OperatorRecord(
                name,
                sum(one.get(name, {}).get("proposed", 0) for one in run.proposals.values()),
                accepted[name],
                len(made),
                sum(one.id in on_front for one in made),
                *[_median([change[stage] for change in changes if stage in change]) for stage in network.STAGES],
            )
        )
    return sorted(records, key=lambda one: (-one.front, -one.trained, -one.proposed, one.name))


def _operators(run: Run, name: str) -> set[str]:
    return {morphism["operator"] for morphism in run.candidates.record(name)["morphisms"]}


def _changes(run: Run, child: ChildFacts) -> dict[str, float]:
    """What each stage changed of the error that decides; empty for a child that started from fresh weights."""
    parent = run.evaluations.get(child.parent or "")
    if parent is None or child.evaluation.is_fresh:
        return {}
    of = "error_smoothed" if run.smoothed else "error"
    found, before = {}, parent.values.get(of)
    for stage, reached in child.evaluation.stages.items():
        after = getattr(reached, of)
        if before is not None and reached.images:
            found[stage] = after - before
        before = after
    return found


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
