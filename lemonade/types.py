"""Values that flow between the parts of lemonade. All are frozen: a change makes a new value.

Candidates, jobs and evaluations go to JSON and back through `to_json` and `from_json`, since they cross to the journal,
to another process or to another machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from lemonade.config import BudgetSettings, TrainingSettings
from morphisms import Morphism, NetworkGraph, graph_from_json, graph_to_json

Genotype = NetworkGraph | str
"""What a method searches among: networks, or keys of a table's rows."""

AT_RANDOM = "drawn at random"
"""Origin of a network that a method drew, rather than took from the start networks of its space."""
RESTARTED = "restarted"
"""Key of an evaluation's payload: whether what a child inherited was lost, and it was trained from fresh weights."""
LATENCY = "latency"
"""Key of an evaluation's payload: how its latency was measured, see `lemonade.evaluate.measured.Latency`."""
EARLY_LOSS = "early loss"
"""Key of an evaluation's payload: the training loss at which a child was stopped."""
RUN_FAULT = "run fault"
"""Key of an evaluation's payload: what of the run folder failed (parent's weights lost, own ones not to be written),
although the child is well."""


class Status(StrEnum):
    """How the evaluation of a candidate ended."""

    OK = "ok"
    STOPPED = "stopped early"  # it did not pass its hurdle: paid for, without weights or values
    FAILED = "failed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"
    REJECTED = "rejected"  # a measured objective (latency) lies beyond its limit: recorded, never trained


@dataclass(frozen=True)
class Hurdle:
    """A training whose loss stands too high by then is hopeless, and ends there.

    Attributes:
        share: Of the training (distillation not counted) after which it is looked at.
        loss: The most that the mean training loss over the second half of that share may be.
    """

    share: float
    loss: float

    def reading(self, curve: Sequence[tuple[int, float]], planned: int) -> float | None:
        """The loss that counts, from a curve of (examples seen, mean loss since the point before); None before then."""
        end = self.share * planned
        if not curve or curve[-1][0] < end:
            return None
        losses = [loss for examples, loss in curve if end / 2 < examples <= end]
        return sum(losses) / len(losses) if losses else None

    def stops(self, curve: Sequence[tuple[int, float]], planned: int) -> bool:
        """Whether a training of so many examples, with that curve so far, is to end now."""
        loss = self.reading(curve, planned)
        return loss is not None and loss > self.loss


def candidate_id(number: int) -> str:
    """``c0007`` for 7."""
    return f"c{number:04d}"


