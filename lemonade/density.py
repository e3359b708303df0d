"""Drawing where networks are few: probabilities inverse to a kernel density of the cheap objectives.

LEMONADE (Elsken et al. 2019), Eq. 1 for parents and Eq. 2 for children. The paper leaves kernel, bandwidth and scale
open; here: Gaussian, Scott's factor, standardised log10.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

MOST_UNLIKELY = -600.0
"""Least log weight relative to the largest: still a number above 0."""

WORST_CONDITION = 1e4
"""Condition number of the covariance above which (correlation beyond 0.9998) the full kernel is a needle: whatever lies
beside the line of the members would have density 0."""


def inverse_density_weights(fit_points: ArrayLike, at_points: ArrayLike, floor: float = 0.05) -> Array:
    """Probabilities of drawing each of `at_points`, inverse to the density of `fit_points` there.

    Densities are raised to `floor` times the largest density at a fit point: otherwise the most outlying point would
    get nearly all the probability (measured: effective choice 1 of 100 proposals; with 0.05 it is 50).

    Args:
        fit_points: Cheap objectives of the population, (n, d) with n at least 1, in their own units.
        at_points: Cheap objectives of what is drawn from, (m, d).
        floor: Share of the largest density, 0 to 1; 0 is no floor.

    Returns:
        Probabilities, (m,), that sum to 1.

    Raises:
        ValueError: for empty or non-finite points, shapes that do not fit, or a floor outside [0, 1].
    """
    fit, at = _checked(fit_points, "fit_points"), _checked(at_points, "at_points")
    if fit.shape[1] != at.shape[1]:
        raise ValueError(f"expected points with the same objectives, got {fit.shape[1]} and {at.shape[1]}")
    if not 0 <= floor <= 1:
        raise ValueError(f"expected a floor between 0 and 1, got {floor}")
    fit, at = _standardised(fit, at)
    if fit.shape[1] == 0:  # one member, or all alike: no density to speak of
        return np.full(len(at), 1 / len(at))
    logs, highest = _log_densities(fit, at)
    if floor > 0:
        logs = np.maximum(logs, highest + np.log(floor))
    # relative to the least dense point, so that the largest weight is 1 and nothing overflows
    # (without a floor the others may underflow, and a draw without replacement needs them all above 0)
    weights = np.exp(np.maximum(logs.min() - logs, MOST_UNLIKELY))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _checked(points: ArrayLike, name: str) -> Array:
    raw = np.asarray(points, dtype=np.float64)
    if raw.ndim != 2 or 0 in raw.shape:
        raise ValueError(f"{name}: expected shape (points, objectives), none of them 0, got {raw.shape}")
    if not np.isfinite(raw).all():
        raise ValueError(f"{name}: expected finite values")
    return raw


def _standardised(fit: Array, at: Array) -> tuple[Array, Array]:
    """Both in log10, shifted and scaled so that `fit` has mean 0 and deviation 1; its constant dimensions dropped."""
    both = np.concatenate([fit, at])
    # an objective of the user's own may be 0 or negative: arcsinh is a logarithm for large values of either sign
    positive = (both > 0).all(axis=0)
    both = np.where(positive, np.log10(np.where(positive, both, 1)), np.arcsinh(both))
    fit, at = both[: len(fit)], both[len(fit) :]
    middle = fit.mean(axis=0)
    spread = fit.std(axis=0, ddof=1) if len(fit) > 1 else np.zeros(fit.shape[1])
    # the mean of equal numbers may be off by a rounding, which must not pass for a spread
    kept = spread > 1e-9 * np.maximum(1, np.abs(middle))
    return (fit[:, kept] - middle[kept]) / spread[kept], (at[:, kept] - middle[kept]) / spread[kept]


def _log_densities(fit: Array, at: Array) -> tuple[Array, float]:
    """Log densities at `at` and the largest one at a point of `fit`, both up to the same constant."""
    from scipy.stats import gaussian_kde

    members, dimensions = fit.shape
    covariance = np.atleast_2d(np.cov(fit, rowvar=False))
    if members >= dimensions + 2 and np.linalg.cond(covariance) < WORST_CONDITION:
        density = gaussian_kde(fit.T, bw_method="scott")
        return np.asarray(density.logpdf(at.T)), float(density.logpdf(fit.T).max())
    return _product_kernel(fit, at), float(_product_kernel(fit, fit).max())


def _product_kernel(fit: Array, at: Array) -> Array:
    """Log density, up to a constant, of Gaussians around `fit` with Scott's factor as deviation in each dimension."""
    from scipy.special import logsumexp

    members, dimensions = fit.shape
    width = members ** (-1 / (dimensions + 4))
    distances = ((at[:, None, :] - fit[None, :, :]) / width) ** 2
    return np.asarray(logsumexp(-0.5 * distances.sum(axis=2), axis=1), dtype=np.float64)
