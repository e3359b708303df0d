"""What a search space offers to every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from morphisms import Morphism, NetworkGraph


@dataclass(frozen=True)
class Start:
    """A network to start from, and how it came about in words."""

    graph: NetworkGraph
    origin: str


class Space(Protocol):
    """The networks a method may propose, and how one leads to another."""

    name: str

    def starts(self) -> list[Start]:
        """Start networks, smallest first."""
        ...

    def smallest(self) -> list[Start]:
        """Smaller networks still, to fall back on where a limit rules out all of `starts`."""
        ...

    def mutate(self, graph: NetworkGraph, rng: np.random.Generator) -> tuple[NetworkGraph, tuple[Morphism, ...]] | None:
        """A child by randomly drawn rewrites, and their records; None if no operator can act. Touches no tensor."""
        ...

    def random(self, rng: np.random.Generator) -> NetworkGraph:
        """A network drawn without a parent: a start network and 0 to 12 operators."""
        ...

    def features(self, graph: NetworkGraph) -> Sequence[float]:
        """Numbers, always as many, that tell networks apart beyond their costs: what a forecast may learn from."""
        ...

    def key(self, graph: NetworkGraph) -> str:
        """What tells duplicates apart, free of names."""
        ...
