"""The read-only handle of a run folder. Reading needs neither torch nor the data set nor the user's plug-ins."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.files import is_held
from lemonade.front import Front
from lemonade.frontview import EMPTY, FrontView
from lemonade.journal import EXHAUSTED, INTERRUPTED, read_journal
from lemonade.ledger import Generation, Ledger, State
from lemonade.members import Member
from lemonade.objectives import vector
from lemonade.runfolder import GRAPHS, JOURNAL
from lemonade.settings_text import names_in
from lemonade.types import Candidate, Evaluation, Spent, Status, is_within
from morphisms import GraphError, load_graph

__all__ = ["Candidates", "FrontView", "Generation", "Member", "Run"]


class Candidates(Mapping[str, Candidate]):
    """Candidates by id, in order of id; the graph of each is read from its file when it is first asked for."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        """Hold the records that a run's ledger has by now."""
        self._folder = folder
        self._records = {name: ledger.candidates[name] for name in sorted(ledger.candidates, key=_order)}
        self._made: dict[str, Candidate] = {}

    def __getitem__(self, name: str) -> Candidate:
        if name not in self._made:
            self._made[name] = self._make(self._records[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def record(self, name: str) -> Mapping[str, Any]:
        """The journal's record: all fields of the candidate but its graph, for whoever does not need that."""
        return self._records[name]

    def _make(self, record: Mapping[str, Any]) -> Candidate:
        try:
            graph = load_graph(self._folder / GRAPHS / f"{record['graph']}.json")
            return Candidate.from_json(record, graph)
        except GraphError as error:
            raise LemonadeError(f"{error}. Without it candidate {record['id']} cannot be read.") from None


class Run:
    """A run as its folder tells it at the moment of `load`; never changes.

    Attributes:
        folder: The run folder.
        config: All settings; the budget is that of the last resume.
        environment: What the run began on.
        facts: Of the data set.
        plugins: SHA-256 of plug-in files by path.
        others: Digests of further data sets' splits by the objective that reads them.
        objectives: Those in play, with the boxes of the run.
        candidates: By id, in order of id. A generation is here as a whole or not at all.
        evaluations: By id, in order of id. Of a generation under way, or one that the budget cut off, some are missing.
        generations: Those that came to their end.
        proposals: How the proposals of each generation fared by operator, of those under way too; see `Generation`.
        proposed: How many there were of each generation, likewise.
        spent: Over all evaluations and all resumes.
        arrivals: What had been spent when each evaluation came in, by id, in order of arrival.
        ended: Why the run stopped (``"done"``, ``"exhausted"`` or ``"interrupted"``); empty while it runs or after a
            crash.
        held: Whether a process had the run folder; None where the system cannot tell.
    """

    def __init__(self, folder: Path, ledger: Ledger, held: bool | None) -> None:
        """Take over what the lines of its journal came to so far; use `load`."""
        self.folder, self.held = folder, held
        self.config, self.environment, self.plugins = ledger.config, ledger.environment, ledger.plugins
        self.others = ledger.others
        self.facts, self.objectives, self.ended = ledger.facts, ledger.objectives, ledger.ended
        self.candidates = Candidates(folder, ledger)
        self.evaluations: Mapping[str, Evaluation] = {
            name: ledger.evaluations[name] for name in self.candidates if name in ledger.evaluations
        }
        self.generations = tuple(ledger.generations)
        self.proposals: Mapping[int, Mapping[str, Mapping[str, int]]] = {
            number: report.get("operators", {}) for number, report in ledger.reports.items()
        }
        self.proposed: Mapping[int, int] = {number: ledger.proposed(number) for number in ledger.reports}
        self.arrivals: Mapping[str, Spent] = dict(ledger.arrivals)
        self.spent = ledger.spent

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a run folder, whether its run goes on, was interrupted or is finished.

        Raises:
            LemonadeError: if it is no run folder, or its journal is damaged or from a newer lemonade.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise LemonadeError(f"{folder}: there is no such run folder.")
        if not (folder / JOURNAL).is_file():
            raise LemonadeError(f"{folder} is not a run folder: it holds no {JOURNAL}.")
        held = is_held(folder)  # first the lock, then the lines: what was written before it was let go is then seen
        lines = read_journal(folder / JOURNAL)
        if not lines:
            raise LemonadeError(f"{folder}: its run never began. Start it again, with --out {folder}.")
        if lines[0]["type"] != "run":
            raise LemonadeError(f"{folder / JOURNAL} line 1: expected a line of type 'run', got '{lines[0]['type']}'.")
        ledger = Ledger(folder / JOURNAL)
        for line in lines:
            ledger.take(line)
        return cls(folder, ledger, held)

    # What happened -------------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether it used its budget or found nothing more to do; False after an interruption or a crash."""
        return self.ended not in ("", INTERRUPTED)

    @property
    def childless(self) -> bool:
        """Whether its budget ended within the networks that it began with, so that no child of theirs was trained."""
        ended = self.finished and self.ended != EXHAUSTED
        return ended and all(self.candidates[name].begins for name in self.evaluations)

    @property
    def state(self) -> State:
        """How it stood, its process looked for as well."""
        return State.of(self.ended, self.held)

    @property
    def data_name(self) -> str:
        """The data set's name; of a path the last part, since the rest is the searcher's affair."""
        return re.split(r"[\\/]", str(self.facts.name).rstrip("\\/"))[-1]

    @property
    def budget(self) -> BudgetSettings:
        """The budget in force."""
        return self.config.budget

    @property
    def objective_names(self) -> tuple[str, ...]:
        """Names of the objectives, ``error`` first."""
        return tuple(one.name for one in self.objectives)

    @property
    def smoothed(self) -> bool:
        """Whether the smoothed error decides what is better."""
        return self.config.selection.is_smoothed(self.facts.validation)

    @property
    def under_way(self) -> set[str]:
        """Ids of the candidates whose generation has not come to its end."""
        ended = {one.number for one in self.generations}
        return {name for name in self.candidates if self.candidates.record(name)["generation"] not in ended}

    @cached_property
    def front(self) -> FrontView:
        """What no other network dominates, within the limits, of all that were evaluated without failure."""
        front = Front()
        for name in self.evaluations:
            point = self.point(name)
            if point is not None:
                front.add(name, point)
        return FrontView([self._member(name) for name in front.ids], self.objectives, self.smoothed)

    def values(self, name: str) -> dict[str, float]:
        """What an evaluated network was measured to be, and its costs; its graph is not read."""
        return {**self.evaluations[name].values, **self.candidates.record(name)["costs"]}

    def point(self, name: str) -> tuple[float, ...] | None:
        """The objective values by which a network competes for the front; None if it failed or is beyond a limit.

        Raises:
            LemonadeError: if a value is missing.
        """
        values = self.values(name)
        if self.evaluations[name].status is not Status.OK or not is_within(values, self.config.limits):
            return None
        try:
            point = vector(values, self.objectives, self.smoothed)
            plain = vector(values, self.objectives, smoothed=False)
        except KeyError as missing:
            raise LemonadeError(f"{self.folder / JOURNAL}: damaged, {name} has no value of {missing}.") from None
        return point if all(map(math.isfinite, (*point, *plain))) else None

    def member(self, name: str | Member) -> Member:
        """The network with that id; a unique beginning is enough, and ``best`` and ``knee`` name members of the front.

        Raises:
            LemonadeError: if there is none or more than one, naming the nearest ids, or if it is not evaluated yet.
        """
        name = name.id if isinstance(name, Member) else name
        if name in self.candidates:
            return self._member(name)
        if name in ("best", "knee"):
            found = self.front.best() if name == "best" else self.front.knee
            if found is None:
                raise LemonadeError(EMPTY)
            return found
        begins = [one for one in self.candidates if name and one.startswith(name)]
        if len(begins) == 1:
            return self._member(begins[0])
        if begins:
            more = f" and {len(begins) - 5} more" if len(begins) > 5 else ""
            raise LemonadeError(f"'{name}' is the beginning of {', '.join(begins[:5])}{more}. Type more of the id.")
        near = difflib.get_close_matches(name, list(self.candidates), n=3, cutoff=0.5)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        front = [one.id for one in self.front]
        more = f" and {len(front) - 8} more (lemonade front {self.folder})" if len(front) > 8 else ""
        there = f"The front's: {', '.join(front[:8])}{more}." if front else f"{EMPTY[0].upper()}{EMPTY[1:]}"
        raise LemonadeError(f"{self.folder} has no network '{name}'.{hint} {there}")

    def choose(self, names: str | Member | Sequence[str | Member]) -> list[Member]:
        """Networks, each once: members, ids, ``knee``, ``best`` or ``front``; in a text commas between.

        Raises:
            LemonadeError: as `member`, or if the front is asked for and empty.
        """
        chosen: dict[str, Member] = {}
        several = [names] if isinstance(names, str | Member) else names
        asked = names_in([one.id if isinstance(one, Member) else one for one in several])
        if not asked:
            raise LemonadeError(f"models: expected front, knee, best, or ids with commas between, got '{names}'.")
        for name in asked:
            found = self.front.members if name == "front" else [self.member(name)]
            chosen.update((member.id, member) for member in found)
        if not chosen:
            raise LemonadeError(f"{self.folder}: {EMPTY}")
        return list(chosen.values())

    def lineage(self, name: str) -> tuple[Member, ...]:
        """A network and its ancestors, up to the start network.

        Raises:
            LemonadeError: as `member`.
        """
        line = [self.member(name)]
        while line[-1].parent is not None:
            line.append(self.member(line[-1].parent))
            if len(line) > len(self.candidates):
                raise LemonadeError(f"{self.folder / JOURNAL}: damaged, {line[-1].id} is its own ancestor.")
        return tuple(line)

    def __repr__(self) -> str:
        state = self.ended or "unfinished"
        return f"<Run {self.folder.name}: {len(self.evaluations)} networks, {len(self.front)} on the front, {state}>"

    def _member(self, name: str) -> Member:
        if name not in self.evaluations:
            if self.finished and name not in self.under_way:
                raise LemonadeError(f"{self.folder / JOURNAL}: damaged, it lacks the evaluation of {name}.")
            raise LemonadeError(f"{name} has not been evaluated yet. Go on with: lemonade resume {self.folder}")
        return Member(self.candidates[name], self.evaluations[name], self.folder, self.facts)


def _order(name: str) -> tuple[int, str]:
    """Ids in order of their numbers, also beyond c9999."""
    return len(name), name
