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


def are_cut(starts: Sequence[Start[Any]], search: SearchSettings) -> bool:
    """Whether a search cuts each of its start networks, narrowest first, out of the next: if it may, and can."""
    allowed = search.inherit and search.cut_starts and (search.operators is None or CUT.name in search.operators)
    return allowed and all(cut(wide.genotype, narrow.genotype) for narrow, wide in itertools.pairwise(starts))


def starts_within(
    space: Space[Any], costs: Callable[[Any], Mapping[str, float]], limits: Mapping[str, float]
) -> list[Start[Any]]:
    """Start networks that meet the limits, or the largest of the smaller ones that does; none if none does."""
    starts, smaller = (
        [start for start in some if is_within(costs(start.genotype), limits)]
        for some in (space.starts(), space.smallest())
    )
    return starts or smaller[:1]


def middles(widths: Sequence[int]) -> list[float]:
    """Widths in the middle between two, and between the narrowest and half of it: 1.5, 3, 6 and 12 of 2, 4, 8 and 16.

    Below the narrowest a front has nothing to begin with, and children that are made narrower step by step take long to
    get there: on digits in a box from 316 parameters what networks of 316 to 500 lacked was three fifths of all that a
    front lacked after its start networks (eight searches).
    """
    ascending = sorted(widths)
    below = [ascending[0] / 2] if ascending[0] > 1 else []
    return [(one + other) / 2 for one, other in itertools.pairwise([*below, *ascending])]
