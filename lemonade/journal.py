"""The journal: append-only lines of JSON, the source of truth of a run folder.

Each line holds ``v`` (version of this format), ``t`` (seconds since the epoch), ``s`` (active seconds of the run so
far, over all its resumes) and a ``type``:

=============  =========================================================================================================
run            first line: config, data set facts, objectives, environment, hashes of plug-ins
candidates     all candidates of one generation and how proposals fared, in one line so that a kill leaves all or none
evaluation     what came back for one candidate
generation     all candidates of a generation are evaluated: the front, its hypervolume, what has been spent
resume         an earlier run goes on, with its new budget
end            why the run stopped
=============  =========================================================================================================

A line that a kill tore off is the last one and counts as not written. Unknown types and fields are passed over, so that
a later version may add some without a new ``v``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lemonade.errors import LemonadeError
from lemonade.files import writing

VERSION = 1
INTERRUPTED = "interrupted"
"""Why a run ended that can go on; with any other reason it is finished."""
EXHAUSTED = "exhausted"
"""Why a run ended that found nothing more to train, its budget not used up."""
Line = dict[str, Any]


def intact(folder: Path) -> str:
    """What is kept and what to do where something of a search cannot be written; `folder` is the run's."""
    return f"The run is intact up to its last line; put that right and go on with: lemonade resume {folder}"


class Journal:
    """Appends lines to a journal; one process at a time, which the run folder's lock sees to."""

    def __init__(self, path: Path, seconds: float = 0.0) -> None:
        """Open for appending; `seconds` is the active time of the run so far, and stands until `start_clock`."""
        self.path = path
        self._seconds = seconds
        self._started: float | None = None
        with writing(path, intact(path.parent)):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)

    @property
    def seconds(self) -> float:
        """Active seconds of the run, over all its resumes; reading data and starting workers is not counted."""
        return self._seconds + (time.monotonic() - self._started if self._started is not None else 0.0)

    def start_clock(self) -> None:
        """Count seconds from now on."""
        self._started = time.monotonic()

    def append(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Write one line; once this returns it survives the death of this process.

        Raises:
            LemonadeError: if it cannot be written; the journal is then as it was.
        """
        line = {"v": VERSION, "t": round(time.time(), 3), "s": round(self.seconds, 3), "type": kind, **fields}
        data = json.dumps(line, default=_plain, separators=(",", ":")).encode() + b"\n"
        with writing(self.path, intact(self.path.parent)):
            before = os.fstat(self._file).st_size
            try:
                written = 0
                while written < len(data):
                    written += os.write(self._file, data[written:])
            except OSError:
                with suppress(OSError):  # /dev/full and pipes have no length
                    os.ftruncate(self._file, before)
                raise

    def sync(self) -> None:
        """Have the system put all lines on disk, so that they survive a loss of power; about 4 ms."""
        with writing(self.path, intact(self.path.parent)):
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_journal(path: Path) -> list[Line]:
    """All whole lines.

    Raises:
        LemonadeError: if the file cannot be read, is damaged before its last line, or was written by a newer lemonade.
    """
    return _parse(_read(path), path)[0]


def repair_journal(path: Path) -> list[Line]:
    """All whole lines; a torn end is cut off, so that the next line starts where it should."""
    data = _read(path)
    lines, whole = _parse(data, path)
    if whole < len(data):
        with writing(path, intact(path.parent)):
            os.truncate(path, whole)
    return lines


class Tail:
    """Reads a journal that another process is writing: each `read` gives what has come since the last one.

    Only the new part of the file is read, and nothing is ever written.
    """

    def __init__(self, path: Path) -> None:
        """Start at the beginning of the file."""
        self.path = path
        self._offset = 0
        self._lines = 0

    def read(self) -> list[Line]:
        """The whole lines that have come; one that is not whole yet comes another time.

        Raises:
            LemonadeError: as `read_journal`, or if another, shorter journal lies in the place of the first.
        """
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    raise LemonadeError(
                        f"{self.path}: is shorter than it was: another run lies in the place of this one."
                    )
                file.seek(self._offset)
                data = file.read()
        except OSError as error:
            raise LemonadeError(f"{self.path}: cannot be read ({error.strerror or error}).") from None
        lines, whole = _parse(data, self.path, self._lines)
        self._offset += whole
        self._lines += len(lines)
        return lines


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LemonadeError(f"{path}: cannot be read ({error.strerror or error}).") from None


def _parse(data: bytes, path: Path, before: int = 0) -> tuple[list[Line], int]:
    """The whole lines, and how many bytes they take; `before` is how many lines came before them."""
    lines: list[Line] = []
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        number = before + len(lines) + 1
        try:
            line = json.loads(data[start:end])
            if not isinstance(line, dict) or "type" not in line:
                raise ValueError("no JSON object with a type")
        except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            if data.find(b"\n", end + 1) < 0:
                break  # the last line: a loss of power may leave rubbish with a line end in it
            raise LemonadeError(f"{path} line {number}: damaged ({error}). Lines before it are sound.") from None
        version = line.get("v")
        if not isinstance(version, int):
            raise LemonadeError(f"{path} line {number}: damaged (its version 'v' is no whole number).")
        if version > VERSION:
            raise LemonadeError(
                f"{path} line {number}: written by a newer lemonade (journal version {version}; this one reads up to "
                f"{VERSION}). Upgrade lemonade to read this run."
            )
        lines.append(line)
        start = end + 1
    return lines, start


def _plain(value: object) -> Any:
    """Numbers of numpy and torch as Python's own; TypeError for what is no number."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written to a journal")
