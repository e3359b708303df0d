"""Chosen networks trained long, from the search's weights and from fresh ones; then the test images, opened once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lemonade.assembly import Assembly
from lemonade.errors import LemonadeError, unknown
from lemonade.files import locked, make_folder
from lemonade.history import Run
from lemonade.members import Member
from lemonade.retraining.records import (
    KEPT,
    START_KINDS,
    Retrained,
    Searched,
    Training,
    read_training,
    retrained,
    retrained_folder,
    searched_test,
    training_name,
)
from lemonade.runfolder import MODELS
from lemonade.types import RUN_FAULT, Candidate, Evaluation, Job, Status, Stored
from morphisms import OPERATORS, Site, file_sha256

if TYPE_CHECKING:
    from lemonade.data import Split
    from morphisms import Weights

DEFAULT_EPOCHS = 60
LEAST_EXAMPLES = 50_000
"""Without a given number of epochs a training sees at least so many images."""
POLL_SECONDS = 0.25
STARTS = {"both": tuple(START_KINDS), **{name: (name,) for name in START_KINDS}}
"""What may be asked for: one of the kinds of start, or both."""

MOST = 10_000
"""Seeds, epochs or workers; what is typed beyond is a slip."""


@dataclass(frozen=True)
class _Task:
    """One training that is still to be done; `id` tells its evaluation from the others'."""

    member: Member
    start: str
    seed: int

    @property
    def id(self) -> str:
        return f"{self.member.id}-{self.start}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What a retraining is going to do.

    Attributes:
        trainings: Still to be done.
        examples: Training images each will see.
        workers: Trainings side by side.
        seconds: What that takes if each network trains as fast as it did in the search.
        lost: Those of them that were done before and whose weights are gone or not what was written, in words.
    """

    trainings: int
    examples: int
    workers: int
    seconds: float
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """How far a retraining is.

    Attributes:
        model: The network whose training has ended.
        training: What came of it.
        done: Trainings done, earlier ones included.
        total: Trainings in all.
    """

    model: str
    training: Training
    done: int
    total: int


def retrain(
    run: str | Path | Run,
    models: str | Member | Sequence[str | Member] = "front",
    seeds: int = 3,
    epochs: float | None = None,
    start: str = "both",
    device: str | None = None,
    workers: int | None = None,
    on_plan: Callable[[Plan], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> dict[str, Retrained]:
    """Train networks of a run to the end, and read their error on the test images.

    Each is trained `seeds` times from the weights that the search left and, unless one start is enough, as often from
    fresh ones. What was done by an earlier call with as many epochs is not done again if its weights are whole; what
    failed is. Only then are the test images used; that they can be read is seen to before.

    Args:
        run: A run or its folder.
        models: ``"front"``, members, or ids, ``knee`` and ``best``; in a text commas between.
        seeds: How often from each start.
        epochs: Passes over the training images; default: 60, and 50,000 images at least.
        start: ``"inherited"``, the search's weights; ``"scratch"``, fresh ones; or ``"both"``.
        device: Where to train; default: as the run did.
        workers: Trainings side by side; default: as the run did.
        on_plan: Called before the first training, if there is any to do.
        on_step: Called after each training.

    Returns:
        By id of the network.

    Raises:
        LemonadeError: for an unknown start or network, lost weights, changed images, or a folder that cannot be
            written.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    if not 1 <= seeds <= MOST:
        raise LemonadeError(f"retrain: expected 1 to {MOST:,} seeds, got {seeds}.")
    if epochs is not None and not 0 < epochs <= MOST:
        raise LemonadeError(f"retrain: expected more than 0 and at most {MOST:,} epochs, got {epochs}.")
    if epochs is not None and round(epochs * run.facts.train) < 1:
        raise LemonadeError(f"retrain: {epochs} epochs of {run.facts.train} training images are no image at all.")
    if workers is not None and not 1 <= workers <= MOST:
        raise LemonadeError(f"retrain: expected 1 to {MOST:,} workers, got {workers}.")
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    members = run.choose(models)
    for member in members:  # what is lost or damaged is told before anything is trained
        member.weights()
        retrained(run, member.id)
    changes: dict[str, Any] = {"device": device or run.config.device, "workers": workers or run.config.workers}
    # a child's time is no limit for what sees many times its images
    changes["training"] = run.config.training.model_copy(update={"child_time": None})
    with (
        locked(run.folder / MODELS, KEPT),
        Assembly.again(run, config=run.config.model_copy(update=changes)) as assembly,
    ):
        return _Session(run, assembly, members, seeds, epochs, STARTS[start]).go(on_plan, on_step)


