"""Statistics of small samples: is one method's outcome larger than another's, and by how much?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import comb
from typing import Any, TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)
ALPHA = 0.05
"""Below, a difference is called significant."""

MOST_DEALS = 20_000
"""Ways to deal values out to two samples that are gone through one by one; 8 and 8 values have 12,870."""


def larger(first: Sequence[float], second: Sequence[float]) -> float:
    """Chance that a value drawn from the first is larger than one from the second, ties halved.

    0.5 means no difference. Source: Vargha and Delaney (2000), the effect size A12.

    Raises:
        ValueError: if one is empty.
    """
    if not len(first) or not len(second):
        raise ValueError("expected at least one value of each")
    differences = np.subtract.outer(np.asarray(first, np.float64), np.asarray(second, np.float64))
    return float(np.mean(np.where(differences == 0, 0.5, differences > 0)))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided p-value of Mann and Whitney's U test; None if one holds fewer than two values.

    Exact without ties, and with ties where there are few enough ways to deal the values out; else by the normal law.
    """
    if min(len(first), len(second)) < 2:
        return None
    from scipy.stats import PermutationMethod, mannwhitneyu

    method: Any = "exact"
    if len({*first, *second}) < len(first) + len(second):
        few = comb(len(first) + len(second), len(first)) <= MOST_DEALS
        method = PermutationMethod(n_resamples=MOST_DEALS) if few else "asymptotic"
    return float(mannwhitneyu(first, second, method=method).pvalue)


def least_p(first: int, second: int) -> float:
    """The least p-value that two samples of these sizes can come to in `mann_whitney`."""
    return min(1.0, 2 / comb(first + second, first))


def holm(values: Mapping[Name, float]) -> dict[Name, float]:
    """p-values corrected for how many there are (Holm 1979)."""
    corrected, highest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(values.items(), key=lambda pair: pair[1])):
        highest = max(highest, min(1.0, p * (len(values) - rank)))
        corrected[name] = highest
    return {name: corrected[name] for name in values}


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return float(low), float(middle), float(high)


def attained(values: Any, part: float) -> Any:
    """The least level that at least this part of the rows reach, column by column; infinite where fewer do.

    Source: the empirical attainment function (Fonseca, Grunert da Fonseca and Hall 2001) along one objective.

    Args:
        values: (runs, points), smaller is better; infinite where a run has nothing.
        part: Above 0, to 1.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=0)
    return ordered[max(0, int(np.ceil(part * len(ordered) - 1e-9)) - 1)]
