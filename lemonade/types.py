"""Values that flow between the parts of lemonade. All are frozen: a change makes a new value.

Every type here goes to JSON and back through `to_json` and `from_json`, since it crosses to the journal, to another
process or to another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any

from morphisms import Morphism, NetworkGraph

from lemonade.config import TrainingSettings


class Status(StrEnum):
    """How the evaluation of a candidate ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"
    REJECTED = "rejected"  # a measured objective (latency) lies beyond its limit: recorded, never trained


@dataclass(frozen=True)
class Candidate:
    """A network that a search method wants trained.

    Attributes:
        id: Zero-padded number in order of acceptance, ``"c0007"``.
        graph: The network.
        key: What tells duplicates apart: the graph's name-free hash (and, for a continued one, its examples).
        parent: Id of the candidate whose weights it starts from; None for a start network.
        morphisms: The rewrites that lead from the parent's graph to this one, in order; they replay bit for bit.
        generation: 0 for the initial population.
        costs: Values of the cheap objectives, known without training.
        examples: Training images it may see, distillation included.
        seed: Derived from the run's seed and the id; everything random about its evaluation follows from it.
        origin: How a start network came about, in words; empty for children.
    """

    id: str
    graph: NetworkGraph
    key: str
    parent: str | None
    morphisms: tuple[Morphism, ...]
    generation: int
    costs: Mapping[str, float]
    examples: int
    seed: int
    origin: str = ""


@dataclass(frozen=True)
class Job:
    """All that a worker needs to evaluate one candidate; it carries no tensor.

    Attributes:
        candidate: What to evaluate.
        training: Settings of the training engine.
        inherit: False trains the candidate from fresh weights (the ablation), all else equal.
        parent_graph: Graph that the candidate's morphisms start from.
        parent_weights: Path of the parent's weights, to be mapped and never written.
        output: Path the trained weights are written to; the store gives them their final name.
        kind: Always ``"child"`` today; ``"supernet"``, ``"score"`` and ``"reference"`` are reserved.
    """

    candidate: Candidate
    training: TrainingSettings
    inherit: bool
    parent_graph: NetworkGraph | None
    parent_weights: str | None
    output: str
    kind: str = "child"


@dataclass(frozen=True)
class Stage:
    """What one stage of an evaluation (inherited, distilled, trained) reached and cost.

    Attributes:
        error: Share of the `images` classified wrongly.
        error_smoothed: One minus the mean probability of the true class, over the same images.
        images: Validation images that were read; the early stages may read fewer than the last.
        examples: Training images seen in this stage.
        seconds: Wall time of this stage, reading the error included.
    """

    error: float
    error_smoothed: float
    images: int
    examples: int
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """What came back for one candidate. Failure is data: a failed one is kept and never reaches the front.

    Attributes:
        id: The candidate's.
        status: How it ended.
        values: Expensive and measured objectives, with ``error_smoothed`` beside every ``error``.
        stages: By name, in order: ``inherited``, ``distilled``, ``trained``.
        seconds: Wall time of the whole job on its worker.
        device: Where it ran.
        weights: Path of the trained weights; relative to the run folder once the store has them.
        curve: (examples seen, training loss) points.
        message: One line on what went wrong; empty if ok.
        payload: Whatever else the evaluator wants kept.
    """

    id: str
    status: Status
    values: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = "cpu"
    weights: str | None = None
    curve: tuple[tuple[int, float], ...] = ()
    message: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        """Training images seen, over all stages."""
        return sum(stage.examples for stage in self.stages.values())


@dataclass(frozen=True)
class Spent:
    """What a run has used up, over all its resumes.

    Attributes:
        evaluations: Submitted child jobs, initial population and failures included, duplicates not.
        examples: Training images seen.
        seconds: Active wall time.
    """

    evaluations: int = 0
    examples: int = 0
    seconds: float = 0.0