class _Session:
    """What one call of `retrain` does once everything is at hand."""

    def __init__(
        self,
        run: Run,
        assembly: Assembly,
        members: list[Member],
        seeds: int,
        epochs: float | None,
        starts: Sequence[str],
    ) -> None:
        self.run = run
        self.assembly = assembly
        self.members = members
        images = len(assembly.dataset.train)
        self.examples = max(DEFAULT_EPOCHS * images, LEAST_EXAMPLES) if epochs is None else round(epochs * images)
        self.tasks = [
            _Task(member, start, seed) for member in members for seed in range(1, seeds + 1) for start in starts
        ]

    def go(
        self, on_plan: Callable[[Plan], None] | None, on_step: Callable[[Step], None] | None
    ) -> dict[str, Retrained]:
        """Train what is missing, then read the test images; returns all trainings of this length, by network."""
        waiting = [task for task in self.tasks if not self._is_done(task)]
        for task in waiting:
            make_folder(self._folder(task.member), KEPT)
        if waiting:
            _ = self._test  # what cannot be read is told before anything is trained
            if on_plan is not None:
                on_plan(self._plan(waiting))
        running: dict[str, _Task] = {}
        evaluator = self.assembly.evaluator(self.run.folder / MODELS) if waiting else None
        while evaluator is not None and (waiting or running):
            while waiting and evaluator.room:
                task = waiting.pop(0)
                running[task.id] = task
                evaluator.submit(self._job(task))
            for evaluation in evaluator.poll(POLL_SECONDS):
                task = running.pop(evaluation.id)
                training = self._kept(task, evaluation)
                if on_step is not None:
                    done = len(self.tasks) - len(waiting) - len(running)
                    on_step(Step(task.member.id, training, done, len(self.tasks)))
        self._open_test()
        return self._trained()

    def _is_done(self, task: _Task) -> bool:
        """Whether it has its record, and the weights that this tells of; what failed is tried again."""
        path = self._record(task)
        if not path.exists():
            return False
        training, weights = read_training(path), path.with_suffix(".safetensors")
        if training.error is None:
            return False
        return weights.exists() and training.sha256 in (None, file_sha256(weights))

    def _plan(self, tasks: list[_Task]) -> Plan:
        workers = min(self.assembly.workers, len(tasks))
        stages = [task.member.evaluation.stages["trained"] for task in tasks]
        seconds = sum(self.examples * one.seconds / max(1, one.examples) for one in stages) / workers
        there = [(one.member.id, read_training(self._record(one))) for one in tasks if self._record(one).exists()]
        lost = tuple(f"{name} {one.origin}" for name, one in there if one.error is not None)
        return Plan(len(tasks), self.examples, workers, seconds, lost)

    def _trained(self) -> dict[str, Retrained]:
        found = {member.id: retrained(self.run, member.id, self.examples) for member in self.members}
        return {name: group for name, group in found.items() if group is not None}

    def _job(self, task: _Task) -> Job:
        """A child that is its parent trained further, or the same network from fresh weights."""
        member, inherits = task.member, task.start == "inherited"
        weights, sha256 = member.evaluation.weights, member.evaluation.sha256
        # a third word: two alone are the seed of a candidate of the search (`Setting.candidate_seed`)
        seed = int(np.random.SeedSequence([self.run.config.seed, task.seed, 1]).generate_state(1)[0])
        morphisms = (OPERATORS["continue"].record(member.graph, Site(), seed),) if inherits else ()
        candidate = Candidate(
            id=task.id,
            genotype=member.graph,
            key=task.id,
            parent=member.id if inherits else None,
            morphisms=morphisms,
            generation=member.generation,
            costs=member.candidate.costs,
            examples=self.examples,
            seed=seed,
        )
        return Job(
            candidate=candidate,
            training=self.run.config.training,
            inherit=inherits,
            parent=Stored(member.graph, str(self.run.folder / str(weights)), sha256) if inherits else None,
            output=str(self._record(task).with_suffix(".safetensors")),
        )

    def _kept(self, task: _Task, evaluation: Evaluation) -> Training:
        """Write an evaluation down, once its weights are in place."""
        if fault := evaluation.payload.get(RUN_FAULT):
            raise LemonadeError(f"{fault} {KEPT}")
        values = evaluation.values if evaluation.status is Status.OK else {}
        training = Training(
            sha256=file_sha256(self._record(task).with_suffix(".safetensors")) if values else None,
            start=task.start,
            seed=task.seed,
            examples=self.examples,
            seconds=evaluation.seconds,
            device=evaluation.device,
            error=values.get("error"),
            error_smoothed=values.get("error_smoothed"),
            message=" ".join(part for part in (evaluation.status.value, evaluation.message) if part) * (not values),
        )
        training.save(self._folder(task.member))
        return training

    @cached_property
    def _test(self) -> Split:
        """The test images, which no training sees."""
        from lemonade.data import load_test
        from lemonade.data.cache import cache_folder

        return load_test(self.run.config.dataset, self.run.config.data, cache_folder())

    def _open_test(self) -> None:
        """Read the test images with each trained network that has not been asked yet, and with what they came from."""
        from morphisms import load_weights

        for member in self.members:
            if searched_test(member) is None:
                Searched(member.evaluation.sha256, self._on_test(member, member.weights())).save(member)
        for name, group in self._trained().items():
            for one in group.trainings:
                if one.error is None or one.test is not None:
                    continue
                path = group.folder / f"{one.name}.safetensors"
                try:
                    error = self._on_test(self.run.member(name), load_weights(path, sha256=one.sha256))
                except ValueError as damage:
                    raise LemonadeError(
                        f"{path}: {damage}. Delete {path.with_suffix('.json')}, and that training is done again."
                    ) from None
                replace(one, test=error).save(group.folder)

    def _on_test(self, member: Member, weights: Weights) -> float:
        """Share of wrong test images."""
        from lemonade.training import read_error
        from morphisms import build_module

        module = build_module(member.graph, weights)
        return read_error(module, self._test, self.assembly.dataset, self.assembly.device).error

    def _folder(self, member: Member) -> Path:
        return retrained_folder(self.run.folder, member.id)

    def _record(self, task: _Task) -> Path:
        return self._folder(task.member) / f"{training_name(self.examples, task.start, task.seed)}.json"