def is_within(costs: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Whether all costs that are known lie within their limits."""
    return all(costs[name] <= limit for name, limit in limits.items() if name in costs)


def is_above(costs: Mapping[str, float], floors: Mapping[str, float]) -> bool:
    """Whether all costs that are known reach their floors."""
    return all(costs[name] >= floor for name, floor in floors.items() if name in costs)


@dataclass(frozen=True)
class Candidate:
    """A network that a search method wants trained, or a row of a table whose error it asks for.

    Attributes:
        id: Zero-padded number in order of acceptance, ``"c0007"``.
        genotype: The network, or the row's key.
        key: What tells duplicates apart: the row's key, or the graph's name-free hash (and, for a continued one, its
            examples).
        parent: Id of the candidate whose graph it was made from, and whose weights it starts from unless the run
            inherits nothing; None for one that was made without.
        morphisms: The rewrites that lead from the parent's graph to this one, in order; they replay bit for bit.
        generation: Of which it is; 0 is the first that a search asks for.
        costs: Values of the cheap objectives, known without training.
        examples: Training images it may see, distillation included.
        seed: Derived from the run's seed and the id; everything random about its evaluation follows from it.
        origin: How a network without a parent came about, in words; empty for others.
        hurdle: What its training has to pass to be brought to its end; None for nothing.
        teacher: Id of the candidate whose opinions of the training images it learns from, beside the labels; None for
            labels alone.
        begins: Whether it is of those that a method begins with: drawn without a parent, or made of start networks
            before there are children. None of random search is, which has no children.
    """

    id: str
    genotype: Genotype
    key: str
    parent: str | None
    morphisms: tuple[Morphism, ...]
    generation: int
    costs: Mapping[str, int | float]  # pydantic leaves whole numbers whole
    examples: int
    seed: int
    origin: str = ""
    hurdle: Hurdle | None = None
    teacher: str | None = None
    begins: bool = False

    @property
    def graph(self) -> NetworkGraph:
        """The network.

        Raises:
            TypeError: for a row of a table.
        """
        if isinstance(self.genotype, str):
            raise TypeError(f"{self.id} is the row '{self.genotype}' of a table and has no graph")
        return self.genotype

    def to_json(self) -> dict[str, Any]:
        """A JSON object without the graph, which is stored by its hash; `from_json` reads it."""
        return {
            "id": self.id,
            "key": self.key,
            "parent": self.parent,
            "morphisms": [morphism.to_json() for morphism in self.morphisms],
            "generation": self.generation,
            "costs": dict(self.costs),
            "examples": self.examples,
            "seed": self.seed,
            "origin": self.origin,
            "hurdle": asdict(self.hurdle) if self.hurdle is not None else None,
            "teacher": self.teacher,
            "begins": self.begins,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], genotype: Genotype) -> Candidate:
        """Read what `to_json` wrote; fields of a later version are passed over.

        Raises:
            KeyError, TypeError, ValueError: if something is missing or of another kind.
        """
        morphisms = tuple(Morphism.from_json(record) for record in data["morphisms"])
        return _CANDIDATE.validate_python({**data, "morphisms": morphisms, "genotype": genotype})


@dataclass(frozen=True)
class Stored:
    """A trained network as a worker finds it.

    Attributes:
        graph: The network.
        weights: Path of its weights, to be mapped and never written.
        sha256: Of that file; None if it is not known.
    """

    graph: NetworkGraph
    weights: str
    sha256: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it."""
        return {"graph": graph_to_json(self.graph), "weights": self.weights, "sha256": self.sha256}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Stored:
        """Read what `to_json` wrote."""
        return cls(graph_from_json(data["graph"]), data["weights"], data["sha256"])


@dataclass(frozen=True)
class Job:
    """All that a worker needs to evaluate one candidate; it carries no tensor.

    Attributes:
        candidate: What to evaluate.
        training: Settings of the training engine.
        inherit: False trains the candidate from fresh weights (the ablation), all else equal.
        parent: What the candidate's morphisms start from.
        output: Path the trained weights are written to; the store gives them their final name.
        teacher: The candidate's teacher.
        seconds: Wall time that its training may take: where it would take longer it sees fewer images, and its learning
            rate falls faster; None for as long as it takes.
        limit: Wall time after which it is given up; None lets it run.
    """

    candidate: Candidate
    training: TrainingSettings
    inherit: bool
    parent: Stored | None
    output: str
    teacher: Stored | None = None
    seconds: float | None = None
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with all graphs; `from_json` reads it."""
        return {
            "candidate": self.candidate.to_json(),
            "graph": graph_to_json(self.candidate.graph),
            "training": self.training.model_dump(mode="json"),
            "inherit": self.inherit,
            "parent": self.parent.to_json() if self.parent is not None else None,
            "output": self.output,
            "teacher": self.teacher.to_json() if self.teacher is not None else None,
            "seconds": self.seconds,
            "limit": self.limit,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Read what `to_json` wrote."""
        parent, teacher = [Stored.from_json(data[key]) if data[key] else None for key in ("parent", "teacher")]
        return cls(
            candidate=Candidate.from_json(data["candidate"], graph_from_json(data["graph"])),
            training=TrainingSettings.model_validate(data["training"]),
            inherit=data["inherit"],
            parent=parent,
            output=data["output"],
            teacher=teacher,
            seconds=data["seconds"],
            limit=data["limit"],
        )


@dataclass(frozen=True)
class Stage:
    """What one stage of an evaluation (inherited, distilled, trained) reached and cost.

    Attributes:
        error: Share of the `images` classified wrongly.
        error_smoothed: One minus the mean probability of the true class, over the same images.
        images: Validation images that were read; the early stages may read fewer than the last, and none is read
            after a training that diverged.
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
        sha256: Of that file, once the store has it.
        curve: (examples seen, training loss) points; of what was stopped early, as far as it went.
        message: One line on what went wrong; empty if ok.
        payload: Whatever else the evaluator wants kept.
    """

    id: str
    status: Status
    values: Mapping[str, int | float] = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=dict)
    seconds: float = 0.0
    device: str = "cpu"
    weights: str | None = None
    sha256: str | None = None
    curve: tuple[tuple[int, float], ...] = ()
    message: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evaluation:
        """Read what `to_json` wrote; fields of a later version are passed over.

        Raises:
            pydantic.ValidationError: if something is missing or of another kind.
        """
        return _EVALUATION.validate_python(data)

    @property
    def examples(self) -> int:
        """Training images seen, over all stages."""
        return sum(stage.examples for stage in self.stages.values())

    @property
    def is_fresh(self) -> bool:
        """Whether it was trained from fresh weights: its run inherits nothing, or what it inherited was lost.

        Of one that failed or was given up it is not known.
        """
        known = self.status not in (Status.FAILED, Status.TIMED_OUT)
        return known and ("inherited" not in self.stages or bool(self.payload.get(RESTARTED)))


@dataclass(frozen=True)
class Spent:
    """What a run has used up, over all its resumes.

    Attributes:
        evaluations: Submitted trainings, of start networks too and failures included, duplicates not.
        examples: Training images seen.
        seconds: Active wall time.
    """

    evaluations: int = 0
    examples: int = 0
    seconds: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spent:
        """Read what `dataclasses.asdict` made; as `Evaluation.from_json`."""
        return _SPENT.validate_python(data)


@dataclass(frozen=True)
class Standing:
    """One member of the front, as progress shows it: id and objective values (``error`` plain)."""

    id: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Progress:
    """What a running search tells whoever listens (terminal panel, plain lines, tests).

    Attributes:
        kind: ``loading`` while images are read (only `message` means something); ``start`` once they are there;
            ``evaluated`` after each child; ``generation`` after each generation; ``stopping`` after the first Ctrl-C;
            ``end`` last.
        generation: Number of the current one.
        trained: Children evaluated without failure, over all resumes.
        stopped: Children that did not pass their hurdle.
        failed: Children that failed, diverged or ran out of memory or time.
        proposed: Children proposed, duplicates included.
        spent: What the run has used.
        budget: What it may use.
        front_size: Members of the front.
        hypervolume: Share of the box, 0 to 1; `hypervolume_change` is since the last generation.
        best: Member with the least error; None while there is none.
        smallest: Member with the least of the first resource objective.
        least: The least value of each objective on the front; empty while there is none.
        message: A sentence for a person; empty mostly.
    """

    kind: Literal["loading", "start", "evaluated", "generation", "stopping", "end"]
    generation: int
    trained: int
    stopped: int
    failed: int
    proposed: int
    spent: Spent
    budget: BudgetSettings
    front_size: int
    hypervolume: float
    hypervolume_change: float
    best: Standing | None = None
    smallest: Standing | None = None
    least: Mapping[str, float] = field(default_factory=dict)
    message: str = ""


_CANDIDATE, _EVALUATION, _SPENT = TypeAdapter(Candidate), TypeAdapter(Evaluation), TypeAdapter(Spent)
