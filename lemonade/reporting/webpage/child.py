"""A child without its graph: a page tells of thousands, and draws the networks of some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lemonade.history import Run
from lemonade.types import Evaluation
from morphisms import Morphism


@dataclass(frozen=True)
class ChildFacts:
    """What the journal alone knows of an evaluated candidate.

    Attributes:
        id: Its id.
        parent: Id of its parent; None if it started from fresh weights.
        generation: 0 for the networks that a search began with.
        origin: How a network without a parent came about; empty for others.
        morphisms: The rewrites that made it of its parent.
        graph: Hash of its graph.
        values: All objectives that are known.
        evaluation: What came back.
    """

    id: str
    parent: str | None
    generation: int
    origin: str
    morphisms: tuple[Morphism, ...]
    graph: str
    values: Mapping[str, float]
    evaluation: Evaluation

    @classmethod
    def of(cls, run: Run, name: str) -> Self:
        """The child of that id."""
        record, evaluation = run.candidates.record(name), run.evaluations[name]
        return cls(
            id=name,
            parent=record["parent"],
            generation=record["generation"],
            origin=record.get("origin", ""),
            morphisms=tuple(Morphism.from_json(one) for one in record["morphisms"]),
            graph=record["graph"],
            values={**evaluation.values, **record["costs"]},
            evaluation=evaluation,
        )

    @property
    def operators(self) -> set[str]:
        """Names of the operators that made it."""
        return {one.operator for one in self.morphisms}
