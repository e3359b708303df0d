"""Choosing from a front: pymoo's pseudo-weights and high trade-off points, in the scales of the hypervolume's box.

Both are relative to the points they are given: 0 is the best of them in an objective, 1 the worst.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lemonade.errors import LemonadeError, no_objective
from lemonade.front import Axis, Points, non_dominated, scaled

EXAMPLE = "error=0.7,params=0.3"


@dataclass(frozen=True)
class Choice:
    """The point whose pseudo-weights are nearest to the wanted ones.

    Attributes:
        position: Of the point.
        wanted: What was asked for, adding up to 1; objectives of weight 0 are left out.
        found: The point's own pseudo-weights: where its gains over the worst point lie, adding up to 1. Objectives in
            which the points do not differ are left out; empty if they differ in none.
        rivals: Points that it was chosen from: those that no other beats in all the wanted objectives.
    """

    position: int
    wanted: Mapping[str, float]
    found: Mapping[str, float]
    rivals: int


def parse_weights(text: str, names: Sequence[str], option: str = "--weights") -> dict[str, float]:
    """Read ``NAME=NUMBER`` with commas between.

    Args:
        text: What a person typed.
        names: The objectives there are.
        option: The option it came from, for the error.

    Raises:
        LemonadeError: for anything else, an objective named twice, or weights that `check_weights` refuses.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (word.strip() for word in part.rpartition("="))
        if not equals or not name:
            raise _unreadable(text, option, f"expected NAME=NUMBER, got '{part.strip()}'")
        if name in weights:
            raise _unreadable(text, option, f"'{name}' is named twice")
        try:
            weights[name] = float(number)
        except ValueError:
            raise _unreadable(text, option, f"expected a number after '{name}=', got '{number}'") from None
    return check_weights(weights, names, option)


def check_weights(weights: Mapping[str, float], names: Sequence[str], where: str) -> dict[str, float]:
    """The weights above 0, made to add up to 1.

    Args:
        weights: By objective; those not named weigh nothing.
        names: The objectives there are.
        where: What an error begins with.

    Raises:
        LemonadeError: for an unknown objective, a negative or infinite weight, or none above 0.
    """
    for name, weight in weights.items():
        if name not in names:
            raise no_objective(where, name, names)
        if not (math.isfinite(weight) and weight >= 0):
            raise LemonadeError(f"{where}: the weight of '{name}' is {weight:g}; expected a number of at least 0.")
    largest = max(weights.values(), default=0)
    if not largest:
        raise LemonadeError(f'{where}: no weight is above 0. For example: {where} "{EXAMPLE}"')
    relative = {name: weight / largest for name, weight in weights.items() if weight}  # their sum may be infinite
    total = sum(relative.values())
    return {name: weight / total for name, weight in relative.items()}


def choose_by_weights(points: ArrayLike, box: Mapping[str, Axis], weights: Mapping[str, float]) -> Choice:
    """The point whose pseudo-weights are nearest to the wanted ones (pymoo; Deb 2001).

    An objective of weight 0 does not count at all: taken literally, weight 0 asks for the worst point in it. So only
    points are chosen from that no other beats in the objectives that count.

    Args:
        points: Objective values, (n, d) with n at least 1, all minimised.
        box: Axis by objective, one per coordinate.
        weights: As `check_weights` returns them.

    Raises:
        ValueError: if the shapes do not fit or a value is NaN.
    """
    columns = [position for position, name in enumerate(box) if name in weights]
    names = [name for name in box if name in weights]
    inside = scaled(points, list(box.values()))[:, columns]
    open_to = non_dominated(inside)
    inside = inside[open_to]
    differs = np.flatnonzero(inside.max(axis=0) > inside.min(axis=0))
    if not len(differs):
        return Choice(int(open_to[0]), dict(weights), {}, len(open_to))
    wanted = np.array([weights[names[position]] for position in differs])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymoo imports a name that scipy has moved
        from pymoo.mcdm.pseudo_weights import PseudoWeights

    best, shares = PseudoWeights(wanted / wanted.sum()).do(inside[:, differs], return_pseudo_weights=True)
    found = {names[position]: float(share) for position, share in zip(differs, shares[best], strict=True)}
    return Choice(int(open_to[best]), dict(weights), found, len(open_to))


def high_tradeoff(points: ArrayLike, box: Sequence[Axis]) -> list[int]:
    """Positions, ascending, of the points with a high trade-off (pymoo; Rachmawati and Srinivasan 2009).

    Going from one of them to any point nearby loses more for each gain than from nearly all others. Those count whose
    least loss per gain lies two standard deviations above the mean; if there are none, the highest, if it is more than
    one above. So with few points that follow no corner the highest one says little.

    Args:
        points: Objective values, (n, d), all minimised and none dominated.
        box: One axis per coordinate.

    Raises:
        ValueError: if the shapes do not fit or a value is NaN.
    """
    inside = _unit(scaled(points, box))
    if len(inside) < 3 or inside.shape[1] < 2:  # of two, each gains what the other loses
        return []
    with warnings.catch_warnings():  # pymoo switches off all warnings of the process
        from pymoo.mcdm.high_tradeoff import HighTradeoffPoints

        found = HighTradeoffPoints().do(inside)
    return [] if found is None else sorted(int(position) for position in found)


def _unit(inside: Points) -> Points:
    """Points laid out from the best (0) to the worst (1) of them; coordinates in which all agree are dropped."""
    if not len(inside):
        return inside
    low, high = inside.min(axis=0), inside.max(axis=0)
    differs = high > low
    return np.asarray((inside[:, differs] - low[differs]) / (high - low)[differs], dtype=np.float64)


def _unreadable(text: str, option: str, reason: str) -> LemonadeError:
    return LemonadeError(f"{option} '{text}': {reason}. For example: {option} \"{EXAMPLE}\"")
