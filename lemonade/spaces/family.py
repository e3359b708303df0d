"""Start networks of which each can be cut out of the next wider one, so that only that has to be trained for long."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lemonade.config import SearchSettings
from lemonade.spaces.base import Space, Start
from lemonade.types import Genotype, is_above, is_within
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
        rounds: Networks halfway between those, then between all that there are then, each round narrowest first, to be
            cut out once those before are there; none where nothing is cut.
    """

    starts: Sequence[Start[Any]]
    are_cut: bool = False
    rounds: Sequence[Sequence[Start[Any]]] = ()

    @classmethod
    def within(
        cls,
        space: Space[Any],
        search: SearchSettings,
        costs: Callable[[Any], Mapping[str, float]],
        limits: Mapping[str, float],
        floors: Mapping[str, float],
    ) -> Self:
        """The family of a space, under the settings, limits and floors of a search.

        Where the others are cut out of the widest, and limits leave room for one halfway to the next, that is the
        widest: a search then begins close to its limits. If all are too large, it begins with one that is smaller.
        """

        def between(narrow: Start[Any] | None, wide: Start[Any]) -> Start[Any] | None:
            if not is_above(costs(wide.genotype), floors):  # what is narrower still gains nothing
                return None
            found = space.between(None if narrow is None else narrow.genotype, wide.genotype)
            return found if found is not None and is_within(costs(found.genotype), limits) else None

        may_cut = search.inherit and search.cut_starts and (search.operators is None or CUT.name in search.operators)
        whole = space.starts()
        starts = [start for start in whole if is_within(costs(start.genotype), limits)]
        if may_cut and len(starts) < len(whole):
            middle = between(starts[-1] if starts else None, whole[len(starts)])
            if middle is not None and _is_ladder([*starts, middle]):
                starts.append(middle)
        if not starts:
            starts = [start for start in space.smallest() if is_within(costs(start.genotype), limits)][:1]
        if not starts or not may_cut or not _is_ladder(starts):
            return cls(starts)

        # Below the narrowest a front has nothing to begin with, and children that are made narrower step by step take
        # long to get there: on digits in a box from 316 parameters what networks of 316 to 500 lacked was three fifths
        # of all that a front lacked after its start networks (eight searches).
        ladder, rounds, below = list(starts), [], between(None, starts[0])
        for _ in range(search.cut_rounds):
            found = [between(narrow, wide) for narrow, wide in itertools.pairwise(ladder)]
            middles = [below, *found]
            rounds.append([one for one in middles if one is not None])
            pairs = zip(middles, ladder, strict=True)
            ladder, below = [one for pair in pairs for one in pair if one is not None], None
        return cls(starts, True, rounds)


def _is_ladder(starts: Sequence[Start[Any]]) -> bool:
    """Whether each network, narrowest first, can be cut out of the next."""
    return all(cut(wide.genotype, narrow.genotype) for narrow, wide in itertools.pairwise(starts))
