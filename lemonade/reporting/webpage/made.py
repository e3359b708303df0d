"""What was made of a network after the search, as it lies in `models/ID/`: long trainings and exported files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.records import read_record
from lemonade.reporting.retrained import retrained_lines
from lemonade.runfolder import EXPORT_RECORD, MODELS


def made_of(run: Run, name: str) -> dict[str, Any]:
    """Lines to show by heading; empty if nothing was made of it. A damaged record is told in place of what it held."""
    found = {"retrained": _told(retrained_lines, run, name), "exported": _told(_exported, run, name)}
    return {kind: lines for kind, lines in found.items() if lines}


def _told(read: Callable[[Run, str], list[str]], run: Run, name: str) -> list[str]:
    try:
        return read(run, name)
    except LemonadeError as error:
        return [str(error)]


def _exported(run: Run, name: str) -> list[str]:
    path = run.folder / MODELS / name / EXPORT_RECORD
    if not path.is_file():
        return []
    return read_record(path, _exported_lines, f"export {name} again")


def _exported_lines(record: Mapping[str, Any]) -> list[str]:
    lines = [f"{one['file']}, {one['size'] / 1000:,.0f} kB, off by {one['deviation']:.0e}" for one in record["files"]]
    return [f"weights {record['weights']}", *lines]
