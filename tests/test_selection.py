"""Which reading of the error decides: with few validation images the plain one picks luck, the smoothed one less."""

import numpy as np
import pytest

from lemonade.config import SelectionSettings
from lemonade.front import Front
from lemonade.objectives import resolve, vector

OBJECTIVES = resolve(("error", "params"), 10)
NETWORKS, TRIALS = 60, 40


def planted(images, seed):
    """Readings of equally good networks on the same few images: only their mistakes fall differently."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(1.0, 2.0, images) + rng.normal(0.0, 0.5, (NETWORKS, images))
    probability = 1 / (1 + np.exp(-margins / 2))  # trained with label smoothing, a network is never quite sure
    plain, smoothed = (margins <= 0).mean(axis=1), 1 - probability.mean(axis=1)
    return [
        {"error": float(p), "error_smoothed": float(s), "params": 100.0} for p, s in zip(plain, smoothed, strict=True)
    ]


def optimism(images, smoothed):
    """How far the chosen network's validation error lies below the true one, which all have; mean over trials."""
    gaps = []
    for seed in range(TRIALS):
        values = planted(images, seed)
        front = Front()
        for number, one in enumerate(values):
            front.add(str(number), vector(one, OBJECTIVES, smoothed))
        (chosen,) = front.ids
        gaps.append(np.mean([one["error"] for one in values]) - values[int(chosen)]["error"])
    return float(np.mean(gaps))


def test_choice_by_plain_error_inflates_and_by_smoothed_error_less():
    plain, smoothed = optimism(100, False), optimism(100, True)
    assert plain > 0.04
    assert smoothed < 0.6 * plain


def test_luck_wears_off_with_the_number_of_images():
    assert optimism(5_000, False) < 0.25 * optimism(100, False)


@pytest.mark.parametrize(
    ("settings", "images", "decides"),
    [({}, 287, True), ({}, 1_000, False), ({"smoothed": True}, 10_000, True), ({"smoothed": False}, 50, False)],
)
def test_the_number_of_images_decides_unless_set(settings, images, decides):
    assert SelectionSettings(**settings).is_smoothed(images) is decides
