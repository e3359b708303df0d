"""How many training images networks see, and how long that is likely to take: rules, never a clock.

They follow from the data set, the networks that a search begins with and what a whole run may spend, so that two runs
of the same config agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lemonade.config import BudgetSettings, TrainingSettings
from lemonade.types import Genotype
from morphisms import NetworkGraph, flops

NODE_SECONDS, FLOP_SECONDS = 2.7e-6, 53e-12
"""Of one core, an image: chains and their children of 300 to 100,000 parameters on 8x8 digits (R2 .93)."""
CUDA_STEP_SECONDS, CUDA_FLOP_SECONDS = 1 / 60_000, 1e-13
"""Of one process of four on a card, an image: an H100 trains 58,000 of 16x16 and 50,000 of 32x32."""
STARTS_SHARE = 0.8
"""Of a run's images, or of its time, that its first networks may take, all together."""
LEAST = 1_000
"""Images that a first network sees however short a run is: fewer teach it nothing."""


def training_effort(genotype: Genotype) -> float:
    """How long training takes, in the time that a node takes for being there; rows of a table cost the same.

    Small networks take as long as they have nodes, large ones as long as they compute.
    """
    if isinstance(genotype, str):
        return 1.0
    return len(genotype.nodes) + flops(genotype) * FLOP_SECONDS / NODE_SECONDS


def image_seconds(graph: NetworkGraph, device: str) -> float:
    """How long one worker is likely to train a network on one image.

    Args:
        graph: The network.
        device: Kind of device: ``"cpu"``, ``"cuda"`` or ``"mps"``, which is taken for four cores (a guess).
    """
    if device == "cuda":
        return CUDA_STEP_SECONDS + flops(graph) * CUDA_FLOP_SECONDS
    return training_effort(graph) * NODE_SECONDS / (4 if device == "mps" else 1)


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
    def of(cls, settings: TrainingSettings, train_images: int, most: float | None = None) -> Self:
        """What the settings say; what they leave open follows from the size of the data set and of the run.

        A child sees sixteen epochs, 8,000 to 96,000 images, and no more than a first network. That sees thirty-two
        epochs, two to sixteen times as many images as a child, as far as the run allows: all that it learns goes on to
        its descendants.

        Args:
            settings: May set the number of a child, which a first network then sees at least, and how many times as
                many that sees.
            train_images: In the training split.
            most: What the run allows a first network (`most_of_run`); None, if that is not known, leaves it at most
                four times a child's.
        """
        usual = min(max(16 * train_images, 8_000), 96_000)
        child = settings.child_examples or usual
        if settings.initial_factor is not None:
            return cls(child, round(settings.initial_factor * child))
        initial = child * min(max(32 * train_images / usual, 2.0), 16.0)
        initial = min(initial, 4.0 * child if most is None else max(most, settings.child_examples or LEAST))
        return cls(settings.child_examples or round(min(usual, initial)), round(initial))


def most_of_run(budget: BudgetSettings, starts: Sequence[NetworkGraph], device: str, workers: int) -> float | None:
    """Images that each first network may see, so that all of them leave a run a fifth of its images and of its time.

    Args:
        budget: Of the run.
        starts: The first networks.
        device: Kind of the device that trains.
        workers: Children side by side.

    Returns:
        None if the budget tells neither images nor time.
    """
    most = [] if budget.examples is None else [budget.examples / len(starts)]
    if budget.time is not None:
        each = [image_seconds(graph, device) for graph in starts]
        most.append(budget.time / max(sum(each) / workers, *each))
    return min(most) * STARTS_SHARE if most else None
