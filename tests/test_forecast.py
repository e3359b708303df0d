"""What a run learns from its children: planted laws are found, gains are hypervolumes, and nothing good is stopped."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_methods import OBJECTIVES, drive, make_setting

from lemonade.evaluate.fake import evaluation, landscape
from lemonade.front import Axis, hypervolume
from lemonade.methods import METHODS
from lemonade.methods.gain import GRID, Coverage, Shown
from lemonade.methods.regression import CurveModel, ErrorModel, tuned, tuning_size
from lemonade.types import Candidate, Hurdle, Status

BOX = [one.axis for one in OBJECTIVES]
ERROR, SIZE = Axis(0, 0.9, False), Axis(1e2, 1e6, True)


# Gain ----------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_gain_is_the_difference_of_two_hypervolumes(seed):
    rng = np.random.default_rng(seed)
    for axes in ([SIZE], [SIZE, Axis(1e3, 1e9, True)]):
        costs = 10 ** rng.uniform(1, 9, (9, len(axes)))
        errors = rng.uniform(0, 1, 9)
        coverage = Coverage(ERROR, axes)
        for error, reached in zip(errors[:6], coverage.reached(costs[:6]), strict=True):
            coverage.add(error, reached)
        gains = coverage.gains(errors[6:, None], coverage.reached(costs[6:]))
        points = np.column_stack([errors, costs])
        before = hypervolume(points[:6], [ERROR, *axes])
        for k, gain in enumerate(gains):
            after = hypervolume(points[[*range(6), 6 + k]], [ERROR, *axes])
            assert gain == pytest.approx(after - before, abs=20 / GRID)


def test_an_expected_gain_is_the_mean_over_what_the_error_may_be():
    coverage = Coverage(ERROR, [SIZE])
    reached = coverage.reached([[1e3]])
    coverage.add(0.5, reached[0])
    both = coverage.gains(np.array([[0.2, 0.8]]), reached)
    assert both == pytest.approx(coverage.gains(np.array([[0.2]]), reached) / 2)
    assert coverage.gains(np.array([[0.5]]), reached) == 0


def test_plain_errors_are_read_off_smoothed_ones():
    rng = np.random.default_rng(0)
    smoothed = rng.uniform(0.05, 0.4, 200)
    plain = rng.binomial(300, np.minimum(1, 4 * smoothed**2)) / 300
    shown = Shown(smoothed, plain, 0.9)
    for value in (0.06, 0.1, 0.2):
        assert shown(value) == pytest.approx(4 * value**2, rel=0.25)
    assert np.all(np.diff(shown(np.linspace(0.01, 0.9, 50))) > 0)


def test_a_plain_error_that_decides_is_shown_as_it_is():
    shown = Shown([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0.9)
    assert shown(0.17) == 0.17


def test_where_all_plain_errors_are_zero_the_one_that_decides_is_taken():
    shown = Shown([0.01, 0.02, 0.03, 0.04, 0.05, 0.06], [0.0] * 6, 0.9)
    assert shown(0.17) == 0.17


# Regression ----------------------------------------------------------------------------------------------------------


def planted(count, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 6)) * [1, 5, 0.1, 2, 1, 0]
    return features, -2 - 0.5 * features[:, 0] + 0.3 * np.tanh(features[:, 1] / 5) + noise * rng.normal(size=count)


def test_the_error_model_finds_a_planted_law_and_knows_how_sure_it_is():
    features, logs = planted(120)
    model = ErrorModel(features[:80], logs[:80], tuned(features[:48], logs[:48]))
    mean, deviation = model.predict(features[80:])
    residuals = mean - logs[80:]
    assert np.sqrt(np.mean(residuals**2)) < 0.25 * logs.std()
    assert np.mean(np.abs(residuals) < 2 * deviation) > 0.8
    far = model.predict(features[80:] + 100)[1]
    assert far.min() > deviation.max()


def test_scales_are_tuned_by_leaps():
    assert [tuning_size(rows) for rows in (1, 12, 15, 16, 17)] == [1, 12, 15, 16, 16]  # never of rows to come
    sizes = [tuning_size(rows) for rows in range(16, 500)]
    assert sizes == sorted(sizes) and len(set(sizes)) < 12
    assert all(size <= rows < 2 * size for rows, size in zip(range(16, 500), sizes, strict=True))


def test_the_curve_model_says_how_high_a_loss_may_stand():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(150, 4))
    losses = features[:, 0] + rng.normal(size=150)
    logs = 0.8 * losses + 0.2 * features[:, 1] - 1 + 0.1 * rng.normal(size=150)
    model = CurveModel.of(features.tolist(), losses, logs)
    assert model.slope == pytest.approx(0.8, abs=0.05)
    assert model.deviation == pytest.approx(0.1, rel=0.25)
    assert model.log_error(features[0].tolist(), 1.0) == pytest.approx(-0.2 + 0.2 * features[0, 1], abs=0.1)
    most = model.highest_loss(features[0].tolist(), -1.0, 0.05)
    assert model.log_error(features[0].tolist(), most) == pytest.approx(-1.0 + 1.645 * model.deviation, abs=1e-3)
    # with so high a loss, one in twenty falls below the goal
    outcomes = model.log_error(features[0].tolist(), most) + model.deviation * rng.normal(size=20_000)
    assert np.mean(outcomes < -1.0) == pytest.approx(0.05, abs=0.01)


def test_no_loss_is_too_high_where_losses_tell_nothing():
    rng = np.random.default_rng(2)
    model = CurveModel.of(rng.normal(size=(60, 3)).tolist(), np.linspace(0, 1, 60), np.linspace(1, 0, 60))
    assert model.highest_loss([0, 0, 0], -1.0, 0.05) == float("inf")


# Hurdles -------------------------------------------------------------------------------------------------------------


def test_a_hurdle_looks_once_and_at_the_second_half_of_its_share():
    hurdle = Hurdle(0.5, 1.0)
    curve = [(10, 9.0), (20, 3.0), (30, 2.0), (40, 1.0), (50, 0.6), (60, 0.1)]
    assert hurdle.reading(curve[:4], 100) is None
    assert hurdle.reading(curve[:5], 100) == hurdle.reading(curve, 100) == pytest.approx(1.2)
    assert hurdle.stops(curve[:5], 100) and not hurdle.stops(curve[:4], 100)
    assert not Hurdle(0.5, 1.3).stops(curve[:5], 100)
    assert hurdle.reading([], 100) is None


def test_hurdles_survive_the_journal():
    one = drive(METHODS["lemonade"](make_setting()), 2)[-1]
    with_hurdle = dataclasses.replace(one, hurdle=Hurdle(0.3, 0.7))
    for candidate in (one, with_hurdle):
        again = Candidate.from_json(json.loads(json.dumps(candidate.to_json())), candidate.graph)
        assert dataclasses.replace(again, generation=candidate.generation) == candidate


def test_what_is_stopped_early_would_not_have_reached_the_front():
    stopped = wasted = 0
    for seed in (1, 2, 3, 4):
        search = METHODS["lemonade"](make_setting(seed, stop_chance=0.05))
        for _ in range(25):
            batch = search.ask()
            results = [evaluation(one, landscape(one)) for one in batch]
            search.tell(results)
            for one, result in zip(batch, results, strict=True):
                if result.status is Status.STOPPED:
                    stopped += 1
                    assert one.id not in search.front.ids
                    point = (landscape(one), *one.costs.values())
                    wasted += not any(np.less_equal(member, point).all() for member in search.front.members.values())
    assert stopped > 40
    assert wasted <= 0.05 * stopped


def test_a_chance_of_nothing_stops_nobody():
    search = METHODS["lemonade"](make_setting(stop_chance=0.0))
    for _ in range(15):
        batch = search.ask()
        assert all(one.hurdle is None for one in batch)
        search.tell([evaluation(one, landscape(one)) for one in batch])


# Ranking -------------------------------------------------------------------------------------------------------------


def test_taking_children_by_their_gain_pays():
    """At equal numbers of children, and on every one of five seeds."""
    gained = []
    for seed in range(1, 6):
        volumes = []
        for accept in ("gain", "density"):
            search = METHODS["lemonade"](make_setting(seed, accept=accept, proposals=60))
            drive(search, 14)
            volumes.append(hypervolume(list(search.front.members.values()), BOX))
        gained.append(volumes[0] - volumes[1])
    assert min(gained) > 0


def test_a_share_is_drawn_by_density_all_the_same():
    counts = []
    for share in (0.0, 1.0):
        search = METHODS["lemonade"](make_setting(3, explore_share=share))
        counts.append([one.id + one.key for one in drive(search, 10)])
    by_density = [one.id + one.key for one in drive(METHODS["lemonade"](make_setting(3, accept="density")), 10)]
    assert counts[1] == by_density != counts[0]
