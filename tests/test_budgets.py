"""How many images networks see: rules from data, start networks and what a run may spend."""

import pytest

from lemonade.budgets import ChildBudget, image_seconds, most_of_run, training_effort
from lemonade.config import BudgetSettings, TrainingSettings
from lemonade.spaces.network import WIDTHS, chain

STARTS = [chain((3, 16, 16), 10, width, 3) for width in WIDTHS]


@pytest.mark.parametrize(
    ("images", "child", "initial"),
    [
        (100, 8_000, 16_000),
        (1_150, 18_400, 36_800),
        (4_000, 64_000, 128_000),
        (9_000, 96_000, 288_000),
        (40_000, 96_000, 384_000),
    ],
)
def test_networks_see_so_many_epochs_within_bounds(images, child, initial):
    assert ChildBudget.of(TrainingSettings(), images) == ChildBudget(child, initial)


@pytest.mark.parametrize(
    ("budget", "child", "initial"),
    [
        ({"examples": 20_000_000}, 96_000, 1_280_000),
        ({"examples": 5_000_000}, 96_000, 800_000),
        ({"examples": 500_000}, 80_000, 80_000),
        ({"examples": 50}, 1_000, 1_000),
        ({"evaluations": 20}, 96_000, 384_000),
        ({"time": 3_600}, 96_000, 1_280_000),
        ({"time": 3_600, "examples": 500_000}, 80_000, 80_000),
    ],
)
def test_first_networks_leave_a_short_run_a_fifth(budget, child, initial):
    most = most_of_run(BudgetSettings(**budget), STARTS, "cpu", workers=2)
    assert ChildBudget.of(TrainingSettings(), 40_000, most) == ChildBudget(child, initial)


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_first_networks_are_over_in_four_fifths_of_the_time(device, workers):
    each = [image_seconds(graph, device) for graph in STARTS]
    most = most_of_run(BudgetSettings(time=60), STARTS, device, workers)
    assert most * max(sum(each) / workers, *each) == pytest.approx(48)
    wider = [*STARTS, chain((3, 16, 16), 10, 128, 3)]
    assert most_of_run(BudgetSettings(time=60), wider, device, workers) < most


def test_what_is_set_stays_as_set():
    assert ChildBudget.of(TrainingSettings(child_examples=17, initial_factor=3), 1_150) == ChildBudget(17, 51)
    assert ChildBudget.of(TrainingSettings(initial_factor=0.5), 1_150, most=10) == ChildBudget(18_400, 9_200)
    assert ChildBudget.of(TrainingSettings(child_examples=24_000), 40_000, 160_000) == ChildBudget(24_000, 160_000)
    assert ChildBudget.of(TrainingSettings(child_examples=24_000), 40_000, 5_000) == ChildBudget(24_000, 24_000)


def test_effort_is_told_in_nodes():
    assert training_effort("a row of a table") == 1
    small, large = STARTS[0], STARTS[-1]
    assert training_effort(small) == pytest.approx(len(small.nodes), rel=0.1)
    assert image_seconds(large, "cpu") > 2 * image_seconds(small, "cpu") > 0
