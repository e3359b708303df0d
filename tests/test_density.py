from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from lemonade.density import inverse_density_weights


def population(members: int = 12, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    params = 10 ** rng.uniform(2, 6, members)
    return np.stack([params, params * 10 ** rng.uniform(1, 2, members)], axis=1)


def test_equals_scipys_density_without_a_floor() -> None:
    fit, at = population(), population(30, seed=1)
    logs = np.log10(fit)
    density = gaussian_kde(((logs - logs.mean(0)) / logs.std(0, ddof=1)).T, bw_method="scott")
    inverse = 1 / density(((np.log10(at) - logs.mean(0)) / logs.std(0, ddof=1)).T)
    np.testing.assert_allclose(inverse_density_weights(fit, at, floor=0), inverse / inverse.sum(), rtol=1e-9)


def test_densities_are_raised_to_the_floor() -> None:
    fit = population()
    at = np.concatenate([fit, [[1e12, 1e3], [1e30, 1e3]]])  # far from everything
    weights = inverse_density_weights(fit, at, floor=0.05)
    assert weights[-1] == pytest.approx(weights[-2])  # both on the floor
    assert weights.max() / weights.min() == pytest.approx(20)  # 1 / floor
    assert inverse_density_weights(fit, at, floor=0)[-1] == pytest.approx(1)
    np.testing.assert_allclose(inverse_density_weights(fit, fit, floor=1), 1 / len(fit))


def test_thin_regions_get_more() -> None:
    fit = np.array([[1e3], [1.1e3], [1.2e3], [1.3e3], [1e6]])
    weights = inverse_density_weights(fit, fit)
    assert weights.argmax() == 4
    assert weights[4] > 2 * weights[:4].max()


def test_does_not_depend_on_units() -> None:
    fit, at = population(), population(20, seed=2)
    np.testing.assert_allclose(
        inverse_density_weights(fit, at), inverse_density_weights(fit * [1e-3, 7], at * [1e-3, 7]), rtol=1e-9
    )


def test_one_member_or_all_alike_is_uniform() -> None:
    at = population(5)
    for fit in ([[1e3, 1e5]], [[1e3, 1e5]] * 6):
        np.testing.assert_allclose(inverse_density_weights(fit, at), 0.2)


def test_constant_dimensions_are_dropped() -> None:
    fit = population()
    constant = np.column_stack([fit, np.full(len(fit), 7.1e5)])
    np.testing.assert_allclose(inverse_density_weights(constant, constant), inverse_density_weights(fit, fit))


@pytest.mark.parametrize("members", [2, 3, 4, 12])
def test_flops_in_proportion_to_params(members: int) -> None:
    params = population(members)[:, :1]
    fit = np.concatenate([params, params * 64], axis=1)
    weights = inverse_density_weights(fit, fit)
    assert weights.sum() == pytest.approx(1)
    # the product kernel still tells a crowd from an outlier
    crowd = np.concatenate(
        [np.full((members, 2), [1e3, 6.4e4]) * (1 + 1e-3 * np.arange(members))[:, None], [[1e6, 6.4e7]]]
    )
    assert inverse_density_weights(crowd, crowd).argmax() == members


def test_few_members_use_a_product_kernel_with_scotts_factor() -> None:
    fit = np.array([[1e2, 1e4], [1e4, 1e5], [1e3, 1e8]])  # 3 members, 2 dimensions: fewer than d + 2
    logs = np.log10(fit)
    z = (logs - logs.mean(0)) / logs.std(0, ddof=1)
    width = 3 ** (-1 / 6)
    density = np.exp(-0.5 * (((z[:, None] - z[None]) / width) ** 2).sum(-1)).sum(1)
    np.testing.assert_allclose(inverse_density_weights(fit, fit, floor=0), (1 / density) / (1 / density).sum())


@given(
    st.integers(1, 3).flatmap(
        lambda d: st.tuples(
            *[
                st.integers(1, 12).flatmap(
                    lambda n: arrays(
                        np.float64,
                        (n, d),
                        elements=st.one_of(
                            st.sampled_from([0.0, 1.0, 64.0, 1e5]), st.floats(-1e9, 1e9), st.floats(1e-3, 1e12)
                        ),
                    )
                )
                for _ in range(2)
            ]
        )
    ),
    st.sampled_from([0.0, 0.05, 1.0]),
)
def test_always_probabilities(points: tuple[NDArray[np.float64], NDArray[np.float64]], floor: float) -> None:
    fit, at = points
    weights = inverse_density_weights(fit, at, floor)
    assert weights.shape == (len(at),)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    if floor > 0:
        assert (weights > 0).all()


def test_refuses_what_it_cannot_mean() -> None:
    with pytest.raises(ValueError, match="fit_points: expected shape"):
        inverse_density_weights(np.empty((0, 2)), [[1, 2]])
    with pytest.raises(ValueError, match="at_points: expected finite"):
        inverse_density_weights([[1, 2]], [[1, float("nan")]])
    with pytest.raises(ValueError, match="the same objectives, got 2 and 1"):
        inverse_density_weights([[1, 2]], [[1]])
    with pytest.raises(ValueError, match="floor between 0 and 1"):
        inverse_density_weights([[1, 2]], [[1, 2]], floor=2)
