"""Where text goes: consoles for results and for what accompanies them, and terminals without Unicode."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
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

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_IN_LINES = {code: text for code, text in _CONTROL.items() if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """A name or a message on one line, control characters escaped: a file's name may hold orders to the terminal."""
    return text.translate(_CONTROL)


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


LOST: list[str] = []
"""Why text for a person could not be written, so that a command can say so at its end."""


def silence(file: IO[str]) -> None:
    """Let a stream whose reader has gone lead nowhere, so that the interpreter can flush it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


class _Console(Console):
    """A console whose reader may go away, or whose disk may fill: then it falls silent, and the work goes on.

    Control characters within texts are escaped, wherever they come from.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=segment.text.translate(_IN_LINES))

    def on_broken_pipe(self) -> None:
        self._fall_silent()

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            LOST.append(error.strerror or str(error))
            self._fall_silent()

    def _fall_silent(self) -> None:
        self.quiet = True
        silence(self.file)


def console(file: IO[str] | None = None, width: int | None = None, terminal: bool | None = None) -> Console:
    """A console that never guesses at highlights and keeps lines whole where no terminal cuts them.

    Args:
        file: Where to write; default: standard output.
        width: Columns; default: the terminal's, `COLUMNS`, or 120 where there is neither.
        terminal: Whether it is a terminal; default: as it is.
    """

    def made(columns: int | None) -> Console:
        return _Console(
            file=file,
            width=columns,
            force_terminal=terminal,
            highlight=False,
            theme=THEME,
            emoji=False,
        )

    usual = made(width)
    wide = width is None and (usual.width < 1 or not (usual.is_terminal or os.environ.get("COLUMNS")))
    return made(PLAIN_WIDTH) if wide else usual
