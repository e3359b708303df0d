from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pymoo.problems import get_problem

from lemonade.front import Axis, Front, Verdict, hypervolume, knee, non_dominated, scaled

UNIT = Axis(0, 1, log=False)
COARSE = st.integers(0, 4).map(float)  # so that ties and equal vectors are common


def clouds(dimensions: int = 3, elements: st.SearchStrategy[float] = COARSE) -> st.SearchStrategy[NDArray[np.float64]]:
    return st.integers(1, 20).flatmap(lambda n: arrays(np.float64, (n, dimensions), elements=elements))


def naive(points: NDArray[np.float64]) -> list[int]:
    return [i for i, one in enumerate(points) if not any((two <= one).all() and (two < one).any() for two in points)]


# Front ---------------------------------------------------------------------------------------------------------------


def test_verdicts() -> None:
    front = Front()
    assert front.add("a", (2, 2)) is Verdict.ADDED
    assert front.add("b", (3, 2)) is Verdict.DOMINATED
    assert front.add("c", (2, 2)) is Verdict.EQUAL
    assert front.add("d", (1, 3)) is Verdict.ADDED
    assert front.ids == ("a", "d")
    assert front.add("e", (1, 2)) is Verdict.ADDED
    assert front.members == {"e": (1, 2)}
    assert (len(front), list(front), "e" in front, "a" in front) == (1, ["e"], True, False)


def test_a_member_trained_further_replaces_its_parent_only_if_better() -> None:
    front = Front()
    front.add("parent", (0.2, 1000, 5000))
    assert front.add("same", (0.2, 1000, 5000)) is Verdict.EQUAL
    assert front.add("worse", (0.3, 1000, 5000)) is Verdict.DOMINATED
    assert front.add("better", (0.1, 1000, 5000)) is Verdict.ADDED
    assert front.ids == ("better",)


@pytest.mark.parametrize("vector", [(float("nan"), 1.0), (float("inf"), 1.0), (1.0, -float("inf"))])
def test_values_that_are_not_finite_are_refused(vector: tuple[float, ...]) -> None:
    front = Front()
    with pytest.raises(ValueError, match="only finite values"):
        front.add("a", vector)
    assert len(front) == 0


def test_wrong_lengths_and_known_ids_are_refused() -> None:
    front = Front()
    with pytest.raises(ValueError, match="some values"):
        front.add("a", ())
    front.add("a", (1, 2))
    with pytest.raises(ValueError, match=r"vector of 2 values, got shape \(3,\)"):
        front.add("b", (1, 2, 3))
    with pytest.raises(ValueError, match="'a' is on the front already"):
        front.add("a", (0, 0))


@given(clouds())
def test_front_holds_the_first_of_each_non_dominated_vector(points: NDArray[np.float64]) -> None:
    front = Front()
    for number, point in enumerate(points):
        before = front.ids
        if front.add(str(number), point.tolist()) is not Verdict.ADDED:
            assert front.ids == before
    first = {tuple(points[i].tolist()): i for i in reversed(naive(points))}
    assert front.ids == tuple(str(i) for i in sorted(first.values()))


@given(clouds())
def test_non_dominated_is_the_naive_loop(points: NDArray[np.float64]) -> None:
    assert non_dominated(points).tolist() == naive(points)


def test_non_dominated_of_nothing() -> None:
    assert non_dominated([]).tolist() == []


# Hypervolume ---------------------------------------------------------------------------------------------------------


def test_axis_scales_and_clips() -> None:
    assert Axis(1e2, 1e8, log=True).scaled([1, 1e2, 1e5, 1e8, 1e12]).tolist() == [0, 0, 0.5, 1, 1]
    assert Axis(0, 0.9, log=False).scaled([-1, 0, 0.45, 0.9, 1]).tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("points", "volume"),
    [
        ([], 0.0),
        ([[0, 0]], 1.0),
        ([[1, 0]], 0.0),
        ([[0.5, 0.5]], 0.25),
        ([[0.25, 0.75], [0.75, 0.25]], 0.1875 + 0.1875 - 0.0625),
        ([[0.5, 0.5], [0.5, 0.5], [0.6, 0.9]], 0.25),
        ([[-3, 0.5]], 0.5),
        ([[7, 7]], 0.0),
    ],
)
def test_hypervolume_of_known_sets(points: list[list[float]], volume: float) -> None:
    assert hypervolume(points, [UNIT, UNIT]) == pytest.approx(volume, abs=1e-12)


def test_hypervolume_takes_resources_by_their_log10() -> None:
    box = [Axis(0, 0.9, log=False), Axis(1e2, 1e8, log=True)]
    assert hypervolume([[0.45, 1e5]], box) == pytest.approx(0.25)
    assert hypervolume([[0.0, 1e4], [0.45, 1e2]], box) == pytest.approx(2 / 3 + 1 / 6)


@given(clouds(elements=st.floats(-0.5, 1.5)))
def test_hypervolume_never_falls_and_ignores_order(points: NDArray[np.float64]) -> None:
    box = [UNIT] * 3
    volumes = [hypervolume(points[:n], box) for n in range(len(points) + 1)]
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(volumes))
    assert 0 <= volumes[-1] <= 1
    assert hypervolume(points[::-1], box) == pytest.approx(volumes[-1], abs=1e-12)
    assert hypervolume(points[non_dominated(points)], box) == pytest.approx(volumes[-1], abs=1e-12)


@pytest.mark.parametrize(("name", "volume"), [("zdt1", 2 / 3), ("zdt2", 1 / 3)])
def test_hypervolume_of_zdt_fronts(name: str, volume: float) -> None:
    points = get_problem(name).pareto_front(n_pareto_points=2_000)
    assert hypervolume(points, [UNIT, UNIT]) == pytest.approx(volume, abs=2e-3)
    assert len(non_dominated(points)) == len(points)


def test_hypervolume_refuses_what_it_cannot_mean() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, 2\)"):
        hypervolume([[1, 2, 3]], [UNIT, UNIT])
    with pytest.raises(ValueError, match="NaN"):
        hypervolume([[1, float("nan")]], [UNIT, UNIT])
    assert scaled([], [UNIT, UNIT]).shape == (0, 2)


# Knee ----------------------------------------------------------------------------------------------------------------


def test_knee_bends_most() -> None:
    box = [UNIT, Axis(1e2, 1e6, log=True)]
    assert knee([[0.9, 1e2], [0.2, 1e3], [0.15, 1e4], [0.1, 1e6]], box) == 1
    # the scale of an axis does not matter for two of them
    assert knee([[0.9, 1e2], [0.2, 1e3], [0.15, 1e4], [0.1, 1e6]], [Axis(0, 5, False), Axis(1, 1e9, True)]) == 1


@pytest.mark.parametrize(
    ("points", "position"),
    [
        ([[0.5, 0.5]], 0),
        ([[0.9, 0.1], [0.1, 0.9]], 1),
        ([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]], 0),
        ([[0.6, 0.6], [0.9, 0.1], [0.1, 0.9]], 0),  # above the line: still no end
        ([[0.5, 2], [0.5, 2]], 0),
    ],
)
def test_knee_is_no_end_where_there_is_another(points: list[list[float]], position: int) -> None:
    assert knee(points, [UNIT, UNIT]) == position


def test_no_points_no_knee() -> None:
    with pytest.raises(ValueError, match="no knee"):
        knee([], [UNIT, UNIT])


@given(clouds(elements=st.floats(0, 1)))
def test_knee_is_not_dominated(points: NDArray[np.float64]) -> None:
    members = points[non_dominated(points)]
    assert 0 <= knee(members, [UNIT] * 3) < len(members)
