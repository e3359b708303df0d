"""The loop of a search: asks a method for candidates, has them evaluated, writes everything down, tells the method.

A run can be killed at any instant and goes on from its journal: what a method asks for follows from the run's seed and
from what it was told, so no state is saved beside the results.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lemonade.assembly import Assembly
from lemonade.budgets import STARTS_SHARE, image_seconds
from lemonade.config import BudgetSettings
from lemonade.environment import environment
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.journal import EXHAUSTED, INTERRUPTED, intact
from lemonade.numbers import quantity
from lemonade.store import RunStore
from lemonade.tracker import EventKind, OnEvent, Tracker
from lemonade.types import RUN_FAULT, Candidate, Evaluation, Job, Status, Stored

POLL_SECONDS = 0.25
MOST_FAILURES = 40
"""So many failed children in a row are no bad luck: something is wrong with the machine or the settings."""
MOST_REJECTIONS = 200
"""After so many rejected networks in a row no more are asked for: rejections spend no budget that would end a run."""
MACHINE = {"processor": "the processor", "usable_cores": "the number of cores", "accelerators": "the accelerators"}
"""What of an environment decides how long children are and what latencies are worth, in words."""
OVERTIME = 0.1
"""Running children may finish after the time is up, for this share of the budget; then they are given up."""


@dataclass
class Stop:
    """How often a person has asked the run to stop: once lets running children finish, twice gives them up."""

    requests: int = 0


class Loop:
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
        self.tracker = Tracker(assembly.objectives, assembly.smoothed, budget, on_event)
        self.candidates: dict[str, Candidate] = {}
        self.batch: list[Candidate] = []  # the generation under way, in order of id
        self.proposed = 0  # for it
        self.queue: list[Candidate] = []  # those of it that are still to be submitted, in order of id
        self.running: dict[str, Candidate] = {}
        self.results: dict[str, Evaluation] = {}
        self.beforehand = assembly.beforehand()
        self.failures = 0  # in a row, in this session
        self.rejected: list[Evaluation] = []  # of the last generations, as far as all of them were
        self.first_failure: Evaluation | None = None
        self.stopping = False

    def go(self, earlier: Run | None) -> None:
        """Take over what earlier sessions did, then go on to the end."""
        if earlier is not None:
            self._replay(earlier)
        self.store.start_clock()
        self._tell("start", "" if earlier is None else self._other_code(earlier))
        self._measure()
        try:
            while self._turn():
                pass
        finally:
            self.evaluator.close()  # before the folder is let go of: a worker may still be writing into it
        if not self.tracker.trained and (self.search.finished or (self.first_failure and not self.stop.requests)):
            # what was tried is not tried again: without a start network that was trained there is nothing to go on with
            self.store.end(EXHAUSTED if self.search.finished else INTERRUPTED)
            raise LemonadeError(
                f"no network could be trained; the first failure: {self._first_failure()}{self._cure()}"
            )
        front = [member.id for member in Run.load(self.store.folder).front]
        self.store.write_front(front)
        if self.results and self.batch:  # a generation that was cut off, told though it has not ended
            self.tracker.generation_ended(front, 0)
            self._tell("generation")
        why = "" if self.stop.requests else self._exhausted()
        self.store.end(INTERRUPTED if self.stop.requests else EXHAUSTED if why else "done")
        self._tell("end", why and f"the search ends: {why}")

    def _exhausted(self) -> str:
        """Why there is nothing left to train, whatever the budget; empty if there is."""
        if self.search.finished:
            return f"{self.assembly.config.method} finds no new network within its limits and boxes"
        if self._hopeless:
            last = self.rejected[-1].message
            return f"the last {len(self.rejected)} networks were all rejected; the last one: {last}"
        return ""

    @property
    def _hopeless(self) -> bool:
        """Whether limits on what is measured leave nothing that the method still finds."""
        return len(self.rejected) >= MOST_REJECTIONS

    def _turn(self) -> bool:
        """One step; False once there is nothing more to do."""
        if not self.queue and not self.running:
            if self.batch:
                self._end_generation()
            return self._budget_left() and not self._hopeless and self._next_generation()
        self._submit()
        if not self.running and self._next_candidate() is None:
            return False
        for evaluation in self.evaluator.poll(POLL_SECONDS):
            self._arrived(evaluation)
        if self.stop.requests and not self.stopping:
            self.stopping = True
            self._tell("stopping", "finishing the running children; press again to stop now")
        overtime = self.store.seconds > (self.budget.time or math.inf) * (1 + OVERTIME)
        return self.stop.requests <= 1 and not overtime

    def _other_code(self, earlier: Run) -> str:
        """A note on what is no longer as it was when the run began; empty if nothing is."""
        now, then = environment(), earlier.environment
        names = [name for name in ("lemonade", "commit") if now.get(name) != then.get(name)]
        names += ["torch"] * (now["packages"].get("torch") != then.get("packages", {}).get("torch"))
        names += [name for name in MACHINE if now.get(name) != then.get(name)]
        changed = ", ".join(MACHINE.get(name, "lemonade's code" if name == "commit" else name) for name in names)
        return f"note: {changed} changed since the run began; it goes on, but not as it would have" if names else ""

    def _tell(self, kind: EventKind, message: str = "") -> None:
        self.tracker.tell(kind, self.store.seconds, message)

    def _replay(self, earlier: Run) -> None:
        """Put the method where it was: told of each generation that was brought to its end, and busy with the last."""
        generations: dict[int, list[Candidate]] = {}
        for candidate in earlier.candidates.values():
            generations.setdefault(candidate.generation, []).append(candidate)
        ended = {one.number for one in earlier.generations}
        for number in sorted(generations):
            if number not in ended and number < max(generations):
                raise LemonadeError(
                    f"{earlier.folder}: the journal is damaged; it lacks the end of generation {number}."
                )
            self._begin(generations[number], earlier.proposed.get(number, 0))
            self.search.adopt(self.batch)
            for candidate in self.batch:
                if candidate.id in earlier.evaluations:
                    self.queue.remove(candidate)
                    self._count(candidate, earlier.evaluations[candidate.id])
            if number in ended:
                if self.queue:
                    lost = self.queue[0].id
                    raise LemonadeError(f"{earlier.folder}: the journal is damaged; it lacks the evaluation of {lost}.")
                self._tell_search()

    def _next_generation(self) -> bool:
        """Ask the method for the next generation; False if there is none."""
        candidates = self.search.ask()
        if candidates:
            self.store.append_batch(candidates, self.search.report)
            self._begin(candidates, self.search.report.total.proposed)
            self._measure()
        return bool(candidates)

    def _begin(self, candidates: Sequence[Candidate], proposed: int) -> None:
        self.batch, self.proposed = list(candidates), proposed
        self.queue = list(candidates)
        self.results = {}
        self.candidates.update({candidate.id: candidate for candidate in candidates})

    def _tell_search(self) -> float:
        """Tell the method all results of the generation; returns the hypervolume of its front."""
        told = [self.results[candidate.id] for candidate in self.batch]
        self.rejected = [*self.rejected, *told] if all(one.status is Status.REJECTED for one in told) else []
        self.search.tell(told)
        self.batch = []
        return self.tracker.generation_ended(self.search.front.ids, self.proposed)

    def _end_generation(self) -> None:
        number = self.batch[0].generation
        volume = self._tell_search()
        front = self.search.front.ids
        self.store.generation(number, front, volume, self.tracker.spent(self.store.seconds))
        self.store.sync()
        if self.assembly.config.keep == "front":
            self.store.keep_only(self.search.live() | set(front))
        self._tell("generation", self._left_out())

    def _left_out(self) -> str:
        """A note on proposals for which a cheap objective of the user's failed; empty if none did."""
        failed = self.search.report.total.failed
        return f"note: {quantity(failed, 'proposal')} left out: {self.assembly.cost_failure}" if failed else ""

    def _measure(self) -> None:
        """Time what has to be timed, before any worker is busy; what lies beyond a limit is rejected untrained."""
        if self.queue and self.beforehand.measures:
            self.evaluator.settle()  # a worker that still imports torch would be measured as latency
        for candidate in list(self.queue):
            if self.budget.evaluations is not None and self.tracker.evaluations >= self.budget.evaluations:
                break
            rejected = self.beforehand.rejected(candidate, self.candidates.get(candidate.parent or ""))
            if rejected is not None:
                self.queue.remove(candidate)
                self._arrived(rejected)

    def _submit(self) -> None:
        """Give idle workers something to do, as far as the budget goes."""
        while self.evaluator.room and (candidate := self._next_candidate()) is not None:
            self.queue.remove(candidate)
            self.running[candidate.id] = candidate
            self.evaluator.submit(
                Job(
                    candidate=candidate,
                    training=self.assembly.config.training,
                    inherit=self.assembly.config.search.inherit,
                    parent=self._stored(candidate.parent),
                    output=str(self.store.scratch(candidate.id)),
                    teacher=self._stored(candidate.teacher),
                    seconds=self._seconds_for(candidate),
                    limit=self._limit(candidate),
                )
            )

    def _seconds_for(self, candidate: Candidate) -> float | None:
        """The time that a first network may take of a run by time; None for children, and where time is no limit.

        How many images it is to see follows from how fast machines of its kind are; on a slower one it would take all
        the time there is, and be lost. Those still to come get their share; of a run whose start networks are late, as
        after a kill, they may take half of what is left.
        """
        if self.budget.time is None or candidate.parent or candidate.examples <= self.assembly.child_budget.child:
            return None
        gone, total = self.store.seconds, self.budget.time
        left = max(STARTS_SHARE * total - gone, (total - gone) / 2)
        own, others = self._seconds(candidate), sum(map(self._seconds, self.queue))
        return left * own / max(own, (own + others) / self.assembly.workers)

    def _limit(self, candidate: Candidate) -> float | None:
        """Seconds after which it is given up: what sees more images than a child has as many times more."""
        of_child = self.assembly.config.training.child_time
        return None if of_child is None else of_child * max(1.0, candidate.examples / self.assembly.child_budget.child)

    def _stored(self, name: str | None) -> Stored | None:
        """A candidate trained before, as a worker finds it."""
        if name is None:
            return None
        return Stored(self.candidates[name].graph, str(self.store.weights_path(name)), self.store.weights_sha256(name))

    def _budget_left(self) -> bool:
        """Whether the budget and the person allow another generation to be asked for."""
        budget, tracker = self.budget, self.tracker
        return (
            not self.stop.requests
            and (budget.time is None or self.store.seconds < budget.time)
            and (budget.evaluations is None or tracker.evaluations < budget.evaluations)
            and (budget.examples is None or tracker.examples + self._least_examples() <= budget.examples)
        )

    def _least_examples(self) -> int:
        """Images without which there is no point in another generation."""
        sizes = self.assembly.child_budget
        return sizes.child if self.tracker.evaluations else min(sizes.child, sizes.initial)

    def _next_candidate(self) -> Candidate | None:
        """Of those the budget still allows, in order of id, the most costly: so no worker is left with a long tail.

        Of start networks the least costly, so that a short budget ends with something; but where there are several
        workers, the first begins with the most costly one, which takes about as long as all others.
        """
        budget = self.budget
        if self.stop.requests or (budget.time is not None and self.store.seconds >= budget.time):
            return None
        allowed = self.queue
        if budget.evaluations is not None:
            allowed = allowed[: max(0, budget.evaluations - self.tracker.evaluations - len(self.running))]
        if budget.examples is not None:
            left = budget.examples - self.tracker.examples - sum(child.examples for child in self.running.values())
            totals = itertools.accumulate(candidate.examples for candidate in allowed)
            allowed = [candidate for candidate, total in zip(allowed, totals, strict=True) if total <= left]
        initial = any(candidate.generation == 0 for candidate in allowed)
        begun = self.running or self.results or self.assembly.workers == 1
        choose = min if initial and begun else max
        return choose(allowed, key=self._seconds, default=None)

    def _seconds(self, candidate: Candidate) -> float:
        """How long a candidate is likely to train."""
        return candidate.examples * image_seconds(candidate.graph, self.assembly.device.type)

    def _arrived(self, evaluation: Evaluation) -> None:
        if fault := evaluation.payload.get(RUN_FAULT):  # not the child's: a resumed run evaluates it again
            raise LemonadeError(f"{fault} {intact(self.store.folder)}")
        candidate = self.candidates[evaluation.id]
        self.running.pop(candidate.id, None)
        self._count(candidate, self.store.record(self.beforehand.merged(evaluation)))
        self._tell("evaluated")
        self.failures = 0 if evaluation.status in (Status.OK, Status.STOPPED, Status.REJECTED) else self.failures + 1
        if self.failures >= MOST_FAILURES:
            self.store.end(INTERRUPTED)
            raise LemonadeError(
                f"the last {MOST_FAILURES} children all failed; the last one: {evaluation.message}. Put that right and "
                f"go on with: lemonade resume {self.store.folder}"
            )

    def _cure(self) -> str:
        """What to do where a limit on what is measured left nothing to begin with."""
        if self.first_failure is None or self.first_failure.status is not Status.REJECTED:
            return ""
        return ". Loosen it, or begin with smaller networks (--set space.widths=[1,2] in the space 'network')"

    def _first_failure(self) -> str:
        first = self.first_failure
        return f"{first.id} {first.status.value}: {first.message}" if first is not None else "none was tried"

    def _count(self, candidate: Candidate, evaluation: Evaluation) -> None:
        self.results[candidate.id] = evaluation
        if self.first_failure is None and evaluation.status is not Status.OK:
            self.first_failure = evaluation
        self.beforehand.learn(evaluation)
        self.tracker.evaluated(candidate.generation, candidate.costs, evaluation)
