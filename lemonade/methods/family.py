"""Networks that a search begins with: start networks, of which the widest is trained long, and what is made of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lemonade.config import SearchSettings
from lemonade.spaces import Space, Start
from lemonade.types import Genotype, is_above, is_within
from morphisms import OPERATORS, NetworkGraph, Operator, Site, narrowing, params

CUT, SLIM = OPERATORS["prune"], OPERATORS["separable"]


def cut_site(wide: Genotype, narrow: Genotype) -> Site | None:
    """Where `CUT` makes one network of another; None if it does not, and for rows of a table."""
    return None if isinstance(wide, str) or isinstance(narrow, str) else narrowing(wide, narrow)


@dataclass(frozen=True)
class Made:
    """A network, and how it is made of another of its family.

    Attributes:
        graph: The network.
        parent: What it is made of.
        operator: The rewrite.
        site: Its place.
        beside: The narrower network that it lies halfway to, if there is one.
    """

    graph: NetworkGraph
    parent: NetworkGraph
    operator: Operator
    site: Site
    beside: NetworkGraph | None = None


@dataclass(frozen=True)
class Round:
    """Networks that are made at the same time, narrowest first.

    Attributes:
        kind: Of `SearchSettings.cut_rounds`.
        made: The networks.
    """

    kind: str
    made: Sequence[Made]


@dataclass(frozen=True)
class Family:
    """The networks that a search begins with, all of them within its limits.

    Attributes:
        starts: Start networks, narrowest first; none if none meets the limits.
        are_cut: Whether each of them is cut out of the next wider one, where the settings allow it and it can be.
        rounds: What is made of those, each round once the one before is there; none where nothing is cut.
        long: How many of the widest are trained for long where others are cut out of them.
    """

    starts: Sequence[Start[Any]]
    are_cut: bool = False
    rounds: Sequence[Round] = ()
    long: int = 1

    @property
    def long_starts(self) -> Sequence[Start[Any]]:
        """Those that are trained for long, narrowest first: all where nothing is cut."""
        return self.starts[-self.long :] if self.are_cut else self.starts

    @classmethod
    def within(
        cls,
        space: Space[Any],
        search: SearchSettings,
        costs: Callable[[Any], Mapping[str, float]],
        limits: Mapping[str, float],
        floors: Mapping[str, float],
        long: int = 1,
    ) -> Self:
        """The family of a space, under the settings, limits and floors of a search.

        Where the others are cut out of the widest, and limits leave room for one halfway to the next, that is the
        widest: a search then begins close to its limits. If all are too large, it begins with one that is smaller.
        """

        def is_allowed(genotype: Genotype) -> bool:
            return is_within(costs(genotype), limits)

        operators = search.operators or space.operators
        may_cut = search.inherit and search.cut_starts and CUT.name in operators
        whole = space.starts()
        starts = [start for start in whole if is_allowed(start.genotype)]
        if may_cut and len(starts) < len(whole):
            middle = space.between(starts[-1].genotype if starts else None, whole[len(starts)].genotype)
            if middle is not None and is_allowed(middle.genotype) and _is_ladder([*starts, middle]):
                starts.append(middle)
        if not starts:
            starts = [start for start in space.smallest() if is_allowed(start.genotype)][:1]
        if not starts or not may_cut or not _is_ladder(starts):
            return cls(starts)

        ladder: list[NetworkGraph] = [start.genotype for start in starts]
        rounds: list[Round] = []
        for kind in search.cut_rounds:
            if kind == "separable":
                found = slimmer(ladder) if SLIM.name in operators else []
            else:
                found = _halfway(space, ladder, below=not rounds)
            allowed = [one for one in found if is_allowed(one.graph)]
            made = _of_use(allowed, lambda graph: is_above(costs(graph), floors))
            if made:  # between those of two shapes nothing lies halfway: a new shape takes the place of the old one
                others = [] if kind == "separable" else ladder
                ladder = sorted([*others, *[one.graph for one in made]], key=params)
                rounds.append(Round(kind, made))
        return cls(starts, True, rounds, long)


def _is_ladder(starts: Sequence[Start[Any]]) -> bool:
    """Whether each network, narrowest first, can be cut out of the next."""
    return all(cut_site(wide.genotype, narrow.genotype) for narrow, wide in itertools.pairwise(starts))


def _halfway(space: Space[Any], ladder: Sequence[NetworkGraph], below: bool) -> list[Made]:
    """What lies in the middle between each two networks, and between the narrowest and half of it.

    Below the narrowest a front has nothing to begin with, and children that are made narrower step by step take long to
    get there: on digits in a box from 316 parameters what networks of 316 to 500 lacked was three fifths of all that a
    front lacked after its start networks (eight searches).

    Args:
        space: Knows what lies between.
        ladder: The networks, narrowest first.
        below: Whether there is to be one below the narrowest.
    """
    gaps: list[tuple[NetworkGraph | None, NetworkGraph]] = [(None, ladder[0])] if below else []
    found = []
    for narrow, wide in [*gaps, *itertools.pairwise(ladder)]:
        middle = space.between(narrow, wide)
        site = None if middle is None else cut_site(wide, middle.genotype)
        if middle is not None and site is not None:
            found.append(Made(middle.genotype, wide, CUT, site, narrow))
    return found


def slimmer(ladder: Sequence[NetworkGraph]) -> list[Made]:
    """The networks with that convolution depthwise separable which has most parameters to lose; narrowest first.

    On CIFAR-10 (16x16, 40,000 images) a chain of 24,346 parameters with .273 has .310 so with 8,250, after a child's
    training, where chains of 6,418 and 13,942 have .364 and .310.
    """
    found = []
    for wide in ladder:
        rewrites = [SLIM.rewrite(wide, site) for site in SLIM.sites(wide)]
        if rewrites:
            least = min(rewrites, key=lambda one: params(one.child))
            found.append(Made(least.child, wide, SLIM, least.site))
    return found


def _of_use(made: Sequence[Made], reaches: Callable[[NetworkGraph], bool]) -> list[Made]:
    """Those that reach the floors, and the widest that does not: what is narrower still gains nothing."""
    wanted: list[Made] = []
    for one in reversed(made):
        if not reaches(one.parent):
            break
        wanted.insert(0, one)
        if not reaches(one.graph):
            break
    return wanted
