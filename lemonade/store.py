"""The only writer of a search's part of a run folder (`models/`, `references/` and reports come after it).

::

    runs/NAME/config.yaml  environment.json  journal.jsonl  graphs/<hash>.json  weights/<id>.safetensors  front.csv

The journal is the source of truth (see `lemonade.journal`); what a line names is written before the line. One process
at a time: the main one holds a lock on the folder, which the system takes back when it dies.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lemonade.config import BudgetSettings, Config
from lemonade.environment import environment
from lemonade.errors import LemonadeError
from lemonade.facts import DataFacts
from lemonade.files import is_text, lock_folder, make_folder, write_whole, writing
from lemonade.frontview import FrontView
from lemonade.history import Run
from lemonade.journal import Journal, intact, repair_journal
from lemonade.members import Member
from lemonade.objectives import resolve
from lemonade.plugins import load_plugins
from lemonade.runfolder import CONFIG, ENVIRONMENT, FRONT, GRAPHS, JOURNAL, OF_A_SEARCH, WEIGHTS, has_begun
from lemonade.settings import dump_config
from lemonade.types import Candidate, Evaluation, Spent
from morphisms import file_sha256, graph_to_json

_WEIGHTS, _PARTIAL = ".safetensors", ".partial"


class RunStore:
    """Writes a run folder; made by `create` or `open`, a context manager that lets go of the folder at its end."""

    def __init__(self, run: Run, lock: int, journal: Journal) -> None:
        """Not to be called: use `create` or `open`."""
        self.folder = run.folder
        self._run = run
        self._config = run.config
        self._lock = lock
        self._journal = journal
        self._candidates: dict[str, Candidate] = {}  # of this process; `run` has those before
        self._evaluations: dict[str, Evaluation] = dict(run.evaluations)
        self._recent = run.under_way & set(run.evaluations)  # evaluated since the last generation ended
        self._unsynced: set[Path] = set()

    @staticmethod
    def check_free(folder: Path) -> None:
        """Check that a run can be made in a folder: it does not exist, is empty, or holds a run that never began.

        Raises:
            LemonadeError: saying what is there.
        """
        if not is_text(str(folder)):
            raise LemonadeError(f"{str(folder)!r}: the name is not UTF-8. Choose another --out.")
        try:
            os.lstat(folder)
            there = True
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except (OSError, ValueError) as error:  # a name that no file system takes
            said = getattr(error, "strerror", None) or error
            raise LemonadeError(
                f"{str(folder)[:80]!r}: no folder can be made there ({said}). Choose another --out."
            ) from None
        real = Path(os.path.realpath(folder))  # unlike `Path.resolve` it takes links that lead in a circle
        if inside := next((parent for parent in real.parents if has_begun(parent)), None):
            raise LemonadeError(f"{folder} lies inside the run folder {inside}. Choose another --out.")
        if not there:
            return
        if not folder.is_dir():
            raise LemonadeError(f"{folder} exists and is a file. Choose another --out.")
        if has_begun(folder):
            raise LemonadeError(
                f"{folder} exists and holds a run. Go on with: lemonade resume {folder}. Or choose another --out."
            )
        other = sorted(path.name for path in folder.iterdir() if path.name not in OF_A_SEARCH)
        if other:
            raise LemonadeError(f"{folder} exists and holds other files ({other[0]}). Choose another --out.")

    @classmethod
    def create(
        cls, folder: Path, config: Config, facts: DataFacts, others: Mapping[str, str] | None = None
    ) -> RunStore:
        """Make a run folder and write its first line.

        Args:
            folder: See `check_free`.
            config: All settings, the budget in force included; its plug-ins are loaded if they are not yet.
            facts: Of the data set.
            others: Digests of further data sets' splits by the objective that reads them.

        Raises:
            LemonadeError: if the folder is not free, cannot be written, or another process has it.
        """
        cls.check_free(folder)
        plugins = load_plugins(config.plugins)
        objectives = resolve(config.objectives, len(facts.classes), config.boxes)
        first = {
            "config": config.model_dump(mode="json"),
            "facts": facts.to_json(),
            "objectives": [one.to_json() for one in objectives],
            "environment": environment(),
            "plugins": plugins,
            "others": dict(others or {}),
        }
        try:
            return cls._begin(folder, config, first)
        except LemonadeError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            reason = error.__cause__.strerror or error.__cause__
            raise LemonadeError(f"{folder}: the run folder cannot be made ({reason}). Choose another --out.") from None

    @classmethod
    def _begin(cls, folder: Path, config: Config, first: Mapping[str, Any]) -> RunStore:
        advice = intact(folder)
        for part in (folder, folder / GRAPHS, folder / WEIGHTS):
            make_folder(part, advice)
        lock = lock_folder(folder, advice)
        try:
            cls.check_free(folder)  # another process may have been quicker
            write_whole(folder / CONFIG, dump_config(config), advice)
            write_whole(folder / ENVIRONMENT, json.dumps(first["environment"], indent=1) + "\n", advice)
            (folder / JOURNAL).unlink(missing_ok=True)  # half a first line, if anything
            journal = Journal(folder / JOURNAL)
            try:
                journal.append("run", first)
                return cls(Run.load(folder), lock, journal)
            except BaseException:
                journal.close()
                raise
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """Open a run folder to go on with it; call `resume` before anything else is written.

        A torn end of the journal is cut off, and half-written weights are deleted.

        Raises:
            LemonadeError: if it is no run folder, cannot be read, or another process has it.
        """
        Run.load(folder)  # says what is wrong before anything is touched
        lock = lock_folder(folder, intact(folder))
        try:
            repair_journal(folder / JOURNAL)
            run = Run.load(folder)
            for path in (folder / WEIGHTS).glob(f"*{_PARTIAL}"):
                path.unlink(missing_ok=True)
            return cls(run, lock, Journal(folder / JOURNAL, run.spent.seconds))
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder; may be called twice. Says nothing about why: that is `end`."""
        self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def run(self) -> Run:
        """The run as it was when the store was opened, read under the lock."""
        return self._run

    @property
    def seconds(self) -> float:
        """Active seconds of the run, over all its resumes; counted from `start_clock` on."""
        return self._journal.seconds

    def start_clock(self) -> None:
        """Count active seconds from now on."""
        self._journal.start_clock()

    # Where things are ----------------------------------------------------------------------------------------------

    def scratch(self, name: str) -> Path:
        """Where the weights of a candidate are written while it is trained; `record` gives them their name."""
        return self.folder / WEIGHTS / f"{name}{_PARTIAL}"

    def weights_path(self, name: str) -> Path:
        """Where the weights of an evaluated candidate are."""
        return self.folder / WEIGHTS / f"{name}{_WEIGHTS}"

    def weights_sha256(self, name: str) -> str | None:
        """SHA-256 of the weights of an evaluated candidate; None if an earlier version did not write it down."""
        return self._evaluations[name].sha256

    # What happens, in order ----------------------------------------------------------------------------------------

    def resume(self, budget: BudgetSettings) -> None:
        """Write that the run goes on, with new totals."""
        self._config = self._config.model_copy(update={"budget": budget})
        write_whole(self.folder / CONFIG, dump_config(self._config), intact(self.folder))
        self._journal.append("resume", {"budget": budget.model_dump(mode="json"), "environment": environment()})

    def append_batch(self, candidates: Sequence[Candidate], report: Any) -> None:
        """Write all candidates of one generation, before any of them is submitted.

        Args:
            candidates: At least one, all of one generation.
            report: A dataclass with ``total`` and ``operators`` on how the proposals fared.

        Raises:
            LemonadeError: if it cannot be written.
        """
        records = [{**one.to_json(), "graph": self._save_graph(one)} for one in candidates]
        fields = {"generation": candidates[0].generation, "candidates": records}
        self._journal.append("candidates", {**asdict(report), **fields})
        self._candidates.update((one.id, one) for one in candidates)

    def record(self, evaluation: Evaluation) -> Evaluation:
        """Keep what came back for a candidate: its weights under their name, then the line that names them.

        Returns:
            The evaluation with the path of its weights relative to the run folder, and their SHA-256.

        Raises:
            LemonadeError: if it cannot be written.
        """
        if evaluation.weights is not None:
            path = self.weights_path(evaluation.id)
            with writing(path, intact(self.folder)):
                Path(evaluation.weights).replace(path)
                digest = file_sha256(path)
            self._unsynced.add(path)
            evaluation = replace(evaluation, weights=f"weights/{path.name}", sha256=digest)
        self._journal.append("evaluation", evaluation.to_json())
        self._evaluations[evaluation.id] = evaluation
        self._recent.add(evaluation.id)
        return evaluation

    def generation(self, number: int, front: Sequence[str], hypervolume: float, spent: Spent) -> None:
        """Write that a generation came to its end, and its front as front.csv. Call `sync`, then `keep_only`.

        Args:
            number: Of the generation.
            front: Ids of the members.
            hypervolume: Share of the box they dominate.
            spent: What the run has used.

        Raises:
            LemonadeError: if it cannot be written.
        """
        fields = {"generation": number, "front": list(front), "hypervolume": hypervolume, "spent": asdict(spent)}
        self._journal.append("generation", fields)
        self._recent.clear()
        self.write_front(front)

    def end(self, reason: str) -> None:
        """Write why the run stops: ``"interrupted"`` can go on, any other reason is its end. Syncs."""
        self._journal.append("end", {"reason": reason})
        self.sync()

    def write_front(self, front: Sequence[str]) -> None:
        """Write front.csv anew, with the members of those ids."""
        run = self._run
        candidates = {one: self._candidates.get(one) or run.candidates[one] for one in front}
        members = [Member(candidates[one], self._evaluations[one], self.folder, run.facts) for one in front]
        view = FrontView(members, run.objectives, run.smoothed)
        write_whole(self.folder / FRONT, view.to_csv(), intact(self.folder))

    def keep_only(self, names: Collection[str]) -> None:
        """Delete the weights of all others, except of those evaluated since the last generation came to its end.

        What an evaluation left half-written goes too; what is being written now stays.
        """
        kept = {*names, *self._recent}
        for path in (self.folder / WEIGHTS).iterdir():
            name = path.name.partition(".")[0]  # while it is written a scratch file has a further ending
            under_way = path.suffix == _PARTIAL and name not in self._evaluations
            if path.suffix in (_PARTIAL, _WEIGHTS) and not under_way and (path.suffix == _PARTIAL or name not in kept):
                path.unlink(missing_ok=True)

    def sync(self) -> None:
        """Have the system put all that was written on disk, so that it survives a loss of power; about 4 ms a file."""
        for path in self._unsynced:
            if path.exists():
                with writing(path, intact(self.folder)):
                    _sync_file(path)
        self._unsynced.clear()
        self._journal.sync()

    def _save_graph(self, candidate: Candidate) -> str:
        """Write a graph once; returns the hash of its text, by which its file is called.

        Not the name-free hash: a graph with other names of its nodes could not read this one's weights.
        """
        text = json.dumps(graph_to_json(candidate.graph), separators=(",", ":")) + "\n"
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        path = self.folder / GRAPHS / f"{name}.json"
        if not path.exists():
            write_whole(path, text, intact(self.folder))
            self._unsynced.add(path)
        return name


def _sync_file(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
