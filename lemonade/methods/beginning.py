"""How a search begins: which start networks are trained when, and what they are cut out of (`search.cut_starts`)."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from lemonade.methods.base import Setting
from lemonade.spaces import Start
from lemonade.spaces.family import Family, cut
from lemonade.types import Candidate


class Beginning:
    """Start networks of which the widest are trained long, the others cut out of those, and then some between.

    Where nothing is cut, all are trained long.

    Args:
        setting: The method's.

    Raises:
        LemonadeError: if no start network meets the limits, naming the limit and the smallest network.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._family = Family.within(setting.space, setting.search, setting.costs, setting.limits, setting.floors)
        if not self._family.starts:
            raise setting.out_of_reach()
        self._trained: list[Candidate] = []
        self.keys = frozenset(self._key(start) for one in (self._family.starts, *self._family.rounds) for start in one)

    @property
    def live(self) -> set[str]:
        """Ids of those that were trained, which others may be cut out of."""
        return {one.id for one in self._trained}

    def first(self) -> list[tuple[Start[Any], int]]:
        """Those to begin with, and how many images each sees.

        Beside the widest the narrowest is trained all the same, as long as a child: it is there soon, whenever the run
        ends.
        """
        setting, starts = self._setting, self._family.starts
        long = starts[-setting.long_starts :] if self._family.are_cut else starts
        made = [(start, setting.initial_examples) for start in long]
        if starts[0] is not long[0]:
            made.insert(0, (starts[0], min(setting.initial_examples, setting.child_examples)))
        return made

    def told(self, candidate: Candidate) -> None:
        """Learn that a network was trained; others than those that a search begins with are passed over."""
        if candidate.key in self.keys:
            self._trained.append(candidate)

    def next(self, known: Set[str]) -> list[tuple[Start[Any], Candidate | None]]:
        """Networks to train next, and what each is cut out of; None where all that were wider failed.

        The widest start network that is missing; once there is none, those halfway between them all at once, round by
        round.

        Args:
            known: Keys of the networks asked for so far.
        """
        if missing := self._unknown(self._family.starts, known):
            return [(missing[-1], self._parent(missing[-1]))]
        for middles in self._family.rounds:
            pairs = [(start, self._parent(start)) for start in self._unknown(middles, known)]
            if found := [(start, parent) for start, parent in pairs if parent is not None]:
                return [*found]
        return []

    def _unknown(self, starts: Iterable[Start[Any]], known: Set[str]) -> list[Start[Any]]:
        return [start for start in starts if self._key(start) not in known]

    def _parent(self, start: Start[Any]) -> Candidate | None:
        """The narrowest network there is that it can be cut out of."""
        wide = [one for one in self._trained if cut(one.genotype, start.genotype) is not None]
        return min(wide, key=lambda one: tuple(one.costs.values()), default=None)

    def _key(self, start: Start[Any]) -> str:
        return self._setting.space.key(start.genotype)
