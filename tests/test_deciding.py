"""Pseudo-weights and high trade-off points, held against their definitions."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonade.deciding import check_weights, choose_by_weights, high_tradeoff, parse_weights
from lemonade.errors import LemonadeError
from lemonade.front import Axis, non_dominated, scaled

BOX = {"error": Axis(0, 0.9, False), "params": Axis(1e2, 1e8, True), "flops": Axis(1e3, 1e11, True)}
NAMES = list(BOX)
POINT = st.tuples(st.floats(0, 0.9), st.integers(50, 10**7), st.integers(10**3, 10**9))
WEIGHTS = st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0, 3.0]), min_size=3, max_size=3).filter(any)


def by_definition(points, weights):
    """Positions of the points nearest to the weights, by the formula, among those undominated in what counts."""
    counts = [k for k, weight in enumerate(weights) if weight]
    inside = scaled(points, list(BOX.values()))[:, counts]
    kept = [
        k for k, row in enumerate(inside) if not any((other <= row).all() and (other < row).any() for other in inside)
    ]
    low, high = inside[kept].min(axis=0), inside[kept].max(axis=0)
    differs = high > low
    if not differs.any():
        return kept
    wanted = np.array(weights)[counts][differs]
    wanted = wanted / wanted.sum()
    lead = ((high - inside[kept]) / np.where(differs, high - low, 1))[:, differs]
    distance = np.abs(lead / lead.sum(axis=1, keepdims=True) - wanted).sum(axis=1)
    return [kept[k] for k in np.flatnonzero(distance <= distance.min() + 1e-9)]


@given(st.lists(POINT, min_size=1, max_size=12), WEIGHTS)
def test_the_nearest_by_definition_is_chosen(points, weights):
    front = [points[k] for k in non_dominated(points)]
    choice = choose_by_weights(front, BOX, check_weights(dict(zip(NAMES, weights, strict=True)), NAMES, "w"))
    assert choice.position in by_definition(front, weights)
    assert sum(choice.wanted.values()) == pytest.approx(1)
    assert not choice.found or sum(choice.found.values()) == pytest.approx(1)


FRONT = [(0.5, 200, 5e3), (0.1, 1_000, 2e4), (0.05, 9_000, 3e5), (0.01, 80_000, 2e6)]


@pytest.mark.parametrize(
    ("weights", "position"),
    [({"error": 1}, 3), ({"params": 2}, 0), ({"error": 1, "params": 0}, 3), ({"error": 0.5, "params": 0.5}, 1)],
)
def test_one_weight_takes_the_least_and_equal_ones_the_middle(weights, position):
    assert choose_by_weights(FRONT, BOX, check_weights(weights, NAMES, "w")).position == position


def test_a_single_point_and_points_that_are_alike():
    assert choose_by_weights(FRONT[:1], BOX, {"error": 0.5, "params": 0.5}).found == {}
    same_size = [(0.3, 500, 5e3), (0.2, 500, 9e3)]
    choice = choose_by_weights(same_size, BOX, {"error": 0.5, "params": 0.5})
    assert (choice.position, choice.rivals, choice.found) == (1, 1, {})
    choice = choose_by_weights([(0.3, 500, 5e3), (0.3, 900, 4e3)], BOX, {"error": 0.5, "params": 0.3, "flops": 0.2})
    assert choice.found.keys() == {"params", "flops"}  # they do not differ in their errors
    assert choice.position == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parms=1", "--weights: 'parms' is not an objective of this run. Did you mean 'params'? It has: error, params"),
        ("error=-1,params=2", "--weights: the weight of 'error' is -1; expected a number of at least 0."),
        ("error=nan", "--weights: the weight of 'error' is nan; expected a number of at least 0."),
        ("error=inf", "--weights: the weight of 'error' is inf; expected a number of at least 0."),
        ("error=0,params=0", '--weights: no weight is above 0. For example: --weights "error=0.7,params=0.3"'),
        ("error=lots", "--weights 'error=lots': expected a number after 'error=', got 'lots'. For example:"),
        ("error=1,error=2", "--weights 'error=1,error=2': 'error' is named twice. For example:"),
        ("error:1", "--weights 'error:1': expected NAME=NUMBER, got 'error:1'. For example:"),
        ("error=1,", "--weights 'error=1,': expected NAME=NUMBER, got ''. For example:"),
        ("", "--weights '': expected NAME=NUMBER, got ''. For example:"),
    ],
)
def test_wrong_weights_are_one_line(text, message):
    with pytest.raises(LemonadeError) as error:
        parse_weights(text, NAMES)
    assert str(error.value).startswith(message)


def test_weights_add_up_however_large():
    assert parse_weights(" error = 7e307, params=3e307,flops=1.7e308", NAMES)["error"] == pytest.approx(7 / 27)
    assert parse_weights("error@a=b=1,params=1", ["error@a=b", "params"]) == {"error@a=b": 0.5, "params": 0.5}


TWO = [BOX["error"], BOX["params"]]


def test_a_corner_has_a_high_tradeoff():
    corner = [(0.8, 100), (0.6, 300), (0.4, 900), (0.02, 1_500), (0.015, 3e4), (0.01, 4e5), (0.005, 5e6)]
    assert high_tradeoff(corner, TWO) == [3]


def test_where_none_can_stand_out_there_is_none():
    assert high_tradeoff([(0.3, 100), (0.2, 1_000)], TWO) == []
    assert high_tradeoff([(0.3,), (0.3,)], TWO[:1]) == []
    assert high_tradeoff(np.empty((0, 2)), TWO) == []


def test_warnings_stay_as_they_were():
    before = list(warnings.filters)
    high_tradeoff(FRONT, list(BOX.values()))
    choose_by_weights(FRONT, BOX, {"error": 0.5, "params": 0.5})
    assert warnings.filters == before
