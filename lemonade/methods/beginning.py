"""How a search begins: which start networks are trained when, and what is made of them before there are children."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from lemonade.methods.base import Setting
from lemonade.methods.family import CUT, Made, cut_site
from lemonade.spaces import Start
from lemonade.types import Candidate, Genotype


@dataclass(frozen=True)
class FromScratch:
    """A start network that is trained from fresh weights.

    Attributes:
        start: The network.
        examples: Images that it sees.
    """

    start: Start[Genotype]
    examples: int


@dataclass(frozen=True)
class FromParent:
    """A network of the family that begins with the weights of what it is made of, and sees as much as a child.

    Attributes:
        made: The network.
        parent: What it is made of, trained.
    """

    made: Made
    parent: Candidate


class Beginning:
    """Start networks of which the widest are trained long, the others cut out of those, and then the family's rounds.

    Where nothing is cut, all are trained long.

    Args:
        setting: The method's.

    Raises:
        LemonadeError: if no start network meets the limits, naming the limit and the smallest network.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting, self._family = setting, setting.family
        if not self._family.starts:
            raise setting.out_of_reach()
        self._trained: list[Candidate] = []
        made = [one.graph for turn in self._family.rounds for one in turn.made]
        self.keys = frozenset(self._key(one) for one in (*[start.genotype for start in self._family.starts], *made))

    @property
    def live(self) -> set[str]:
        """Ids of those that were trained, which others may be made of."""
        return {one.id for one in self._trained}

    def first(self) -> list[FromScratch]:
        """Those to begin with, narrowest first.

        Beside the widest the narrowest is trained all the same, as long as a child: it is there soon, whenever the run
        ends.
        """
        setting, (narrowest, *_) = self._setting, self._family.starts
        made = [FromScratch(start, setting.initial_examples) for start in self._family.long_starts]
        if made[0].start is not narrowest:
            made.insert(0, FromScratch(narrowest, min(setting.initial_examples, setting.child_examples)))
        return made

    def told(self, candidate: Candidate) -> None:
        """Learn that a network was trained; others than those that a search begins with are passed over."""
        if candidate.key in self.keys:
            self._trained.append(candidate)

    def next(self, known: Set[str], front: Set[str]) -> Sequence[FromScratch | FromParent]:
        """Networks to train next; a start network is trained from scratch where all that were wider failed.

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
        for turn in self._family.rounds:
            found = [
                FromParent(one, parent)
                for one in turn.made
                if self._key(one.graph) not in known
                and (parent := members.get(self._key(one.parent))) is not None
                and (one.beside is None or self._key(one.beside) in members)
            ]
            if found:
                return found
        return []

    def _cut_out(self, start: Start[Genotype]) -> FromScratch | FromParent:
        """A start network, cut out of the narrowest there is that it fits into."""
        pairs = [(one, site) for one in self._trained if (site := cut_site(one.genotype, start.genotype)) is not None]
        if not pairs:
            return FromScratch(start, self._setting.initial_examples)
        parent, site = min(pairs, key=lambda pair: tuple(pair[0].costs.values()))
        assert not isinstance(start.genotype, str)  # rows of a table have no site
        return FromParent(Made(start.genotype, parent.graph, CUT, site), parent)

    def _key(self, genotype: Genotype) -> str:
        return self._setting.space.key(genotype)
