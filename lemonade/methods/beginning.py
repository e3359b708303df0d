"""How a search begins: which start networks are trained when, and what is made of them (`search.cut_starts`)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from lemonade.methods.base import Setting
from lemonade.spaces import Start
from lemonade.spaces.family import CUT, Family, Made, cut
from lemonade.types import Candidate, Genotype


class Beginning:
    """Start networks of which the widest are trained long, the others cut out of those, and then the family's rounds.

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
        made = [one.graph for stage in self._family.rounds for one in stage.made]
        self.keys = frozenset(self._key(one) for one in (*[start.genotype for start in self._family.starts], *made))

    @property
    def live(self) -> set[str]:
        """Ids of those that were trained, which others may be made of."""
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

    def next(self, known: Set[str], front: Set[str]) -> Sequence[Start[Any] | tuple[Made, Candidate]]:
        """Networks to train next, each with its parent; a start network alone where all that were wider failed.

        The widest start network that is missing; once there is none, the rounds of the family one by one, but for what
        would be made of networks that others beat, or lie halfway to those: that is mostly beaten too. On the digits
        (three objectives, 60 s, six seeds) few of ten separable networks reached the front, and the nine between them
        gained next to nothing: a search ended at a hypervolume of .951 with all rounds whole, of .958 so (medians).

        Args:
            known: Keys of the networks asked for so far.
            front: Ids of those that nothing beats.
        """
        missing = [start for start in self._family.starts if self._key(start.genotype) not in known]
        if missing:
            return [self._cut_out(missing[-1])]
        members = {one.key: one for one in self._trained if one.id in front}
        for stage in self._family.rounds:
            found = [
                (one, parent)
                for one in stage.made
                if self._key(one.graph) not in known
                and (parent := members.get(self._key(one.parent))) is not None
                and (one.beside is None or self._key(one.beside) in members)
            ]
            if found:
                return found
        return []

    def _cut_out(self, start: Start[Any]) -> Start[Any] | tuple[Made, Candidate]:
        """A start network, cut out of the narrowest there is that it fits into."""
        pairs = [(one, site) for one in self._trained if (site := cut(one.genotype, start.genotype)) is not None]
        if not pairs:
            return start
        parent, site = min(pairs, key=lambda pair: tuple(pair[0].costs.values()))
        return Made(start.genotype, parent.graph, CUT, site), parent

    def _key(self, genotype: Genotype) -> str:
        return self._setting.space.key(genotype)
