"""What was made of a network after the search, as it lies in `models/ID/`: long trainings and exported files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lemonade.history import Run
from lemonade.members import EXPORT_RECORD, MODELS
from lemonade.records import read_record
from lemonade.reporting.retrained import retrained_lines


def made_of(run: Run, name: str) -> dict[str, Any]:
    """Lines to show by heading; empty if nothing was made of it.

    Raises:
        LemonadeError: naming the file, if a record is damaged.
    """
    found = {"retrained": retrained_lines(run, name), "exported": _exported(run, name)}
    return {kind: lines for kind, lines in found.items() if lines}


def _exported(run: Run, name: str) -> list[str]:
    path = run.folder / MODELS / name / EXPORT_RECORD
    if not path.is_file():
        return []
    return read_record(path, _exported_lines, f"export {name} again")


def _exported_lines(record: Mapping[str, Any]) -> list[str]:
    lines = [f"{one['file']}, {one['size'] / 1000:,.0f} kB, off by {one['deviation']:.0e}" for one in record["files"]]
    return [f"weights {record['weights']}", *lines]
