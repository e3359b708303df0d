"""Where text goes: consoles for results and for what accompanies them, and terminals without Unicode."""

from __future__ import annotations

import codecs
import sys
from typing import IO, TextIO

from rich.console import Console
from rich.theme import Theme

PLAIN_WIDTH = 120
"""Columns of text that does not go to a terminal, where nobody has set `COLUMNS`."""

# 16-colour names follow the person's own palette; nothing is said by colour alone
THEME = Theme({"knee": "bold yellow", "quiet": "dim", "good": "green", "warn": "yellow", "bad": "red", "next": "cyan"})

_ASCII = {
    "·": "-", "●": "*", "×": "x", "…": "...", "━": "-", "╸": "-", "╺": " ", "─": "-", "└": "`", "├": "|", "│": "|",
    "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "=", "█": "#", "▏": " ", "▎": " ", "▍": " ",
    "▌": "#", "▋": "#", "▊": "#", "▉": "#", "–": "-", "→": "->", "✓": "+", "✗": "x", "’": "'",
}  # fmt: skip


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join([_ASCII.get(char, "?") for char in error.object[error.start : error.end]]), error.end


def allow_any_encoding() -> None:
    """Let standard output and error spell characters that their encoding lacks, instead of failing on them."""
    codecs.register_error("lemonade", _spell)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="lemonade")


def console(file: IO[str] | TextIO | None = None, stderr: bool = False, width: int | None = None) -> Console:
    """A console that never guesses at highlights and keeps long lines whole where no terminal cuts them.

    Args:
        file: Where to write; default: standard output.
        stderr: Write to standard error instead.
        width: Columns; default: the terminal's, `COLUMNS`, or 120 where there is neither.
    """
    made = Console(file=file, stderr=stderr, width=width, highlight=False, theme=THEME, emoji=False)
    if width is None and not made.is_terminal and "COLUMNS" not in made._environ:
        made = Console(file=file, stderr=stderr, width=PLAIN_WIDTH, highlight=False, theme=THEME, emoji=False)
    return made
