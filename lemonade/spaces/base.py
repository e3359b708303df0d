"""What a search space offers to every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from lemonade.types import Genotype
from morphisms import Morphism

G = TypeVar("G", bound=Genotype)
"""What a space consists of: graphs, or keys of a table's rows."""


@dataclass(frozen=True)
class Start(Generic[G]):
    """A network to start from, and how it came about in words."""

    genotype: G
    origin: str


class Space(Protocol[G]):
    """The networks a method may propose, and how one leads to another."""

    name: str
    operators: ClassVar[tuple[str, ...]]
    """Names of all operators that there are for it; none for rows of a table."""

    def starts(self) -> list[Start[G]]:
        """Start networks, smallest first."""
        ...

    def between(self, narrow: G | None, wide: G) -> Start[G] | None:
        """The network halfway between two of one family, to be cut out of the wider one.

        Args:
            narrow: None: half as wide as `wide`.
            wide: The wider one.

        Returns:
            None if there is none, or widths do not change.
        """
        ...

    def smallest(self) -> list[Start[G]]:
        """Smaller networks still, to fall back on where a limit rules out all of `starts`."""
        ...

    def mutate(
        self, genotype: G, rng: np.random.Generator, most: int | None = None
    ) -> tuple[G, tuple[Morphism, ...]] | None:
        """A child by randomly drawn steps, and their records if steps have any; None if no step is possible.

        Touches no tensor.

        Args:
            genotype: The parent.
            rng: Draws the steps and their number.
            most: One to this many steps; default: what the space was made with.
        """
        ...

    def random(self, rng: np.random.Generator) -> G:
        """A network drawn without a parent."""
        ...

    def features(self, genotype: G) -> Sequence[float]:
        """Numbers, always as many, that tell networks apart beyond their costs: what a forecast may learn from."""
        ...

    def groups(self) -> Sequence[int]:
        """How many of the features are of one kind each, in their order: a model scales those of a kind alike."""
        ...

    def key(self, genotype: G) -> str:
        """What tells duplicates apart, free of names."""
        ...


@runtime_checkable
class GridSpace(Space[G], Protocol[G]):
    """A space of fixed positions with a few choices at each: every network has neighbours, and any two can be mixed."""

    def neighbours(self, genotype: G, rng: np.random.Generator) -> list[tuple[G, tuple[Morphism, ...]]]:
        """All networks that differ from it at one position, with the records of what leads there."""
        ...

    def crossover(self, one: G, other: G, rng: np.random.Generator) -> tuple[G, tuple[Morphism, ...]]:
        """A child that has at each position what one of its parents has there, drawn with equal chance.

        The records lead there from `one`, whose weights it inherits.
        """
        ...
