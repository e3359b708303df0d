"""`lemonade status --watch`: a run followed from another window until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from lemonade.cli import common
from lemonade.config import parse_seconds
from lemonade.errors import LemonadeError
from lemonade.reporting import screen
from lemonade.reporting.panel import Lines, Panel, listener
from lemonade.watching import Watcher

if TYPE_CHECKING:
    from lemonade.history import Run

EVERY = "2s"
LEAST_SECONDS = 0.1
NOTE = "watching; Ctrl-C ends that and leaves the run alone"


def seconds_of(every: str) -> float:
    """The value of `--every`.

    Raises:
        LemonadeError: if it is no duration, or too short.
    """
    try:
        seconds = parse_seconds(every)
    except ValueError as error:
        raise LemonadeError(f"--every: {error}.") from None
    if not isinstance(seconds, float) or seconds < LEAST_SECONDS:
        raise LemonadeError(f"--every: expected at least {LEAST_SECONDS:g}s, got '{every}'.")
    return seconds


def watch(folder: Path, seconds: float) -> bool:
    """Show a run until no process has it or a person has seen enough; returns whether none has it any more."""
    watcher = Watcher(folder)
    told = watcher.read()
    console = screen.console()
    config = watcher.run.config
    console.print(
        Text(f"{common.short_path(folder)} · {config.dataset} · method {config.method} · seed {config.seed}"),
    )
    with listener(console) as panel:
        if isinstance(panel, Panel):
            panel.waiting(NOTE)
        try:
            if isinstance(panel, Lines):  # of what was before, the last line is enough
                told = [one for one in told if one.kind == "generation"][-1:]
            while True:
                for progress in told:
                    panel(progress)
                    if isinstance(panel, Panel):
                        panel.waiting(NOTE)
                console.file.flush()
                if not watcher.going:
                    return True
                time.sleep(seconds)
                told = watcher.read()
        except KeyboardInterrupt:
            return False


def watch_json(folder: Path, seconds: float, document: Callable[[Run], dict[str, Any]]) -> None:
    """Print the document of a run on one line, now and after each change, until it ends."""
    watcher, before = Watcher(folder), None
    try:
        while True:
            if watcher.read() or watcher.state is not before:
                before = watcher.state
                common.print_json(document(watcher.run), indent=None)
                sys.stdout.flush()
            if not watcher.going:
                return
            time.sleep(seconds)
    except KeyboardInterrupt:
        return
