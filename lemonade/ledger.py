"""The one reading of a journal's lines: what they come to, taken in one after the other (see `lemonade.journal`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from lemonade.config import BudgetSettings, Config
from lemonade.errors import LemonadeError
from lemonade.facts import DataFacts
from lemonade.journal import INTERRUPTED, Line
from lemonade.objectives import Objective
from lemonade.settings_text import in_words
from lemonade.types import Candidate, Evaluation, Spent, Status, candidate_id

Settings = TypeVar("Settings", bound=pydantic.BaseModel)


class State(StrEnum):
    """How a run stands: `KILLED` left no word of its end; `UNKNOWN` is either running or killed."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    KILLED = "killed"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, ended: str, held: bool | None) -> State:
        """How a run stands that ended so (see `Ledger.ended`) and whose folder is held or not (see `is_held`)."""
        if ended:
            return cls.INTERRUPTED if ended == INTERRUPTED else cls.FINISHED
        return {True: cls.RUNNING, False: cls.KILLED, None: cls.UNKNOWN}[held]

    @property
    def words(self) -> str:
        """The same for a person."""
        return {
            State.INTERRUPTED: "stopped early; it can go on",
            State.KILLED: "stopped by force; it can go on",
            State.UNKNOWN: "running, or stopped by force; then it can go on",
        }.get(self, self.value)


@dataclass(frozen=True)
class Generation:
    """One generation that came to its end.

    Attributes:
        number: Of the generation, from 0.
        proposed: Children proposed, duplicates included.
        front: Ids of the front at its end.
        hypervolume: Share of the box that this front dominated.
        spent: What the run had used at its end.
    """

    number: int
    proposed: int
    front: tuple[str, ...]
    hypervolume: float
    spent: Spent


class Ledger:
    """What the lines taken so far come to; the first has to be of type ``run``.

    Attributes:
        lines: How many there were.
        config: All settings; the budget is that of the last resume.
        environment: What the run began on.
        facts: Of the data set.
        plugins: SHA-256 of plug-in files by path.
        others: Digests of further data sets' splits by objective.
        objectives: Those in play, with the boxes of the run.
        candidates: Their records by id, as they came.
        evaluations: By id, as they came.
        arrivals: What had been spent when each of them came in.
        reports: Lines on how proposals fared, by generation.
        generations: Those that came to their end.
        ended: Why the run stopped (``"done"``, ``"exhausted"`` or ``"interrupted"``); empty while it runs or after a
            crash.
        seconds: Active seconds at the last line.
    """

    config: Config
    facts: DataFacts
    objectives: tuple[Objective, ...]

    def __init__(self, path: Path) -> None:
        """Begin with nothing; `path` is the journal's, for errors."""
        self.path = path
        self.lines = 0
        self.environment: Mapping[str, Any] = {}
        self.plugins: Mapping[str, str] = {}
        self.others: Mapping[str, str] = {}
        self.candidates: dict[str, Mapping[str, Any]] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.arrivals: dict[str, Spent] = {}
        self.reports: dict[int, Line] = {}
        self.generations: list[Generation] = []
        self.ended = ""
        self.seconds = 0.0

    @property
    def where(self) -> str:
        """The line that was taken in last, for errors."""
        return f"{self.path} line {self.lines}"

    @property
    def spent(self) -> Spent:
        """What all evaluations so far have used, and the active seconds at the last line."""
        last = next(reversed(self.arrivals.values()), Spent())
        return replace(last, seconds=self.seconds)

    def proposed(self, number: int) -> int:
        """Children proposed for a generation, duplicates included."""
        return int(self.reports.get(number, {}).get("total", {}).get("proposed", 0))

    def take(self, line: Line) -> None:
        """Take in the next line; one of an unknown type tells only that the run went on until then.

        Raises:
            LemonadeError: if it lacks something, or means nothing to this version.
        """
        self.lines += 1
        with self.sound():
            kind = line["type"]
            if kind == "run":
                self._begin(line)
            elif kind == "candidates":
                self._check_known(line["candidates"])
                for record in line["candidates"]:
                    # the graph is read only where it is needed
                    _check_finite(Candidate.from_json(record, record["graph"]).costs)
                    self.candidates[record["id"]] = record
                self.reports[line["generation"]] = line
            elif kind == "evaluation":
                if line["id"] not in self.candidates:
                    raise LemonadeError(f"{self.where}: damaged, it lacks the candidate {line['id']}.")
                one = self.evaluations[line["id"]] = Evaluation.from_json(line)
                before = self.spent
                trained = before.evaluations + (one.status is not Status.REJECTED)
                self.arrivals[one.id] = Spent(trained, before.examples + one.examples, float(line["s"]))
            elif kind == "generation":
                self.generations.append(self._generation(line))
            elif kind == "resume":
                budget = self._settings(BudgetSettings, line["budget"])
                self.config = self.config.model_copy(update={"budget": budget})
            # whatever comes after an end line belongs to a run that goes on
            self.ended = str(line["reason"]) if kind == "end" else ""
            self.seconds = float(line["s"])

    @contextmanager
    def sound(self) -> Iterator[None]:
        """Turn what a damaged line leads to into one clear line.

        Raises:
            LemonadeError: in place of what Python raises where something is missing or of another kind.
        """
        try:
            yield
        except pydantic.ValidationError as error:
            raise LemonadeError(f"{self.where}: damaged, {in_words(error)}.") from None
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise LemonadeError(f"{self.where}: damaged, it lacks something ({error!r}).") from None

    def _check_known(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Candidates are numbered without gaps, and descend from and learn from earlier ones.

        Raises:
            LemonadeError: if they are not, or do not.
        """
        for number, record in enumerate(records, start=len(self.candidates)):
            if record["id"] != candidate_id(number):
                raise LemonadeError(f"{self.where}: damaged, it lacks the candidate {candidate_id(number)}.")
            for name in (record["parent"], record.get("teacher")):
                if name is not None and name not in self.candidates:
                    raise LemonadeError(f"{self.where}: damaged, {record['id']} names {name}, which is not there.")

    def _begin(self, line: Line) -> None:
        self.environment, self.plugins = line.get("environment", {}), line.get("plugins", {})
        self.others = line.get("others", {})
        self.config = self._settings(Config, line["config"])
        self.facts = DataFacts.from_json(line["facts"])
        self.objectives = tuple(Objective.from_json(one) for one in line["objectives"])
        if not self.objectives:
            raise KeyError("objectives")

    def _settings(self, kind: type[Settings], told: Any) -> Settings:
        try:
            return kind.model_validate(told)
        except pydantic.ValidationError as error:
            name = ".".join(map(str, error.errors()[0]["loc"]))
            raise LemonadeError(
                f"{self.where}: '{name}' of its config means nothing to this lemonade; it was written by version "
                f"{self.environment.get('lemonade')}."
            ) from None

    def _generation(self, line: Line) -> Generation:
        return Generation(
            number=line["generation"],
            proposed=self.proposed(line["generation"]),
            front=tuple(line["front"]),
            hypervolume=float(line["hypervolume"]),
            spent=Spent.from_json(line["spent"]),
        )


def _check_finite(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
