"""How many training images networks see: a rule from the data set, and from what a whole run may spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch

from lemonade.config import BudgetSettings, TrainingSettings
from lemonade.data import Dataset

PIXELS_A_SECOND = {"cpu": 3.5e6, "mps": 1e7, "cuda": 5e7}
"""Pace of one worker while it trains, rather below what was measured: a core takes 9,000 images of 16x16 a second and
3,000 to 6,000 of 32x32, each of four processes on an H100 50,000 of 32x32; mps is a guess. What a budget of time is
worth in images is told by this, never by a clock, so that two runs of the same config agree."""

STARTS_SHARE = 0.8
"""Of a run's images that its first networks may see, all together."""
LEAST = 1_000
"""Images that a first network sees however short a run is: fewer teach it nothing."""


@dataclass(frozen=True)
class ChildBudget:
    """How many training images networks see.

    Attributes:
        child: A child.
        initial: A network that starts a search, with no parent to inherit from.
    """

    child: int
    initial: int

    @classmethod
    def of(
        cls, settings: TrainingSettings, train_images: int, run_images: float | None = None, starts: int = 1
    ) -> Self:
        """What the settings say; what they leave open follows from the size of the data set and of the run.

        A child sees sixteen epochs, 8,000 to 96,000 images. A first network sees thirty-two epochs, two to sixteen
        times as many images as a child, as far as all first networks together leave a run a fifth of its own: all
        that they learn goes on to their descendants. No child sees more than they do.

        Args:
            settings: May set the number of a child, and how many times as many a first network sees.
            train_images: In the training split.
            run_images: What the whole run may see (`run_images`); None, if that is not known, leaves a first network at
                most four times a child's.
            starts: Networks that the search begins with.
        """
        usual = min(max(16 * train_images, 8_000), 96_000)
        child = settings.child_examples or usual
        if settings.initial_factor is not None:
            return cls(child, round(settings.initial_factor * child))
        initial = child * min(max(32 * train_images / usual, 2.0), 16.0)
        initial = min(initial, 4.0 * child if run_images is None else max(STARTS_SHARE * run_images / starts, LEAST))
        return cls(settings.child_examples or round(min(usual, initial)), round(initial))


def run_images(budget: BudgetSettings, dataset: Dataset, device: torch.device, workers: int) -> float | None:
    """Training images that a run may see, where its budget tells; of a budget of time at the usual pace of a device."""
    _, height, width = dataset.input_shape
    told = [] if budget.examples is None else [float(budget.examples)]
    if budget.time is not None:
        told.append(budget.time * workers * PIXELS_A_SECOND[device.type] / (height * width))
    return min(told, default=None)
