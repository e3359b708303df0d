"""A trained network of a run, on its front or not: candidate, what came back for it, weights and module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError
from lemonade.facts import DataFacts
from lemonade.types import LATENCY, Candidate, Evaluation
from morphisms import GraphError, NetworkGraph, flops, load_weights, params

if TYPE_CHECKING:
    from torch import nn

    from morphisms import Weights


@dataclass(frozen=True, eq=False)
class Member:
    """One network of a run.

    Attributes:
        candidate: What was to be trained.
        evaluation: What came back.
        folder: The run folder.
        facts: Of the data set.
    """

    candidate: Candidate
    evaluation: Evaluation
    folder: Path
    facts: DataFacts

    def __repr__(self) -> str:
        from lemonade.numbers import named

        values = ", ".join(named(name, value) for name, value in self.values.items())
        return f"<Member {self.id}: {values}>"

    @property
    def id(self) -> str:
        """Its id, ``"c0131"``."""
        return self.candidate.id

    @property
    def parent(self) -> str | None:
        """Id of the network that it was made from by rewrites; None if it was made without."""
        return self.candidate.parent

    @property
    def generation(self) -> int:
        """0 for the networks that a search began with."""
        return self.candidate.generation

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators that made it from its parent, in order."""
        return tuple(morphism.operator for morphism in self.candidate.morphisms)

    @property
    def summary(self) -> str:
        """How it came about, in words: ``"widen conv3 24 to 36; prune conv2 16 to 12"``, or its origin."""
        return "; ".join(morphism.summary for morphism in self.candidate.morphisms) or self.candidate.origin

    @property
    def graph(self) -> NetworkGraph:
        """The network as a value."""
        return self.candidate.graph

    @cached_property
    def values(self) -> Mapping[str, float]:
        """All objective values, computed and measured, with ``error_smoothed``; ``params`` and ``flops`` always."""
        known: dict[str, float] = {**self.evaluation.values, **self.candidate.costs}
        for name, count in (("params", params), ("flops", flops)):
            if name not in known:
                known[name] = count(self.graph)
        return known

    @property
    def latency_protocol(self) -> str:
        """How its latency was measured, in words; empty if it was not, or by an objective that does not say."""
        from lemonade.numbers import count, measured, quantity

        told = {"warm_up": 10, "passes": 50, **self.evaluation.payload.get(LATENCY, {})}  # an earlier version's numbers
        if "median_ms" not in told:
            return ""
        parts = [
            f"a batch of {told['batch']}",
            *([quantity(told["threads"], "thread")] if told["device"] == "cpu" else []),
            told.get("dtype", "float32"),
            told.get("runtime", "torch"),
            " ".join(str(told[key]) for key in ("device", "hardware") if key in told),
        ]
        return (
            f"median of {count(told['passes'])} passes after {count(told['warm_up'])} to warm up, quartiles "
            f"{measured('latency_ms', told['spread_ms'])} apart; {', '.join(parts)}"
        )

    @property
    def latency_spread(self) -> float:
        """Milliseconds between the quartiles of its timings; 0 if it was not timed, or by an objective without them."""
        return float(self.evaluation.payload.get(LATENCY, {}).get("spread_ms", 0.0))

    @property
    def input(self) -> str:
        """What `module` takes and returns, in words."""
        channels, height, width = self.facts.input_shape
        classes = self.facts.classes
        named = ", ".join(classes) if len(classes) <= 20 else f"{', '.join(classes[:3])}, ..., {classes[-1]}"
        return (
            f"float32 images (N, {channels}, {height}, {width}) in [0, 1]; returns logits (N, {len(classes)}) of the "
            f"classes {named}"
        )

    def weights(self) -> Weights:
        """The trained weights, mapped from their file.

        Raises:
            LemonadeError: naming the file, if it is missing or damaged, or saying why there is none.
        """
        if self.evaluation.weights is None:
            raise LemonadeError(f"{self.id} has no weights: its evaluation {_ended(self.evaluation)}.")
        path = self.folder / self.evaluation.weights
        if not path.exists():
            raise LemonadeError(
                f"{path}: there is no such file. Weights are kept for members of the front; {self.id} "
                "may have left it, or the file was moved."
            )
        try:
            return load_weights(path, sha256=self.evaluation.sha256)
        except GraphError as error:
            raise LemonadeError(f"{error}. Put the file back from a copy.") from None

    def module(self, weights: Weights | None = None) -> nn.Module:
        """The trained network as a plain module in eval mode; see `input` for what it takes.

        Its weights are the search's, also after `lemonade.retrain`; `lemonade.export` and `predict` take the better.

        Args:
            weights: In place of those that the search left; checked already to be of this network.

        Raises:
            LemonadeError: naming the file, if the weights are missing, damaged or of another network.
        """
        from lemonade.contract import Normalised
        from morphisms import build_module

        try:
            network = build_module(self.graph, self.weights() if weights is None else weights)
        except ValueError as error:
            raise LemonadeError(f"{self.folder / str(self.evaluation.weights)}: {error}.") from None
        return Normalised(network, self.facts.mean, self.facts.std).eval()


def _ended(evaluation: Evaluation) -> str:
    return "ended as: " + " · ".join(part for part in (evaluation.status.value, evaluation.message) if part)
