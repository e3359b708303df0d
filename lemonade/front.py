"""Pareto fronts: who is not dominated, how much of the box they cover, and where the knee is.

All objectives are minimised. A vector dominates another if it is nowhere worse and somewhere better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


class Verdict(StrEnum):
    """What `Front.add` did with a vector."""

    ADDED = "added"
    DOMINATED = "dominated"
    EQUAL = "equal"


class Front:
    """Members that no other one dominates, in the order they came. Owned by one search; others get copies of its ids.

    A network trained further (operator ``continue``) needs no operation of its own: its computed costs are its
    parent's, so with a lower error it dominates the parent, which drops out; with the same error the older one stays;
    with a higher one it is dominated. Where a further objective (error on another set) got worse, both stay, as
    they should.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._points: Points = np.empty((0, 0))  # one row a member

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the members, oldest first."""
        return tuple(self._ids)

    @property
    def members(self) -> Mapping[str, tuple[float, ...]]:
        """A copy of the members' vectors by id, oldest first."""
        return {name: tuple(row) for name, row in zip(self._ids, self._points.tolist(), strict=True)}

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def add(self, name: str, vector: Sequence[float]) -> Verdict:
        """Take in a vector unless a member dominates or equals it; members that it dominates drop out.

        Args:
            name: Id of what has the vector.
            vector: Objective values, all minimised, as many as every member has.

        Raises:
            ValueError: if a value is not finite, the length is another, or the id is a member's.
        """
        new = self._checked(vector)
        if name in self._ids:
            raise ValueError(f"'{name}' is on the front already")
        if not self._ids:
            self._ids, self._points = [name], new[None]
            return Verdict.ADDED
        at_least_as_good = _in_all(self._points <= new)
        if at_least_as_good.any():
            is_equal = bool((self._points[at_least_as_good] == new).all())
            return Verdict.EQUAL if is_equal else Verdict.DOMINATED
        # no member is as good everywhere, so whatever the new one is nowhere worse than, it dominates
        stays = ~_in_all(new <= self._points)
        self._ids = [*(old for old, kept in zip(self._ids, stays, strict=True) if kept), name]
        self._points = np.concatenate([self._points[stays], new[None]])
        return Verdict.ADDED

    def _checked(self, vector: Sequence[float]) -> Points:
        new = np.asarray(vector, dtype=np.float64)
        length = self._points.shape[1] if self._ids else new.size
        if new.ndim != 1 or new.size == 0 or new.size != length:
            raise ValueError(f"expected a vector of {length or 'some'} values, got shape {new.shape}: {vector}")
        if not np.isfinite(new).all():
            raise ValueError(f"only finite values can be compared, got {vector}")
        return new


def _in_all(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether something holds in all objectives, by member."""
    return np.asarray(holds.all(axis=1), dtype=np.bool_)


@dataclass(frozen=True)
class Axis:
    """How an objective is laid out in the box: from `low` (0, best) to `high` (1, worst), by its log10 if `log`."""

    low: float
    high: float
    log: bool

    def scaled(self, values: ArrayLike) -> Points:
        """Values as shares of the way from `low` to `high`; what lies outside is clipped to [0, 1]."""
        raw = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        if not self.log:
            return np.asarray((raw - self.low) / (self.high - self.low), dtype=np.float64)
        # a ratio first: log10 of `high` itself may round to more than the log10 of the whole range
        return np.asarray(np.clip(np.log10(raw / self.low) / np.log10(self.high / self.low), 0, 1), dtype=np.float64)


def scaled(points: ArrayLike, box: Sequence[Axis]) -> Points:
    """Points (n, d) in the unit cube of the box.

    Raises:
        ValueError: if there is not one axis per coordinate, or a value is NaN.
    """
    raw = np.asarray(points, dtype=np.float64)
    if raw.size == 0:
        return np.empty((0, len(box)))
    if raw.ndim != 2 or raw.shape[1] != len(box):
        raise ValueError(f"expected points of shape (n, {len(box)}), one column per axis, got {raw.shape}")
    if np.isnan(raw).any():
        raise ValueError("points hold NaN")
    return np.stack([axis.scaled(column) for axis, column in zip(box, raw.T, strict=True)], axis=1)


def hypervolume(points: ArrayLike, box: Sequence[Axis]) -> float:
    """Share of the box that the points dominate, 0 to 1 (pymoo's indicator).

    The box is constant, so values of different runs compare; points outside are clipped to it.

    Args:
        points: Objective values, (n, d), all minimised; dominated and equal ones change nothing.
        box: One axis per coordinate.

    Raises:
        ValueError: if the shapes do not fit or a value is NaN.
    """
    inside = scaled(points, box)
    if len(inside) == 0:
        return 0.0
    from pymoo.indicators.hv import HV

    return float(HV(ref_point=np.ones(len(box)))(inside))


def non_dominated(points: ArrayLike) -> NDArray[np.intp]:
    """Positions, ascending, of the points (n, d) that no other one dominates; equal points are all kept."""
    raw = np.asarray(points, dtype=np.float64)
    if raw.size == 0:
        return np.empty(0, dtype=np.intp)
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    return np.sort(np.asarray(NonDominatedSorting().do(raw, only_non_dominated_front=True), dtype=np.intp))


def knee(points: ArrayLike, box: Sequence[Axis]) -> int:
    """Position of the point with the best trade-off between the first objective and the mean of the others.

    It is the one farthest below the straight line from the most accurate to the cheapest point, in the box's scales;
    those two themselves only if there is no other.
    For two axes that choice does not depend on the scale of either. pymoo's `HighTradeoffPoints` finds none or several
    on small fronts: see `lemonade.deciding`.

    Args:
        points: Objective values, (n, d) with n at least 1; the first column is the error.
        box: One axis per coordinate.

    Raises:
        ValueError: if there are no points, the shapes do not fit or a value is NaN.
    """
    inside = scaled(points, box)
    if len(inside) == 0:
        raise ValueError("no points, so no knee")
    error = inside[:, 0]
    cost = inside[:, 1:].mean(axis=1) if inside.shape[1] > 1 else np.zeros(len(inside))
    best = np.lexsort((cost, error))[0]
    cheapest = np.lexsort((error, cost))[0]
    rise, run = error[cheapest] - error[best], cost[best] - cost[cheapest]
    below = rise * (cost[best] - cost) + run * (error[best] - error)
    if len(inside) > 2:  # where all lie above the line the ends would win, and they are no trade-off
        below[[best, cheapest]] = -np.inf
    # rounding must not decide between points on the line: the more accurate of them is taken
    close = np.flatnonzero(below >= below.max() - 1e-12)
    return int(close[np.lexsort((cost[close], error[close]))[0]])
