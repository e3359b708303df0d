"""Runs judged on test images: what a person would have chosen at each time, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import lemonade
from lemonade.config import TrainingSettings
from lemonade.data import Dataset, Split
from lemonade.errors import LemonadeError
from lemonade.front import Axis, Front, hypervolume
from lemonade.methods.family import slimmer
from lemonade.spaces.network import chain
from lemonade.training import Reading, read_error, train
from lemonade.types import Status
from morphisms import build_module, params
from morphisms.module import GraphModule

WIDTHS, RUNGS = (2, 3, 4, 6, 8, 12, 16, 24, 32), 8
"""Widths of the first block of the hand-made chains, up to the widest start network's, and how many are trained."""


@dataclass(frozen=True)
class Network:
    """One trained network: its size, and its error on validation and on test images."""

    size: float
    validation: Reading
    test: Reading

    def to_json(self) -> list[float]:
        """Size, plain error on validation and on test images, smoothed error on validation images."""
        return [self.size, self.validation.error, self.test.error, self.validation.error_smoothed]


@dataclass(frozen=True)
class Court:
    """What all runs are judged by.

    Attributes:
        data: Training and validation images.
        test: Test images; only studies open them.
        box: Error and parameters, fixed beforehand.
        smoothed: Whether members are chosen by the smoothed error.
        limits: Sizes at which the best member's error is told.
    """

    data: Dataset
    test: Split
    box: tuple[Axis, Axis]
    smoothed: bool
    limits: Sequence[int]

    def read(self, module: GraphModule, size: float) -> Network:
        """A network with its errors."""
        validation, test = (read_error(module, part, self.data, "cpu") for part in (self.data.validation, self.test))
        return Network(size, validation, test)

    def networks_of(self, run: lemonade.Run) -> dict[str, Network]:
        """All networks of a run that kept them all, by id."""
        found = {}
        for name, evaluation in run.evaluations.items():
            if evaluation.status is Status.OK:
                member = run.member(name)
                module = build_module(member.graph, member.weights())
                found[name] = self.read(module, member.values["params"])
        return found

    def ladder(self, seed: int, examples: int, training: TrainingSettings, is_separable: bool = False) -> list[Network]:
        """Chains with sizes spread over the box, each trained on an equal share of the examples.

        Args:
            seed: Of weights and of training.
            examples: Training images that all of them see together.
            training: How they are trained.
            is_separable: Whether the largest convolution of all but the widest is depthwise separable, which a person
                may find out by trying; then one lies below the box, so that its small end is covered.

        Raises:
            LemonadeError: if none lies in the box, or there are fewer examples than chains.
        """
        chains = [chain(self.data.input_shape, len(self.data.classes), width, 3) for width in WIDTHS]
        if is_separable:
            chains = [*[made.graph for made in slimmer(chains)], chains[-1]]
        within = [graph for graph in chains if self.box[1].low <= params(graph) <= self.box[1].high]
        if within and is_separable:
            within = [*[graph for graph in chains if params(graph) < self.box[1].low][-1:], *within]
        if not within or examples < RUNGS:
            raise LemonadeError(
                f"--arms: a ladder needs chains within --params and an image for each of {RUNGS}, got {len(within)} "
                f"chains and {examples} images."
            )
        found = []
        rungs = np.unique(np.linspace(0, len(within) - 1, RUNGS).round().astype(int))
        for graph in (within[position] for position in rungs):
            module = build_module(graph, seed=1000 * seed + params(graph))
            train(module, self.data, training, examples=examples // len(rungs), seed=seed, device="cpu")
            found.append(self.read(module, params(graph)))
        return found

    def chosen(self, networks: Sequence[Network]) -> list[Network]:
        """What a person would choose, from the validation images: the front, smallest first."""
        return _front(networks, [self.deciding(one) for one in networks])

    def deciding(self, network: Network) -> float:
        """The error that a person would choose by."""
        reading = network.validation
        return reading.error_smoothed if self.smoothed else reading.error

    def volume(self, chosen: Sequence[Network], part: str) -> float:
        """Hypervolume of chosen networks by their plain error on ``"validation"`` or ``"test"`` images."""
        return hypervolume([(getattr(one, part).error, one.size) for one in chosen], self.box)

    def verdict(self, networks: Sequence[Network]) -> dict[str, float]:
        """Hypervolumes of the chosen on validation and on test images, and the best possible on test images."""
        chosen = self.chosen(networks)
        possible = _front(networks, [one.test.error for one in networks])
        return {
            "validation": self.volume(chosen, "validation"),
            "test": self.volume(chosen, "test"),
            "possible": self.volume(possible, "test"),
            "members": len(chosen),
            **{f"test error <= {limit}": self._least(chosen, limit) for limit in self.limits},
        }

    def trace(self, run: lemonade.Run, networks: Mapping[str, Network]) -> list[dict[str, Any]]:
        """After each generation: what had been spent, and the test hypervolume of what one would have chosen then."""
        points = []
        for generation in run.generations:
            names = [name for name in networks if run.candidates[name].generation <= generation.number]
            volume = self.volume(self.chosen([networks[name] for name in names]), "test")
            points.append(
                {"examples": generation.spent.examples, "seconds": generation.spent.seconds, "test": round(volume, 5)}
            )
        return points

    def _least(self, chosen: Sequence[Network], limit: float) -> float:
        """Test error of the member that validation would pick within a limit of parameters."""
        within = [one for one in chosen if one.size <= limit]
        return min(within, key=self.deciding).test.error if within else 1.0


def _front(networks: Sequence[Network], errors: Sequence[float]) -> list[Network]:
    front = Front()
    for position, (one, error) in enumerate(zip(networks, errors, strict=True)):
        front.add(str(position), (error, one.size))
    return sorted([networks[int(name)] for name in front.ids], key=lambda one: one.size)
