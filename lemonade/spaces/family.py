"""Start networks of which each can be cut out of the next wider one, so that only that has to be trained for long."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lemonade.config import SearchSettings
from lemonade.spaces.base import Space, Start
from lemonade.types import Genotype, is_within
from morphisms import OPERATORS, Site, narrowing

CUT = OPERATORS["prune"]


def cut(wide: Genotype, narrow: Genotype) -> Site | None:
    """Where `CUT` makes one network of another; None if it does not, and for rows of a table."""
    return None if isinstance(wide, str) or isinstance(narrow, str) else narrowing(wide, narrow)


def may_cut(search: SearchSettings) -> bool:
    """Whether the settings allow that start networks are cut out of others."""
    return search.inherit and search.cut_starts and (search.operators is None or CUT.name in search.operators)


def are_cut(starts: Sequence[Start[Any]], search: SearchSettings) -> bool:
    """Whether a search cuts each of its start networks, narrowest first, out of the next: if it may, and can."""
    return may_cut(search) and all(cut(wide.genotype, narrow.genotype) for narrow, wide in itertools.pairwise(starts))


def starts_within(
    space: Space[Any],
    search: SearchSettings,
    costs: Callable[[Any], Mapping[str, float]],
    limits: Mapping[str, float],
) -> list[Start[Any]]:
    """Start networks that meet the limits, narrowest first; none if none does.

    Where the others are cut out of the widest, and limits leave room for one halfway to the next, that is the widest: a
    search then begins close to its limits. If all are too large, it begins with one that is smaller.
    """
    starts, between, smaller = (
        [start for start in some if is_within(costs(start.genotype), limits)]
        for some in (space.starts(), space.halfway() if may_cut(search) else [], space.smallest())
    )
    if not starts:
        return between[-1:] or smaller[:1]
    wider = [*starts, *[one for one in between if cut(one.genotype, starts[-1].genotype)]]
    return wider if are_cut(wider, search) else starts


def halfway_within(
    space: Space[Any],
    starts: Sequence[Start[Any]],
    costs: Callable[[Any], Mapping[str, float]],
    limits: Mapping[str, float],
) -> list[Start[Any]]:
    """Networks halfway that meet the limits and can be cut out of one of these start networks, narrowest first."""
    known = {space.key(start.genotype) for start in starts}
    return [
        one
        for one in space.halfway()
        if space.key(one.genotype) not in known
        and is_within(costs(one.genotype), limits)
        and any(cut(start.genotype, one.genotype) for start in starts)
    ]


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
