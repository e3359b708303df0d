"""One child from its parent's weights to its objective values: the work that all evaluators share."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lemonade.config import TrainingSettings
from lemonade.data import Dataset, calibration_batch
from lemonade.objectives import Objective, readings
from lemonade.training import Reading, Teacher, Trained, read_error, train
from lemonade.types import EARLY_LOSS, RESTARTED, RUN_FAULT, Evaluation, Job, Stage, Status, Stored
from morphisms import (
    Exactness,
    NetworkGraph,
    Weights,
    build_module,
    initial_weights,
    load_weights,
    params,
    replay,
    save_weights,
)
from morphisms.inheritance import Child
from morphisms.module import GraphModule

EARLY_IMAGES = 1_000
"""Validation images read before training: enough to tell what a rewrite broke, and cheap beside the training."""


@dataclass(frozen=True, eq=False)
class Bench:
    """What an evaluator keeps between jobs.

    Attributes:
        dataset: Images, on the device.
        others: Further data sets by the name of the objective that reads them (``"error@PATH"``).
        objectives: The expensive objectives.
        device: Where to train.
        teachers: The last teacher by the path of its weights, with what it was asked for; it seldom changes.
    """

    dataset: Dataset
    others: Mapping[str, Dataset]
    objectives: Sequence[Objective]
    device: torch.device
    teachers: dict[str, Teacher] = field(default_factory=dict)

    def teacher(self, stored: Stored) -> Teacher:
        """A teacher, as its children share it.

        Raises:
            ParentLostError: if its weights cannot be read.
        """
        if stored.weights not in self.teachers:
            self.teachers.clear()
            self.teachers[stored.weights] = Teacher(_loaded(stored, self.device)[0], self.dataset)
        return self.teachers[stored.weights]


class ParentLostError(Exception):
    """The weights that a child was to start or learn from cannot be read."""


class StoppedError(Exception):
    """A child did not pass its hurdle.

    Attributes:
        curve: Its learning curve, as far as it went.
    """

    def __init__(self, message: str, curve: tuple[tuple[int, float], ...]) -> None:
        super().__init__(message)
        self.curve = curve


class DivergedError(Exception):
    """A loss or weight stopped being finite."""


def evaluate_child(job: Job, bench: Bench) -> Evaluation:
    """Inherit, distil, train and measure one candidate; the trained weights are written to `job.output`.

    Never raises for what goes wrong inside: failure is data, told in the evaluation's status and message.
    """
    started = time.perf_counter()
    stages: dict[str, Stage] = {}
    values: dict[str, float] = {}
    curve: tuple[tuple[int, float], ...] = ()
    payload: dict[str, Any] = {}
    status, message = Status.OK, ""
    try:
        module, curve = _trained(job, bench, stages, payload)
        weights = module.weights()  # before a plug-in's objective gets hold of the module
        values = _measured(module, bench, stages["trained"])
        try:
            save_weights(weights, Path(job.output))
        except OSError as error:  # the child is well: that is the run's affair
            status, message = Status.FAILED, _one_line(error)
            payload[RUN_FAULT] = f"{job.output}: the weights cannot be written ({message})."
    except StoppedError as error:
        status, message, curve = Status.STOPPED, str(error), error.curve
    except DivergedError as error:
        status, message = Status.DIVERGED, str(error)
    except ParentLostError as error:
        status, message = Status.FAILED, str(error)
        payload[RUN_FAULT] = f"{message}."
    except (MemoryError, torch.OutOfMemoryError) as error:
        status, message = Status.OUT_OF_MEMORY, _one_line(error)
    except (Exception, SystemExit) as error:  # whatever breaks in one child must not end the run
        status, message = Status.FAILED, _one_line(error)
    return Evaluation(
        id=job.candidate.id,
        status=status,
        values=values,
        stages=stages,
        seconds=time.perf_counter() - started,
        device=str(bench.device),
        weights=job.output if status is Status.OK else None,
        curve=curve,
        message=message,
        payload=payload,
    )


def _trained(
    job: Job, bench: Bench, stages: dict[str, Stage], payload: dict[str, Any]
) -> tuple[GraphModule, tuple[tuple[int, float], ...]]:
    """The trained module and its learning curve; fills `stages` and `payload` as it goes."""
    candidate, settings = job.candidate, job.training
    hurdle = candidate.hurdle
    left = candidate.examples
    parent, child = _inherited(job, bench)
    teacher = bench.teacher(job.teacher) if job.teacher is not None else None
    module = build_module(candidate.graph, child.weights)
    if parent is not None:
        began = time.perf_counter()
        stages["inherited"] = _stage(_early(module, bench), 0, began)
        approximate = any(record.exactness is Exactness.APPROXIMATE for record in child.records)
        share = int(left * settings.distill_share)
        if approximate and share and child.touched:
            _distil(module, parent, child.touched, share, job, bench, stages)
            left -= stages["distilled"].examples
            if settings.restart and _is_lost(stages["distilled"], _early(parent, bench), bench):
                module = build_module(candidate.graph, seed=candidate.seed)
                payload[RESTARTED] = True
                parent = None
    began = time.perf_counter()
    result = train(
        module,
        bench.dataset,
        settings,
        examples=left,
        seed=candidate.seed + 1,
        device=bench.device,
        teacher=teacher,
        teacher_share=settings.teacher_share,
        rate=inherited_rate(settings, candidate.graph) if parent is not None else settings.peak_rate,
        stop=lambda curve: hurdle is not None and hurdle.stops(curve, left),
        seconds=job.seconds,
    )
    if hurdle is not None and result.stopped:
        stages["trained"] = _stage(Reading(1.0, 1.0, 0), result.examples, began)
        payload[EARLY_LOSS] = loss = hurdle.reading(result.curve, left)
        raise StoppedError(
            f"loss {loss:.3f} after {result.examples:,} examples, more than {hurdle.loss:.3f}", result.curve
        )
    stages["trained"] = _after(result, module, bench, None, began)
    _check(result, "while training")
    return module, result.curve


def inherited_rate(settings: TrainingSettings, graph: NetworkGraph) -> float:
    """Peak learning rate of a child that inherits: as set for 10,000 parameters, and finer for larger networks.

    By the fourth root of the parameters, that is, the square root of a width. Never above the rate of fresh networks,
    unless it is set so.
    """
    rate = settings.inherited_rate * math.sqrt(math.sqrt(10_000 / max(params(graph), 1)))
    return min(rate, max(settings.peak_rate, settings.inherited_rate))


def _distil(
    module: GraphModule,
    parent: GraphModule,
    touched: Collection[str],
    examples: int,
    job: Job,
    bench: Bench,
    stages: dict[str, Stage],
) -> None:
    """Bring what a rewrite touched back to the parent's outputs, in place."""
    began = time.perf_counter()
    result = train(
        module,
        bench.dataset,
        job.training,
        examples=examples,
        seed=job.candidate.seed,
        device=bench.device,
        teacher=Teacher(parent, bench.dataset),
        trainable=touched,
        rate=job.training.distill_rate,
    )
    stages["distilled"] = _after(result, module, bench, EARLY_IMAGES, began)
    _check(result, "while distilling")


