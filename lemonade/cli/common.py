"""What several verbs share: arguments, JSON on standard output, and the lines that say what to do next."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(document: Any) -> None:
    """Write one JSON document to standard output; NaN, which JSON lacks, is refused and not written."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_next(console: Console, steps: Iterable[tuple[Sequence[str | Path], str]]) -> None:
    """Print the commands that a person would want next, each with what it does."""
    rows = [(command(*words), purpose) for words, purpose in steps]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    # a command is there to be copied: what it does gives way first
    grid.add_column(no_wrap=True, style="next")
    grid.add_column(style="quiet")
    for index, (line, purpose) in enumerate(rows):
        grid.add_row("Next:" if index == 0 else "", line, purpose)
    if max((len(line) for line, _ in rows), default=0) + 10 > console.width:
        for index, (line, _) in enumerate(rows):
            console.print(Text(("Next: " if index == 0 else "      ") + line), soft_wrap=True)
    else:
        console.print(grid)


def command(*words: str | Path) -> str:
    """A `lemonade` command line that can be pasted into a shell."""
    return " ".join(["lemonade", *[shlex.quote(str(word)) for word in words]])


def short_path(path: Path) -> Path:
    """The path as a person would type it: relative where it lies below the current folder."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return path
    return path if relative.startswith("..") else Path(relative)
