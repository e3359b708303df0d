"""A run followed from outside, by its journal: what its own panel is told, without touching the run."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from lemonade.files import held_since, is_held
from lemonade.history import Run
from lemonade.journal import Line, Tail
from lemonade.ledger import Ledger, State
from lemonade.runfolder import JOURNAL
from lemonade.tracker import Tracker
from lemonade.types import Progress


class Watcher:
    """Turns a journal that grows into the events that its search sends to `on_event`, as far as they can be read there.

    Of loading and stopping it tells nothing, and no messages.

    Attributes:
        folder: The run folder.
        held: Whether a process had the run folder just before the last `read`; None where the system cannot tell.
    """

    def __init__(self, folder: str | Path) -> None:
        """Begin at the journal's first line.

        Raises:
            LemonadeError: as `Run.load`.
        """
        run = Run.load(folder)
        self.folder = run.folder
        self.held: bool | None = None
        self._tail = Tail(run.folder / JOURNAL)
        self._ledger = Ledger(run.folder / JOURNAL)
        self._told: list[Progress] = []
        self._tracker = Tracker(run.objectives, run.smoothed, run.config.budget, self._told.append)

    @property
    def run(self) -> Run:
        """The run as it stood at the last `read`, of which there has to have been one."""
        return Run(self.folder, self._ledger, self.held)

    @property
    def state(self) -> State:
        """How the run stood at the last `read`."""
        return State.of(self._ledger.ended, self.held)

    @property
    def going(self) -> bool:
        """Whether more may come: no end is written, or a process has the folder, as `resume` has while it loads."""
        return bool(self.held) or self.state is State.UNKNOWN

    def read(self) -> list[Progress]:
        """The events since the last time; the latest of them knows how long ago it was.

        Raises:
            LemonadeError: if the journal is damaged, or another run lies in the place of this one.
        """
        # first the lock, then the lines: what a process wrote before it let go is then always seen
        self.held = is_held(self.folder)
        self._told.clear()
        lines = self._tail.read()
        for line in lines:
            self._ledger.take(line)
            with self._ledger.sound():
                self._tell(line)
        # a process that has written nothing yet is still loading, and its clock stands
        if self._told and self.state in (State.RUNNING, State.UNKNOWN) and lines[-1]["t"] >= held_since(self.folder):
            last, ago = self._told[-1], max(0.0, time.time() - lines[-1]["t"])
            self._told[-1] = replace(last, spent=replace(last.spent, seconds=last.spent.seconds + ago))
        return list(self._told)

    def _tell(self, line: Line) -> None:
        """Send the event of a line that the ledger has taken in."""
        kind, tracker, ledger = line["type"], self._tracker, self._ledger
        if kind == "run":
            tracker.tell("start", ledger.seconds)
        elif kind == "evaluation":
            record = ledger.candidates[line["id"]]
            tracker.evaluated(record["generation"], record["costs"], ledger.evaluations[line["id"]])
            tracker.tell("evaluated", ledger.seconds)
        elif kind == "generation":
            ended = ledger.generations[-1]
            tracker.generation_ended(ended.front, ended.proposed, ended.hypervolume)
            tracker.tell("generation", ledger.seconds)
        elif kind == "resume":
            tracker.budget = ledger.config.budget
            tracker.tell("start", ledger.seconds)
        elif kind == "end":
            run = self.run
            if run.under_way & set(run.evaluations):  # a generation that was cut off, told though it has not ended
                tracker.generation_ended([member.id for member in run.front], 0)
                tracker.tell("generation", ledger.seconds)
            tracker.tell("end", ledger.seconds)
