"""How many training images networks see: a rule from the data set, and from what a whole run may spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch

from lemonade.config import BudgetSettings, TrainingSettings
from lemonade.data import Dataset

PIXELS_A_SECOND = {"cpu": 5e6, "mps": 2e7, "cuda": 1e8}
"""Pace of one worker while it trains, about: a core takes 11,000 images of 16x16 a second, 48,000 of 8x8, 3,000 to
6,000 of 32x32; an H100 160,000 to 270,000 of 32x32; mps is a guess. What a budget of time is worth in images is told by
this, never by a clock, so that two runs of the same config agree."""

STARTS_SHARE = 0.6
"""Of a run's images that its first networks may see, all together."""


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

        Args:
            settings: May set either number.
            train_images: In the training split.
            run_images: What the whole run may see (`run_images`); None: no end is known.
            starts: Networks that the search begins with.
        """
        child = settings.child_examples or min(max(16 * train_images, 8_000), 96_000)
        if settings.initial_factor is not None:
            return cls(child, round(settings.initial_factor * child))
        initial = child * min(max(train_images / 5_000, 2.0), 8.0)
        if run_images is not None:
            initial = min(initial, max(STARTS_SHARE * run_images / starts, child))
        return cls(child, round(initial))


def run_images(budget: BudgetSettings, dataset: Dataset, device: torch.device, workers: int) -> float | None:
    """Training images that a run may see, where its budget tells; of a budget of time at the usual pace of a device."""
    _, height, width = dataset.input_shape
    told = [] if budget.examples is None else [float(budget.examples)]
    if budget.time is not None:
        told.append(budget.time * workers * PIXELS_A_SECOND[device.type] / (height * width))
    return min(told, default=None)
