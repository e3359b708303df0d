"""What was made of a network after the search, as it lies in `models/ID/`: long trainings and exported files."""

from __future__ import annotations

import json
from typing import Any

from lemonade import numbers
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.members import EXPORT_RECORD, MODELS
from lemonade.retraining.records import START_KINDS, retrained, spread

_STARTS = {"inherited": "from the search's weights", "scratch": "from fresh weights"}


def made_of(run: Run, name: str) -> dict[str, Any]:
    """Lines to show by heading; empty if nothing was made of it.

    Raises:
        LemonadeError: naming the file, if a record is damaged.
    """
    found = {"retrained": _retrained(run, name), "exported": _exported(run, name)}
    return {kind: lines for kind, lines in found.items() if lines}


def _retrained(run: Run, name: str) -> list[str]:
    found = retrained(run.folder, name)
    if found is None:
        return []
    lines = []
    for start in START_KINDS:
        readings = found.readings(start, "test")
        if readings:
            told = spread(readings)
            more = "" if told["deviation"] is None else f" ± {told['deviation']:.4f}"
            seeds = numbers.quantity(len(readings), "seed")
            test = numbers.count(run.facts["test"])
            lines.append(f"{_STARTS[start]}: test error {told['mean']:.4f}{more} ({seeds}, {test} test images)")
        elif any(one.start == start for one in found.trainings):
            lines.append(f"{_STARTS[start]}: the test images have not been opened yet, or all trainings failed")
    return lines


def _exported(run: Run, name: str) -> list[str]:
    path = run.folder / MODELS / name / EXPORT_RECORD
    if not path.is_file():
        return []
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return [f"{one['file']}, {one['size'] / 1000:,.0f} kB, off by {one['deviation']:.0e}" for one in files]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LemonadeError(f"{path}: cannot be read ({error}). Delete it, and export {name} again.") from None
