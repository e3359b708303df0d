"""A Gaussian process's kernel for features of several kinds, and how its scales are found from few networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel, NormalizedKernelMixin, StationaryKernelMixin

Array = NDArray[np.float64]

USUAL_SPREAD = 1.0
"""Deviation of the normal prior on the logarithms of scales: most lie within a factor of e of where they start."""


class GroupedMatern(StationaryKernelMixin, NormalizedKernelMixin, Kernel):  # type: ignore[misc]
    """Matern kernel with nu = 3/2 whose length scale is shared by all columns of a group.

    One scale for each column would be more than a few dozen networks can tell; one for all would let the most numerous
    kind of feature decide alone.

    Args:
        length_scale: One for each group.
        groups: How many columns belong to each, in their order.
        length_scale_bounds: Of each.
    """

    def __init__(
        self,
        length_scale: Sequence[float],
        groups: Sequence[int],
        length_scale_bounds: tuple[float, float] = (0.3, 100.0),
    ) -> None:
        self.length_scale = length_scale
        self.groups = groups
        self.length_scale_bounds = length_scale_bounds

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """The scales, as scikit-learn wants to know them."""
        return Hyperparameter("length_scale", "numeric", self.length_scale_bounds, len(self.groups))

    def __call__(self, X: Array, Y: Array | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803 (its base)
        """Correlations, (n, m); with `eval_gradient` also their derivatives by the log scales, (n, n, groups)."""
        from scipy.spatial.distance import cdist

        ends = np.cumsum(self.groups)
        parts = [
            cdist(one, other, "sqeuclidean") / scale**2
            for one, other, scale in zip(
                np.split(X, ends[:-1], axis=1),
                np.split(X if Y is None else Y, ends[:-1], axis=1),
                np.atleast_1d(self.length_scale),
                strict=True,
            )
        ]
        distance = np.sqrt(3 * sum(parts))
        decay = np.exp(-distance)
        correlation = (1 + distance) * decay
        return (correlation, np.stack([3 * part * decay for part in parts], axis=2)) if eval_gradient else correlation


def most_probable(objective: Callable[..., tuple[float, Array]], start: Array, bounds: Array) -> tuple[Array, float]:
    """An optimizer for scikit-learn's Gaussian process: maximum a posteriori in place of maximum likelihood.

    A dozen networks hardly tell one set of scales from another, and the likeliest often explains them as pure noise, or
    as no noise at all. So their logarithms are thought to be normal around where they start.
    """
    from scipy.optimize import minimize

    def penalised(theta: Array) -> tuple[float, Array]:
        value, gradient = objective(theta, eval_gradient=True)
        away = (theta - start) / USUAL_SPREAD
        return float(value + 0.5 * away @ away), gradient + away / USUAL_SPREAD

    found = minimize(penalised, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 50})
    return found.x, float(found.fun)
