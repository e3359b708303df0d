"""How much of a table's true front a method has found: the sharp hypervolume.

Both objectives are scaled so that the true front's ideal point is 0 and its nadir point 1; the reference point is
(1.05, 1.05), and the volume is told as a share of the true front's. Points outside that box add nothing. Scaled to the
range of the whole table instead, nearly all of the volume would lie under the first few networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemonade.errors import LemonadeError
from lemonade.front import non_dominated

REFERENCE = 1.05


class SharpBox:
    """The box of one table.

    Args:
        points: (error, cost) of all its rows, (n, 2).

    Raises:
        LemonadeError: if one row is best in both, so that there is no front to speak of.
    """

    def __init__(self, points: ArrayLike) -> None:
        every = np.unique(np.asarray(points, dtype=np.float64), axis=0)
        front = every[non_dominated(every)]
        self._ideal = front.min(axis=0)
        self._range = front.max(axis=0) - self._ideal
        if not self._range.all():
            raise LemonadeError(
                f"one row is best in both objectives (error {self._ideal[0]:g}, cost {self._ideal[1]:g}): there is no "
                "front to find. Choose another cost."
            )
        self._front = (front - self._ideal) / self._range
        self._whole = 1.0
        self._whole = self.shares(front)[-1]

    def shares(self, points: ArrayLike) -> NDArray[np.float64]:
        """Share of the true front's volume after each point, for (error, cost) in the order of evaluation, (n, 2)."""
        scaled = (np.asarray(points, dtype=np.float64) - self._ideal) / self._range
        members: list[tuple[float, float]] = []
        shares, volume = [], 0.0
        for error, cost in scaled.tolist():
            new = error < REFERENCE and cost < REFERENCE
            if new and not any(e <= error and c <= cost for e, c in members):
                members = [(e, c) for e, c in members if not (error <= e and cost <= c)]
                members.append((error, cost))
                volume = _volume(members)
            shares.append(volume / self._whole)
        return np.array(shares)

    def distance(self, points: ArrayLike) -> float:
        """IGD+ of (error, cost) points, (n, 2): mean distance of the true front to them, in the box's scales.

        Source: Ishibuchi et al. 2015; pymoo's indicator. 0 if the whole front is among them.
        """
        from pymoo.indicators.igd_plus import IGDPlus

        scaled = (np.asarray(points, dtype=np.float64) - self._ideal) / self._range
        return float(IGDPlus(self._front)(scaled))


def _volume(members: Sequence[tuple[float, float]]) -> float:
    """Area below the reference point that members, none of which dominates another, dominate."""
    total, height = 0.0, REFERENCE
    for error, cost in sorted(members, key=lambda member: member[1]):
        total += (height - error) * (REFERENCE - cost)
        height = error
    return total
