"""The only loop: asks a method for candidates, has them evaluated, writes everything down, tells the method.

A run can be killed at any instant and goes on from its journal: what a method asks for follows from the run's seed and
from what it was told, so no state is saved beside the results.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lemonade.assembly import Assembly
from lemonade.config import DEFAULT_SECONDS, BudgetSettings, Config, make_config
from lemonade.errors import LemonadeError
from lemonade.evaluate import Evaluator
from lemonade.evaluate.fake import FakeEvaluator
from lemonade.history import Run
from lemonade.objectives import Kind
from lemonade.store import RunStore
from lemonade.tracker import OnEvent, Tracker, loading
from lemonade.types import UNWRITTEN, Candidate, Evaluation, Job, Status
from morphisms import flops

POLL_SECONDS = 0.25
MOST_FAILURES = 40
"""So many failed children in a row are no bad luck: something is wrong with the machine or the settings."""
OVERTIME = 0.1
"""Running children may finish after the time is up, for this share of the budget; then they are given up."""


@dataclass
class Stop:
    """How often a person has asked the run to stop: once lets running children finish, twice gives them up."""

    requests: int = 0


def search(
    config: Config | str | Path | None = None,
    *,
    out: str | Path | None = None,
    on_event: OnEvent | None = None,
    **settings: Any,
) -> Run:
    """Evolve a Pareto front and return the finished run.

    Args:
        config: A `Config`, or the path of a YAML file; None starts from the defaults.
        out: Run folder to make; default ``runs/DATASET-METHOD-N``.
        on_event: Called with each `Progress`; nothing is printed.
        **settings: Settings by name, over the config's: ``dataset="digits"``, ``time="60s"``, or dotted names as in
            ``**{"search.children": 4}``.

    Raises:
        LemonadeError: for wrong settings, unreadable data or a folder that holds something already.
    """
    if isinstance(config, Config):
        made = make_config(None, {**config.model_dump(exclude_unset=True), **settings})
    else:
        made = make_config(config, settings)
    return run_search(made, Path(out) if out is not None else free_folder(made), on_event)


def free_folder(config: Config, parent: Path = Path("runs")) -> Path:
    """The first of ``runs/DATASET-METHOD-1``, ``-2``, ... that does not exist."""
    stem = f"{Path(config.dataset).stem or 'data'}-{config.method}"
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def run_search(
    config: Config,
    folder: Path,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    evaluator: Evaluator | None = None,
) -> Run:
    """Start a run in a new folder and go on until its budget is used or it is asked to stop.

    Args:
        config: All settings; without any budget, ten minutes are given.
        folder: The run folder to make.
        on_event: Called with each `Progress`.
        stop: Lets a person stop it.
        evaluator: In place of worker processes, for tests.

    Raises:
        LemonadeError: for wrong settings, unreadable data or a folder that holds something already.
    """
    if config.budget == BudgetSettings():
        config = config.model_copy(update={"budget": BudgetSettings(time=DEFAULT_SECONDS)})
    RunStore.check_free(folder)
    with Assembly(config, evaluator, loading(on_event, config.budget)) as assembly:
        assembly.search().ask()  # a limit that nothing meets is found out before there is a folder
        with RunStore.create(folder, config, assembly.facts.to_json()) as store:
            _Loop(store, assembly, config.budget, on_event, stop or Stop()).go(None)
    return Run.load(folder)


def resume_search(
    folder: Path,
    budget: BudgetSettings | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    evaluator: Evaluator | None = None,
) -> Run:
    """Go on with a run; a finished one is returned as it is unless a new budget lets it go further.

    Args:
        folder: The run folder.
        budget: New totals; None keeps those it had.
        on_event: Called with each `Progress`.
        stop: Lets a person stop it.
        evaluator: In place of worker processes, for tests.

    Raises:
        LemonadeError: if the folder is no run, is in use, or its data or plug-ins have changed.
    """
    earlier = Run.load(folder)
    if earlier.finished and budget is None:
        return earlier
    with (
        RunStore.open(folder) as store,
        Assembly(earlier.config, evaluator, loading(on_event, earlier.budget)) as assembly,
    ):
        if assembly.facts.split_hash != earlier.facts["split_hash"]:
            raise LemonadeError(
                f"{folder}: the images of '{earlier.config.dataset}' are not those the run began with. "
                "Put them back, or start a new run."
            )
        store.resume(budget or earlier.budget)
        _Loop(store, assembly, budget or earlier.budget, on_event, stop or Stop()).go(earlier)
    return Run.load(folder)


def describe(config: Config) -> list[str]:
    """Sentences on what a run with these settings would do; nothing is trained or written.

    Raises:
        LemonadeError: for wrong settings or unreadable data.
    """
    with Assembly(config, FakeEvaluator()) as assembly:
        return assembly.describe()


class _Loop:
    """One session of a run: from where the journal ends until the budget is used or a person stops it."""

    def __init__(
        self, store: RunStore, assembly: Assembly, budget: BudgetSettings, on_event: OnEvent | None, stop: Stop
    ) -> None:
        self.store = store
        self.assembly = assembly
        self.budget = budget
        self.stop = stop
        self.search = assembly.search()
        self.evaluator = assembly.evaluator(store.folder)
        self.tracker = Tracker(assembly.objectives, budget, on_event)
        self.candidates: dict[str, Candidate] = {}
        self.batch: list[Candidate] = []  # the generation under way, in order of id
        self.queue: list[Candidate] = []  # those of it that are still to be submitted, in order of id
        self.running: dict[str, Candidate] = {}
        self.results: dict[str, Evaluation] = {}
        self.measured: dict[str, dict[str, float]] = {}
        self.seconds_before = 0.0
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Active seconds over all sessions."""
        return self.seconds_before + time.monotonic() - self.began

    def go(self, earlier: Run | None) -> None:
        """Take over what earlier sessions did, then go on to the end."""
        if earlier is not None:
            self._replay(earlier)
            self._measure()
        self.began = time.monotonic()
        self.tracker.tell("start", self.seconds)
        announced = False
        while True:
            if not self.queue and not self.running and not self._next_generation():
                break
            self._submit()
            if not self.running and self._next_candidate() is None:
                break
            for evaluation in self.evaluator.poll(POLL_SECONDS):
                self._arrived(evaluation)
            if self.stop.requests and not announced:
                announced = True
                self.tracker.tell("stopping", self.seconds, "finishing the running children; press again to stop now")
            if self.stop.requests > 1 or self.seconds > (self.budget.time or math.inf) * (1 + OVERTIME):
                break
        if self.search.finished and not self.tracker.trained:
            raise LemonadeError(f"no network could be trained; the first failure: {self._first_failure()}")
        self.store.end("interrupted" if self.stop.requests else "done", self.tracker.spent(self.seconds))
        self.tracker.tell("end", self.seconds)

    def _replay(self, earlier: Run) -> None:
        """Put the method where it was: told of each generation that was brought to its end, and busy with the last."""
        self.seconds_before = earlier.spent.seconds
        generations: dict[int, list[Candidate]] = {}
        for candidate in earlier.candidates.values():
            generations.setdefault(candidate.generation, []).append(candidate)
        proposed = {one.number: one.total.get("proposed", 0) for one in earlier.generations}
        for number in sorted(generations):
            self._begin(generations[number])
            self.search.adopt(self.batch)
            for candidate in self.batch:
                if candidate.id in earlier.evaluations:
                    self.queue.remove(candidate)
                    self._count(candidate, earlier.evaluations[candidate.id])
            if number in proposed:
                self._tell(proposed[number])

    def _next_generation(self) -> bool:
        """Tell the method of the generation that ended, and ask for the next; False if there is none."""
        if self.batch and len(self.results) == len(self.batch):
            self._end_generation()
        candidates = self.search.ask()
        if not candidates:
            return False
        self.store.append_batch(candidates, self.search.report)
        self._begin(candidates)
        self._measure()
        return True

    def _begin(self, candidates: Sequence[Candidate]) -> None:
        self.batch = list(candidates)
        self.queue = list(candidates)
        self.results = {}
        self.candidates.update({candidate.id: candidate for candidate in candidates})

    def _tell(self, proposed: int) -> float:
        self.search.tell([self.results[candidate.id] for candidate in self.batch])
        self.batch = []
        return self.tracker.generation_ended(self.search.front.ids, proposed)

    def _end_generation(self) -> None:
        report = self.search.report
        volume = self._tell(report.total.proposed)
        self.store.generation(report, self.search.front.ids, volume, self.tracker.spent(self.seconds))
        self.store.keep_only(self.search.live() | set(self.search.front.ids))
        self.store.sync()
        self.tracker.tell("generation", self.seconds)

    def _measure(self) -> None:
        """Time what has to be timed, before any worker is busy; what lies beyond a limit is rejected untrained."""
        measured = [one for one in self.assembly.objectives if one.kind is Kind.MEASURED]
        if not measured:
            return
        from lemonade.evaluate.latency import measure

        for candidate in list(self.queue):
            parent = self.candidates.get(candidate.parent or "")
            if parent is not None and parent.graph == candidate.graph:  # timed anew, it would differ by noise alone
                values = {one.name: self.tracker.values[parent.id][one.name] for one in measured}
            else:
                values = measure(candidate.graph, measured, self.assembly.dataset, self.assembly.device)
            self.measured[candidate.id] = values
            beyond = [name for name, limit in self.assembly.config.limits.items() if values.get(name, 0) > limit]
            if beyond:
                message = f"{beyond[0]} is {values[beyond[0]]:.3g}, beyond its limit"
                self._arrived(Evaluation(candidate.id, Status.REJECTED, values, message=message))

    def _submit(self) -> None:
        """Give idle workers something to do, as far as the budget goes."""
        while self.evaluator.room and (candidate := self._next_candidate()) is not None:
            self.queue.remove(candidate)
            self.running[candidate.id] = candidate
            parent = self.candidates.get(candidate.parent or "")
            self.evaluator.submit(
                Job(
                    candidate=candidate,
                    training=self.assembly.config.training,
                    inherit=self.assembly.config.search.inherit,
                    parent_graph=parent.graph if parent is not None else None,
                    parent_weights=str(self.store.weights_path(parent.id)) if parent is not None else None,
                    output=str(self.store.scratch(candidate.id)),
                )
            )

    def _next_candidate(self) -> Candidate | None:
        """Of those the budget still allows, in order of id, the most costly: so no worker is left with a long tail."""
        budget = self.budget
        if self.stop.requests or (budget.time is not None and self.seconds >= budget.time):
            return None
        allowed = self.queue
        if budget.evaluations is not None:
            allowed = allowed[: max(0, budget.evaluations - self.tracker.evaluations - len(self.running))]
        if budget.examples is not None:
            left = budget.examples - self.tracker.examples - sum(child.examples for child in self.running.values())
            totals = itertools.accumulate(candidate.examples for candidate in allowed)
            allowed = [candidate for candidate, total in zip(allowed, totals, strict=True) if total <= left]
        return max(allowed, key=lambda candidate: flops(candidate.graph), default=None)

    def _arrived(self, evaluation: Evaluation) -> None:
        if reason := evaluation.payload.get(UNWRITTEN):  # not the child's fault: a resumed run evaluates it again
            raise LemonadeError(
                f"{self.store.weights_path(evaluation.id)}: cannot be written ({reason}). The run is intact up to its "
                f"last line; put that right and go on with: lemonade resume {self.store.folder}"
            )
        candidate = self.candidates[evaluation.id]
        if candidate in self.queue:  # rejected before it was submitted
            self.queue.remove(candidate)
        self.running.pop(candidate.id, None)
        known = self.measured.pop(candidate.id, {})
        evaluation = self.store.record(replace(evaluation, values={**known, **evaluation.values}))
        self._count(candidate, evaluation)
        self.tracker.tell("evaluated", self.seconds)

    def _first_failure(self) -> str:
        failed = [one for one in self.results.values() if one.status is not Status.OK]
        return f"{failed[0].id} {failed[0].status.value}: {failed[0].message}" if failed else "none was tried"

    def _count(self, candidate: Candidate, evaluation: Evaluation) -> None:
        self.results[candidate.id] = evaluation
        self.tracker.evaluated(candidate, evaluation)
        if self.tracker.failed_in_a_row >= MOST_FAILURES:
            raise LemonadeError(
                f"the last {MOST_FAILURES} children all failed; the last one: {evaluation.message}. Put that right and "
                f"go on with: lemonade resume {self.store.folder}"
            )
