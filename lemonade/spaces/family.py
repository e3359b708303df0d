"""Start networks of which each can be cut out of the next wider one, so that only that has to be trained for long."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lemonade.config import SearchSettings
from lemonade.spaces.base import Space, Start
from lemonade.types import Genotype, is_within
from morphisms import OPERATORS, Site, narrowing

CUT = OPERATORS["prune"]


def cut(wide: Genotype, narrow: Genotype) -> Site | None:
    """Where `CUT` makes one network of another; None if it does not, and for rows of a table."""
    return None if isinstance(wide, str) or isinstance(narrow, str) else narrowing(wide, narrow)


@dataclass(frozen=True)
class Family:
    """The networks that a search begins with, all of them within its limits.

    Attributes:
        starts: Start networks, narrowest first; none if none meets the limits.
        are_cut: Whether each of them is cut out of the next wider one, where the settings allow it and it can be.
        halfway: Networks between them and below, narrowest first, to be cut out of them once all are there; none where
            nothing is cut.
    """

    starts: Sequence[Start[Any]]
    are_cut: bool = False
    halfway: Sequence[Start[Any]] = ()

    @classmethod
    def within(
        cls,
        space: Space[Any],
        search: SearchSettings,
        costs: Callable[[Any], Mapping[str, float]],
        limits: Mapping[str, float],
    ) -> Self:
        """The family of a space, under the settings and limits of a search.

        Where the others are cut out of the widest, and limits leave room for one halfway to the next, that is the
        widest: a search then begins close to its limits. If all are too large, it begins with one that is smaller.
        """
        may_cut = search.inherit and search.cut_starts and (search.operators is None or CUT.name in search.operators)
        starts, between, smaller = (
            [start for start in some if is_within(costs(start.genotype), limits)]
            for some in (space.starts(), space.halfway() if may_cut else [], space.smallest())
        )
        if starts:
            wider = [*starts, *[one for one in between if cut(one.genotype, starts[-1].genotype)]]
            starts = wider if _is_ladder(wider) else starts
        else:
            starts = between[-1:] or smaller[:1]
        if not may_cut or not _is_ladder(starts):
            return cls(starts)
        known = {space.key(start.genotype) for start in starts}
        fitting = [one for one in between if any(cut(start.genotype, one.genotype) for start in starts)]
        return cls(starts, True, [one for one in fitting if space.key(one.genotype) not in known])


def _is_ladder(starts: Sequence[Start[Any]]) -> bool:
    """Whether each network, narrowest first, can be cut out of the next."""
    return all(cut(wide.genotype, narrow.genotype) for narrow, wide in itertools.pairwise(starts))


def middles(widths: Sequence[int]) -> list[float]:
    """Widths in the middle between two, and between the narrowest and half of it: 1.5, 3, 6 and 12 of 2, 4, 8 and 16.

    They are such that `CUT` makes them of the next wider chain.

    Below the narrowest a front has nothing to begin with, and children that are made narrower step by step take long to
    get there: on digits in a box from 316 parameters what networks of 316 to 500 lacked was three fifths of all that a
    front lacked after its start networks (eight searches).
    """
    ascending = sorted(widths)
    below = [ascending[0] / 2] if ascending[0] > 1 else []
    found = []
    for narrow, wide in itertools.pairwise([*below, *ascending]):
        middle = (narrow + wide) / 2
        # half a channel can only be cut off where it leaves the first layer as wide as it was: 2, 3 and 6 of 2, 4 and 8
        found.append(middle if wide - middle == 0.5 else middle // 1)
    return found
