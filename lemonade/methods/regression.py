"""The two models a forecast is made of: errors from what is known before training, and from the loss on the way."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEAST_ROWS = 16
"""Networks that scales are taken from at least, if there are as many."""
MOST_BENT = 6.0
"""Where the hyperbolic sine of a prediction ends: beyond any error that can occur."""
MOST_ROWS = 300
"""The newest networks, which a model learns from; the cost of a Gaussian process grows with the cube."""
TUNED_AGAIN = 1.5
"""The scales of the process are fitted anew whenever there are so many times as many networks."""


@dataclass(frozen=True)
class Bend:
    """Log errors laid out so that those far above the best are drawn together: asinh((log error - base) / scale).

    Near the best errors it is a straight line, far above a logarithm: how badly a network failed (guessing, where
    others err in a tenth) would bend a model everywhere else. A scale of 0 leaves all as it is.

    Attributes:
        base: The least log error.
        scale: The median distance from it.
    """

    base: float
    scale: float

    @classmethod
    def of(cls, log_errors: ArrayLike) -> Bend:
        """The layout for these networks."""
        logs = np.asarray(log_errors, dtype=np.float64)
        return cls(float(logs.min()), float(np.median(logs - logs.min())))

    def bent(self, logs: ArrayLike) -> Array:
        """From log errors to what a model sees."""
        values = np.asarray(logs, dtype=np.float64)
        return np.arcsinh((values - self.base) / self.scale) if self.scale else values

    def straight(self, values: Array) -> Array:
        """Back again; never more than `MOST_BENT` scales away."""
        return self.base + self.scale * np.sinh(np.clip(values, -MOST_BENT, MOST_BENT)) if self.scale else values


class ErrorModel:
    """A Gaussian process from features to the change of the log error: a smooth part, a linear part, and noise.

    Fitting its scales takes most of the time, so `tuned` does that rarely. Chosen on the children of five searches on
    digits, each predicted from those before (median error of the log error): .044 to .048 so, .065 with the error
    itself in place of its change, .074 with a Gaussian kernel on top and bad failures taken as they are.

    Args:
        features: (n, d), oldest first.
        changes: (n,).
        scales: What `tuned` returned.
    """

    def __init__(self, features: ArrayLike, changes: ArrayLike, scales: Scales) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor

        self._scales = scales
        rows, found = np.asarray(features, dtype=np.float64)[-MOST_ROWS:], np.asarray(changes)[-MOST_ROWS:]
        self._process: Any = GaussianProcessRegressor(scales.kernel, optimizer=None, normalize_y=True)
        self._process.fit(scales.standardised(rows), found)

    def predict(self, features: ArrayLike) -> tuple[Array, Array]:
        """Means and deviations of the changes of networks with these features, (m, d); both (m,)."""
        mean, deviation = self._process.predict(self._scales.standardised(features), return_std=True)
        return np.asarray(mean), np.asarray(deviation)


@dataclass(frozen=True, eq=False)
class Scales:
    """How features are standardised, and the kernel for them."""

    middle: Array
    spread: Array
    kernel: Any

    def standardised(self, features: ArrayLike) -> Array:
        """Features that were not constant, with mean 0 and deviation 1 where the scales were taken."""
        kept = self.spread > 1e-9
        return np.asarray((np.asarray(features, dtype=np.float64) - self.middle)[:, kept] / self.spread[kept])


def tuned(features: ArrayLike, changes: ArrayLike) -> Scales:
    """Scales by maximum likelihood, from the newest `MOST_ROWS` of these networks."""
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

    rows, found = np.asarray(features, dtype=np.float64)[-MOST_ROWS:], np.asarray(changes)[-MOST_ROWS:]
    kernel = (
        ConstantKernel(0.5, (1e-2, 1e2)) * Matern(3.0, (0.5, 50), nu=1.5)
        + ConstantKernel(0.1, (1e-4, 1e1)) * DotProduct(0.0, "fixed")
        + WhiteKernel(0.1, (1e-4, 2))
    )
    return _fitted(rows, found, kernel)


def grouped(features: ArrayLike, values: ArrayLike, groups: Sequence[int]) -> Scales:
    """Scales from few networks with features of several kinds, by maximum a posteriori; else as `tuned`.

    Args:
        features: (n, d), oldest first.
        values: (n,).
        groups: How many columns belong to each kind, in their order; the sum is d.
    """
    from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

    from lemonade.methods.kernels import GroupedMatern, most_probable

    rows, found = np.asarray(features, dtype=np.float64)[-MOST_ROWS:], np.asarray(values)[-MOST_ROWS:]
    kept = [int(part.sum()) for part in np.split(rows.std(axis=0) > 1e-9, np.cumsum(groups)[:-1])]
    kinds = [columns for columns in kept if columns]
    # distances grow with the root of the number of columns
    matern = GroupedMatern([2 * np.sqrt(columns) for columns in kinds], kinds)
    kernel = ConstantKernel(1.0, (0.05, 20)) * matern + WhiteKernel(0.03, (1e-4, 1))
    return _fitted(rows, found, kernel, optimizer=most_probable)


def _fitted(rows: Array, values: Array, kernel: Any, **how: Any) -> Scales:
    """Scales whose kernel has been fitted to these networks, `how` being the process's own settings."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor

    scales = Scales(rows.mean(axis=0), rows.std(axis=0), kernel)
    process = GaussianProcessRegressor(kernel, normalize_y=True, **how)
    with warnings.catch_warnings():
        # that a scale lies at its bound (no noise at all, say) is nothing the user can do anything about
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(scales.standardised(rows), values)
    return Scales(scales.middle, scales.spread, process.kernel_)


def tuning_size(rows: int) -> int:
    """How many of so many networks, the oldest ones, the scales are taken from: it grows by leaps."""
    size = LEAST_ROWS
    while size * TUNED_AGAIN <= rows:
        size = int(size * TUNED_AGAIN)
    return min(size, rows)


@dataclass(frozen=True, eq=False)
class CurveModel:
    """log error = weights . features + slope . log loss + shift, with a normal deviation."""

    weights: Array
    slope: float
    shift: float
    deviation: float

    @classmethod
    def of(cls, features: Sequence[Sequence[float]], log_losses: ArrayLike, log_errors: ArrayLike) -> CurveModel:
        """Ridge regression on the newest `MOST_ROWS` networks; the ridge by leave-one-out, and the deviation too."""
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        seen = np.column_stack([np.asarray(features), np.asarray(log_losses)])[-MOST_ROWS:]
        logs = np.asarray(log_errors)[-MOST_ROWS:]
        scaler, ridge = StandardScaler(), RidgeCV(np.logspace(-2, 3, 11), store_cv_results=True)
        make_pipeline(scaler, ridge).fit(seen, logs)
        weights = ridge.coef_ / scaler.scale_
        shift = float(ridge.intercept_ - weights @ scaler.mean_)
        return cls(weights[:-1], float(weights[-1]), shift, float(np.sqrt(-ridge.best_score_)))

    def log_error(self, features: Sequence[float], log_loss: float) -> float:
        """The log error to expect."""
        return float(self.weights @ features) + self.slope * log_loss + self.shift

    def highest_loss(self, features: Sequence[float], log_error: float, chance: float) -> float:
        """The log loss from which on the error falls below `log_error` with less than this chance; inf if none does."""
        from scipy.special import ndtri

        if self.slope <= 0:
            return float("inf")
        reachable = log_error - self.deviation * float(ndtri(chance))
        return (reachable - float(self.weights @ features) - self.shift) / self.slope
