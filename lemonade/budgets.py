"""How many training images networks see, and how long that is likely to take: rules, never a clock.

They follow from the data set, the networks that a search begins with and what a whole run may spend, so that two runs
of the same config agree; where the run is limited by time, also from its device and its number of workers. On a machine
that is slower than these rules foresee, the loop hurries the first networks of a run by time (`Loop._seconds_for`,
`lemonade.training.loop.Hurry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lemonade.config import Config, TrainingSettings
from lemonade.methods import Family
from morphisms import NetworkGraph, flops

NODE_SECONDS, FLOP_SECONDS = 2.7e-6, 53e-12
"""Of one core, an image: chains and their children of 300 to 100,000 parameters on 8x8 digits (R2 .93)."""
CUDA_STEP_SECONDS, CUDA_FLOP_SECONDS = 1 / 60_000, 1e-13
"""Of one process of four on a card, an image: an H100 trains 58,000 of 16x16 and 50,000 of 32x32."""
STARTS_SHARE = 0.8
"""Of a run's images, or of its time, that its start networks may take, all together."""
LEAST = 1_000
"""Images that a first network sees however short a run is: fewer teach it nothing."""


def image_seconds(graph: NetworkGraph, device: str) -> float:
    """How long one worker is likely to train a network on one image.

    On a processor small networks take as long as they have nodes, large ones as long as they compute.

    Args:
        graph: The network.
        device: Kind of device: ``"cpu"``, ``"cuda"`` or ``"mps"``, which is taken for four cores (a guess).
    """
    if device == "cuda":
        return CUDA_STEP_SECONDS + flops(graph) * CUDA_FLOP_SECONDS
    effort = len(graph.nodes) + flops(graph) * FLOP_SECONDS / NODE_SECONDS
    return effort * NODE_SECONDS / (4 if device == "mps" else 1)


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
    def of(cls, settings: TrainingSettings, train_images: int, shares: Sequence[Share] = ()) -> Self:
        """What the settings say; what they leave open follows from the size of the data set and of the run.

        A child sees sixteen epochs, 8,000 to 96,000 images, and no more than a first network, unless a factor below one
        asks for that. A first network sees thirty-two epochs, or as many times the images of a child set by hand as
        these are of a usual one: two to sixteen times, as far as the run allows. All that it learns goes on to its
        descendants.

        Args:
            settings: May set the number of a child, which a first network then sees at least, and how many times as
                many that sees.
            train_images: In the training split.
            shares: What the run allows first networks (`shares_of_run`); nothing, if that is not known, leaves each at
                most four times a child's images.
        """
        usual = min(max(16 * train_images, 8_000), 96_000)
        child = settings.child_examples or usual
        if settings.initial_factor is not None:
            return cls(child, max(1, round(settings.initial_factor * child)))
        most = min([share.most(child) for share in shares], default=4.0 * child)
        initial = child * min(max(32 * train_images / usual, 2.0), 16.0)
        initial = min(initial, max(most, settings.child_examples or LEAST))
        return cls(settings.child_examples or round(min(usual, initial)), round(initial))


@dataclass(frozen=True)
class Share:
    """What of a run its start networks may take, in images or in seconds.

    Attributes:
        total: All that they may take.
        first: What an image costs that all of those see which are trained long.
        others: What one costs that all of those see which are trained as long as a child.
    """

    total: float
    first: float
    others: float

    def most(self, child: int) -> float:
        """Images for each that is trained long, if the others see as many as a child, or no more than it.

        Of 60 s they may take 48: where an image costs 0.2 ms in the widest and 0.3 ms in the other four together, and a
        child sees 18,400, the widest may see (48 - 0.0003 * 18,400) / 0.0002 = 212,400.
        """
        left = (self.total - self.others * child) / self.first
        return left if left >= child else self.total / (self.first + self.others)


def shares_of_run(config: Config, family: Family, device: str, workers: int) -> list[Share]:
    """What start networks may take so that all of them leave a run a fifth of its images and of its time.

    Args:
        config: Its budget counts.
        family: What it begins with.
        device: Kind of the device that trains.
        workers: Children side by side.

    Returns:
        Empty if the budget tells neither images nor time.
    """
    budget, shares = config.budget, []
    starts = family.starts
    long = len(family.long_starts)
    if budget.examples is not None:
        shares.append(Share(STARTS_SHARE * budget.examples, long, len(starts) - long))
    if budget.time is not None:
        seconds = [image_seconds(start.genotype, device) for start in starts]
        first, others = seconds[-long:], seconds[:-long]
        # long trainings run side by side; what is cut out comes one after another, each from the one before
        shares.append(Share(STARTS_SHARE * budget.time, max(sum(first) / workers, *first), sum(others)))
    return shares


def number_long(config: Config, device: str, workers: int) -> int:
    """How many start networks are trained for long where others are cut out of them: of a run by time, one a core.

    A core that waited for the widest one would do nothing. Where images are counted, or all share a card, it is the
    only one.
    """
    by_time = config.budget.time is not None and config.budget.examples is None
    return workers if device == "cpu" and by_time else 1
