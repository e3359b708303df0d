"""How much hypervolume networks can be expected to gain, given what their errors may be.

The gain is the expected hypervolume improvement (Emmerich et al. 2006) in the run's box; the cheap objectives of a
network are known, so only its error is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemonade.front import Axis

Array = NDArray[np.float64]
Reached = NDArray[np.bool_]

GRID = 2_048
"""Points of the cheap objectives' box at which a gain is summed; a power of two, as Sobol points want."""
LEAST_ERROR = 1e-3
"""Errors below count as this: their logarithms would be all that a model sees."""


class Coverage:
    """What of the box the front covers, and what more a network would cover.

    The box of the cheap objectives is laid out with points; at each stands the least error of the members that cost no
    more in any objective. A further member gains where it costs no more than the point and has a lower error.

    Args:
        error: The error's side of the box.
        costs: The cheap objectives' sides.
    """

    def __init__(self, error: Axis, costs: Sequence[Axis]) -> None:
        from scipy.stats.qmc import Sobol

        self._error = error
        self._costs = tuple(costs)
        self._points = np.asarray(Sobol(len(costs), scramble=False).random(GRID))
        self._least = np.ones(GRID)  # in shares of the error's side

    def add(self, error: float, reached: Reached) -> None:
        """Take in a network with that error, which reaches these points."""
        self._least[reached] = np.minimum(self._least[reached], self._error.scaled(error))

    def gains(self, errors: Array, reached: Reached) -> Array:
        """Share of the box that each network would add.

        Args:
            errors: (n, k): k equally likely errors of each of n networks.
            reached: (n, points), what `reached` says of them.

        Returns:
            (n,), means over the k errors.
        """
        # few different errors stand at all the points: the mean gain is worked out once for each
        levels, level = np.unique(self._least, return_inverse=True)
        lower = np.maximum(0, levels[None, :, None] - self._error.scaled(errors)[:, None, :]).mean(axis=2)
        counts = reached.astype(np.float64) @ np.eye(len(levels))[level]
        return np.asarray((lower * counts).sum(axis=1) / GRID)

    def reached(self, costs: ArrayLike) -> Reached:
        """Which points cost no less than each network: (n, points), for cheap objectives (n, d)."""
        values = np.asarray(costs, dtype=np.float64)
        sides = np.stack([axis.scaled(values[:, k]) for k, axis in enumerate(self._costs)], axis=1)
        return np.asarray((sides[:, None, :] <= self._points[None]).all(axis=2))


class Shown:
    """The error a person would see, given the one that decides: a power law through all networks (Poisson regression).

    Where the smoothed error decides, a gain has to be told in the plain one: from .06 to .05 smoothed may be nothing,
    from .15 to .14 a percent.

    Args:
        deciding: (n,) errors that decide.
        shown: (n,) errors of the same networks as people see them.
        highest: Errors from here on lie outside the box, and do not bend the law.
    """

    def __init__(self, deciding: ArrayLike, shown: ArrayLike, highest: float) -> None:
        from sklearn.linear_model import PoissonRegressor

        errors, plain = np.asarray(deciding, dtype=np.float64), np.asarray(shown, dtype=np.float64)
        within = plain < highest
        # where all are seen as faultless no law can be told
        self._is_same = bool((errors == plain).all()) or within.sum() < 5 or not plain[within].any()
        if not self._is_same:
            law = PoissonRegressor(alpha=1e-4, max_iter=1000).fit(log_errors(errors[within])[:, None], plain[within])
            self._shift, self._power = float(law.intercept_), max(float(law.coef_[0]), 0.1)

    def __call__(self, errors: ArrayLike) -> Array:
        """Plain errors to expect; grows with `errors`."""
        values = np.asarray(errors, dtype=np.float64)
        return values if self._is_same else np.asarray(np.exp(self._shift + self._power * log_errors(values)))


def log_errors(errors: ArrayLike) -> Array:
    """Logarithms of errors, none below `LEAST_ERROR`."""
    return np.asarray(np.log(np.maximum(np.asarray(errors, dtype=np.float64), LEAST_ERROR)))
