"""How many images networks see: rules from data, start networks and what a run may spend."""

import pytest

from lemonade.budgets import NODE_SECONDS, ChildBudget, Share, image_seconds, number_long, shares_of_run
from lemonade.config import Config, TrainingSettings
from lemonade.methods import Family
from lemonade.spaces import Start
from lemonade.spaces.network import WIDTHS, chain

STARTS = [Start(chain((3, 16, 16), 10, width, 3), str(width)) for width in WIDTHS]


def sizes(images=40_000, inherit=True, device="cpu", workers=1, starts=STARTS, **budget):
    """Of a run on so many images."""
    config = Config(dataset="digits", budget=budget)
    family = Family(starts, inherit, long=number_long(config, device, workers))
    return ChildBudget.of(TrainingSettings(), images, shares_of_run(config, family, device, workers))


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
    ("budget", "child", "cut", "fresh"),
    [
        ({"examples": 20_000_000}, 96_000, 1_280_000, 1_280_000),
        ({"examples": 5_000_000}, 96_000, 1_280_000, 800_000),
        ({"examples": 1_000_000}, 96_000, 416_000, 160_000),
        ({"examples": 500_000}, 80_000, 80_000, 80_000),
        ({"examples": 50}, 1_000, 1_000, 1_000),
        ({"evaluations": 20}, 96_000, 384_000, 384_000),
        ({"time": 3_600}, 96_000, 1_280_000, 1_280_000),
        ({"time": 3_600, "examples": 500_000}, 80_000, 80_000, 80_000),
    ],
)
def test_start_networks_leave_a_short_run_a_fifth(budget, child, cut, fresh):
    assert sizes(**budget) == ChildBudget(child, cut)
    assert sizes(inherit=False, **budget) == ChildBudget(child, fresh)


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_start_networks_are_over_in_four_fifths_of_the_time(device, workers):
    *others, first = each = [image_seconds(start.genotype, device) for start in STARTS]
    long = workers if device == "cpu" else 1  # side by side
    most = sizes(10**7, device=device, workers=workers, time=20)
    cut = most.child * sum(each[:-long])
    assert most.initial * max(sum(each[-long:]) / workers, first) + cut == pytest.approx(16, rel=0.01)
    fresh = sizes(10**7, inherit=False, device=device, workers=workers, time=20).initial
    assert fresh * max((first + sum(others)) / workers, first) == pytest.approx(16, rel=0.01)
    wider = [*STARTS, Start(chain((3, 16, 16), 10, 128, 3), "128")]
    assert sizes(10**7, device=device, workers=workers, starts=wider, time=20).initial < most.initial


def test_what_is_set_stays_as_set():
    ten, many, few = [Share(most, 1, 0) for most in (10, 160_000, 5_000)]
    assert ChildBudget.of(TrainingSettings(child_examples=17, initial_factor=3), 1_150) == ChildBudget(17, 51)
    assert ChildBudget.of(TrainingSettings(initial_factor=0.5), 1_150, [ten]) == ChildBudget(18_400, 9_200)
    assert ChildBudget.of(TrainingSettings(child_examples=24_000), 40_000, [many]) == ChildBudget(24_000, 160_000)
    assert ChildBudget.of(TrainingSettings(child_examples=24_000), 40_000, [few]) == ChildBudget(24_000, 24_000)


def test_small_networks_take_as_long_as_they_have_nodes():
    small, large = STARTS[0].genotype, STARTS[-1].genotype
    assert image_seconds(small, "cpu") == pytest.approx(len(small.nodes) * NODE_SECONDS, rel=0.1)
    assert image_seconds(large, "cpu") > 2 * image_seconds(small, "cpu") > 0
