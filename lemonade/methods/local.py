"""Pareto local search (Paquete, Chiarandini, Stuetzle 2004): look at all neighbours of a member, then of another.

An archive keeps what nothing dominates. A member whose neighbourhood was not looked at yet is drawn, and all its
neighbours are evaluated; where there is none left, the search starts anew from a random network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lemonade.methods.base import Setting
from lemonade.methods.generations import Generational
from lemonade.spaces import GridSpace
from lemonade.types import AT_RANDOM, Candidate


class LocalSearch(Generational):
    """The method; a generation is the neighbourhood of one member, as far as it is new."""

    spaces: ClassVar[tuple[str, ...] | None] = ("table", "cell", "nasbench201")

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if not isinstance(setting.space, GridSpace):
            raise TypeError(f"the space '{setting.space.name}' has no list of neighbours")
        self._space: GridSpace[Any] = setting.space
        self._explored: set[str] = set()

    def generation(self) -> list[Candidate]:
        """What is new around a member; a random network to begin with, and where all members are explored."""
        rng = self.rng()
        while waiting := [name for name in self._front.ids if name not in self._explored]:
            parent = self._known[waiting[rng.integers(len(waiting))]]
            self._explored.add(parent.id)
            if around := [one for one in self._space.neighbours(parent.genotype, rng) if self.is_new(*one)]:
                return [self.child_of(parent, *one) for one in around]
        genotype = self.drawn(rng)
        return [] if genotype is None else [self.without_parent(genotype, self.setting.child_examples, AT_RANDOM)]

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process; what it explored, members without a new neighbour as well."""
        self.generation()
        super().adopt(candidates)

    def live(self) -> set[str]:
        """The front: neighbours inherit from its members."""
        return set(self._front.ids)
