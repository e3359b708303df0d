"""What the rows of a study come to: medians, tests, and how many examples one method needs for another's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lemonade.comparing.statistics import holm, mann_whitney

Row = dict[str, Any]
NESTED = ("trace", "front")


def by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by arm, each in order of seed."""
    arms = dict.fromkeys(row["arm"] for row in rows)
    return {arm: sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["seed"]) for arm in arms}


def steps(row: Row) -> list[Row]:
    """The trace of a run, and its end (the last generation may not have been brought to its own)."""
    return [*row["trace"], {name: row[name] for name in ("examples", "seconds", "test") if name in row}]


def median_curve(rows: Sequence[Row], axis: str, at: Sequence[float], quantile: float = 0.5) -> np.ndarray[Any, Any]:
    """Quantile over seeds of the test hypervolume when so many ``"examples"`` or ``"seconds"`` had been spent."""
    curves = []
    for row in rows:
        points = steps(row)
        spent = np.array([point[axis] for point in points])
        volumes = np.array([0.0, *[point["test"] for point in points]])
        curves.append(volumes[np.searchsorted(spent, at, side="right")])
    return np.quantile(curves, quantile, axis=0)


def needed(rows: Sequence[Row], axis: str, volume: float) -> float | None:
    """What the median curve of an arm has spent when it reaches a hypervolume; None if it never does."""
    at = sorted(point[axis] for row in rows for point in steps(row))
    reached = np.flatnonzero(median_curve(rows, axis, at) >= volume)
    return float(at[reached[0]]) if reached.size else None


def summarise(rows: Sequence[Row], ours: str) -> dict[str, Any]:
    """Medians of all arms, and ours against each rival.

    Returns:
        ``medians``; ``best rival`` by median test hypervolume; for each rival: seeds of ours and of its own, the
        difference of the medians, Mann and Whitney's p, corrected by Holm; and what ours needed for the rival's final
        median, against what the rival needed, in examples and seconds.
    """
    arms = by_arm(rows)
    names = [name for name, value in rows[0].items() if isinstance(value, int | float) and name != "seed"]
    medians = {
        arm: {"seeds": len(mine)}
        | {
            name: round(float(np.median([row[name] for row in mine if name in row])), 5)
            for name in names
            if name in mine[0]
        }
        for arm, mine in arms.items()
    }
    rivals = [arm for arm in arms if arm != ours]
    if ours not in arms or not rivals:
        return {"medians": medians}
    best = max(rivals, key=lambda arm: medians[arm]["test"])
    against = {arm: _against(arms[ours], arms[arm]) for arm in rivals}
    tested = {arm: found["p"] for arm, found in against.items() if found["p"] is not None}
    for arm, p in holm(tested).items():
        against[arm]["p (Holm)"] = p
    return {"medians": medians, "best rival": best, "against": against}


def _against(ours: Sequence[Row], rival: Sequence[Row]) -> dict[str, Any]:
    mine, theirs = ([row["test"] for row in rows] for rows in (ours, rival))
    found: dict[str, Any] = {
        "seeds": [len(mine), len(theirs)],
        "difference of medians": float(np.median(mine) - np.median(theirs)),
        "p": mann_whitney(mine, theirs),
    }
    for axis in ("examples", "seconds"):
        if axis in rival[0]:  # of a ladder examples alone: it has its result at its end
            goal = float(np.median([row["test"] for row in rival]))
            found[f"{axis} the rival needed for its median"] = needed(rival, axis, goal)
            found[f"{axis} ours needed for it"] = needed(ours, axis, goal)
            goal = float(np.median([row["test"] for row in ours]))
            found[f"{axis} the rival needed for our median"] = needed(rival, axis, goal)
            found[f"{axis} ours needed for our median"] = needed(ours, axis, goal)
    return found
