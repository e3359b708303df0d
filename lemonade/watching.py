"""A run followed from outside, by its journal: what its own panel is told, without touching the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.history import INTERRUPTED, Run, known_fields
from lemonade.journal import NAME, Line, Tail, is_held
from lemonade.tracker import Tracker
from lemonade.types import Evaluation, Progress


class State(StrEnum):
    """How a run stands: `KILLED` left no word of its end; `UNKNOWN` is either running or killed."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, ended: str, held: bool | None) -> State:
        """How a run stands that ended so (see `Run.ended`) and whose folder is held or not (see `is_held`)."""
        if ended:
            return cls.INTERRUPTED if ended == INTERRUPTED else cls.FINISHED
        return {True: cls.RUNNING, False: cls.KILLED, None: cls.UNKNOWN}[held]


class Watcher:
    """Turns a journal that grows into the events that its search sends to `on_event`.

    Attributes:
        run: The run as it was when watching began.
        last: The latest event; None before the first `read`.
        ended: Why the run stopped; empty while it goes on, or if its process died.
        held: Whether a process had the run folder just before the last `read`; None where the system cannot tell.
    """

    def __init__(self, folder: str | Path) -> None:
        """Begin at the journal's first line.

        Raises:
            LemonadeError: as `Run.load`.
        """
        self.run = Run.load(folder)
        self.last: Progress | None = None
        self.ended = ""
        self.held: bool | None = None
        self._tail = Tail(self.run.folder / NAME)
        self._told: list[Progress] = []
        self._tracker = Tracker(self.run.objectives, self.run.smoothed, self.run.config.budget, self._told.append)
        self._candidates: dict[str, tuple[int, Mapping[str, float]]] = {}  # generation and costs by id
        self._proposed: dict[int, int] = {}  # by generation

    @property
    def state(self) -> State:
        """How the run stood at the last `read`."""
        return State.of(self.ended, self.held)

    @property
    def going(self) -> bool:
        """Whether more may come: neither has the run ended nor is its process gone."""
        return self.state in (State.RUNNING, State.UNKNOWN)

    def read(self) -> list[Progress]:
        """The events since the last time; the latest of them knows how long ago it was.

        Raises:
            LemonadeError: if the journal is damaged, or another run lies in the place of this one.
        """
        # first the lock, then the lines: what a process wrote before it let go is then always seen
        self.held = is_held(self.run.folder)
        self._told.clear()
        lines = self._tail.read()
        for line in lines:
            try:
                self._take(line)
            except (KeyError, TypeError, ValueError) as error:
                raise LemonadeError(f"{self._tail.path}: damaged, a line lacks something ({error!r}).") from None
        if self._told and self.going:
            last, ago = self._told[-1], max(0.0, time.time() - lines[-1]["t"])
            self._told[-1] = replace(last, spent=replace(last.spent, seconds=last.spent.seconds + ago))
        self.last = self._told[-1] if self._told else self.last
        return list(self._told)

    def _take(self, line: Line) -> None:
        kind, tracker, seconds = line["type"], self._tracker, float(line["s"])
        self.ended = str(line["reason"]) if kind == "end" else ""
        if kind == "run":
            tracker.tell("start", seconds)
        elif kind == "candidates":
            self._proposed[line["generation"]] = line["total"]["proposed"]
            self._candidates.update((one["id"], (one["generation"], one["costs"])) for one in line["candidates"])
        elif kind == "evaluation":
            fields: dict[str, Any] = known_fields(Evaluation, line)
            tracker.evaluated(*self._candidates[line["id"]], Evaluation.from_json(fields))
            tracker.tell("evaluated", seconds)
        elif kind == "generation":
            proposed = self._proposed.get(line["generation"], 0)
            tracker.generation_ended(line["front"], proposed, float(line["hypervolume"]))
            tracker.tell("generation", seconds)
        elif kind == "resume":
            tracker.budget = BudgetSettings.model_validate(line["budget"])
            tracker.tell("start", seconds)
        elif kind == "end":
            tracker.tell("end", seconds)