def _is_lost(distilled: Stage, parent: Reading, bench: Bench) -> bool:
    """Whether distillation left a child nearer to guessing than to its parent: then nothing worth keeping is left.

    Seen in networks of a few hundred parameters, where a cut may leave rectifiers that no input opens any more, and
    every descendant inherits them.
    """
    guessing = 1 - 1 / len(bench.dataset.classes)
    return distilled.error_smoothed > (parent.error_smoothed + guessing) / 2


def _early(module: GraphModule, bench: Bench) -> Reading:
    return read_error(module, bench.dataset.validation, bench.dataset, bench.device, EARLY_IMAGES)


def _inherited(job: Job, bench: Bench) -> tuple[GraphModule | None, Child]:
    """The parent as a module (None for a start network) and the child with the weights it begins with."""
    graph = job.candidate.graph
    if not job.inherit or job.parent is None:
        return None, Child(graph, initial_weights(graph, job.candidate.seed), (), frozenset())
    parent, weights = _loaded(job.parent, bench.device)
    batch: Tensor = calibration_batch(bench.dataset)
    return parent, replay(job.parent.graph, weights, job.candidate.morphisms, batch)


def _loaded(stored: Stored, device: torch.device) -> tuple[GraphModule, Weights]:
    try:
        weights = load_weights(Path(stored.weights), sha256=stored.sha256).to(device=device)
        return build_module(stored.graph, weights).eval(), weights
    except ValueError as error:  # missing, damaged, or another network's
        said = str(error)
        raise ParentLostError(said if said.startswith(stored.weights) else f"{stored.weights}: {said}") from None


def _measured(module: GraphModule, bench: Bench, trained: Stage) -> dict[str, float]:
    """Values of all expensive objectives; of each error the plain and the smoothed reading."""
    values: dict[str, float] = {}
    for objective in bench.objectives:
        if objective.name == "error":
            values[objective.name], values[objective.smoothed] = trained.error, trained.error_smoothed
        elif objective.name in bench.others:
            # other images, seen through the normalisation that the network was trained with
            reading = read_error(module, bench.others[objective.name].validation, bench.dataset, bench.device)
            values[objective.name], values[objective.smoothed] = reading.error, reading.error_smoothed
        else:
            assert objective.measure is not None
            values.update(readings(objective, objective.measure(module, bench.dataset, bench.device)))
    return values


def _after(result: Trained, module: GraphModule, bench: Bench, most: int | None, began: float) -> Stage:
    """The stage that a training was; one that diverged has cost its examples, and is not read."""
    if result.diverged:
        return _stage(Reading(1.0, 1.0, 0), result.examples, began)
    reading = read_error(module, bench.dataset.validation, bench.dataset, bench.device, most)
    return _stage(reading, result.examples, began)


def _stage(reading: Reading, examples: int, began: float) -> Stage:
    return Stage(reading.error, reading.error_smoothed, reading.images, examples, time.perf_counter() - began)


def _check(result: Trained, when: str) -> None:
    if result.diverged:
        raise DivergedError(f"the loss stopped being finite {when}, after {result.examples:,} examples")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
