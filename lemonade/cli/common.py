"""What several verbs share: arguments, JSON on standard output, and the lines that say what to do next."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lemonade.errors import LemonadeError
from lemonade.reporting import screen
from lemonade.reporting.commands import command, short_path

__all__ = ["command", "flowing", "print_error", "print_json", "print_next", "print_warning", "short_path"]


_CONTROL = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}  # JSON takes them as they are, a terminal as orders


def print_json(document: Any, indent: int | None = 2) -> None:
    """Write one JSON document to standard output; NaN, which JSON lacks, is refused and not written.

    Without an `indent` it takes one line. Where the output is not UTF-8, or a name holds bytes that are not,
    characters are escaped: none is lost. A reader that has gone is no error.
    """
    if sys.stdout is None:
        raise LemonadeError("standard output is closed, so there is nowhere to write the JSON to.")
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    plain = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if not plain or any("\ud800" <= letter <= "\udfff" for letter in text):
        text = json.dumps(document, indent=indent, allow_nan=False)
    try:
        sys.stdout.write(text.translate(_CONTROL) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        screen.silence(sys.stdout)


def print_error(message: str) -> None:
    """Write what is wrong, on one line, to standard error."""
    print(f"error: {screen.printable(message)}", file=sys.stderr)


def print_warning(message: str) -> None:
    """Write what is wrong but does not stop the command, on one line, to standard error."""
    print(f"warning: {screen.printable(message)}", file=sys.stderr)


def print_next(console: Console, steps: Iterable[tuple[Sequence[str | Path], str]]) -> None:
    """Print the commands that a person would want next, each with what it does."""
    rows = [(command(*words), purpose) for words, purpose in steps]
    widest = max([len(line) for line, _ in rows], default=0)
    for index, (line, purpose) in enumerate(rows):
        text = Text("Next:  " if index == 0 else "       ").append(line, style="next")
        # a command is there to be copied and is never broken: what it does gives way first
        if widest + len(purpose) + 11 <= console.width:
            text.append(" " * (widest - len(line) + 2) + purpose, style="quiet")
        console.print(text, soft_wrap=True)


def flowing(text: str) -> str:
    """Help text whose paragraphs flow: typer keeps the line ends of a docstring."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join([" ".join(paragraph.split()) for paragraph in paragraphs])
