"""`lemonade status --watch`: a run followed from another window until it ends."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from rich.text import Text

from lemonade.cli import common
from lemonade.config import parse_seconds
from lemonade.errors import LemonadeError
from lemonade.reporting import screen
from lemonade.reporting.panel import Lines, Panel, listener
from lemonade.types import Standing
from lemonade.watching import State, Watcher

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
    """Show a run until it ends or a person has seen enough; returns whether it has ended or its process is gone."""
    watcher = Watcher(folder)
    console = screen.console()
    config = watcher.run.config
    console.print(
        Text(f"{common.short_path(folder)} · {config.dataset} · method {config.method} · seed {config.seed}"),
    )
    with listener(console) as panel:
        if isinstance(panel, Panel):
            panel.waiting(NOTE)
        try:
            first = True
            while True:
                told = watcher.read()
                if first and isinstance(panel, Lines):  # of what was before, the last line is enough
                    told = [one for one in told if one.kind == "generation"][-1:]
                first = False
                for progress in told:
                    panel(progress)
                    if isinstance(panel, Panel):
                        panel.waiting(NOTE)
                console.file.flush()
                if not watcher.going:
                    return True
                time.sleep(seconds)
        except KeyboardInterrupt:
            return False


def watch_json(folder: Path, seconds: float) -> None:
    """Print how the run stands, one JSON document a line, now and after each change, until it ends."""
    watcher = Watcher(folder)
    try:
        while True:
            if watcher.read() or not watcher.going:
                common.print_json(_document(watcher), indent=None)
                sys.stdout.flush()
            if not watcher.going:
                return
            time.sleep(seconds)
    except KeyboardInterrupt:
        return


def _document(watcher: Watcher) -> dict[str, Any]:
    """What `status --json` says, as far as it changes; the front is that of the last generation that is over."""
    progress = watcher.last
    assert progress is not None  # a journal has a first line
    return {
        "run": str(common.short_path(watcher.run.folder)),
        "state": watcher.state.value,
        "finished": watcher.state is State.FINISHED,
        "budget": progress.budget.model_dump(mode="json"),
        "spent": {
            "evaluations": progress.spent.evaluations,
            "examples": progress.spent.examples,
            "seconds": round(progress.spent.seconds, 3),
        },
        "generation": progress.generation,
        "trained": progress.trained,
        "stopped": progress.stopped,
        "failed": progress.failed,
        "front": {"members": progress.front_size, "hypervolume": progress.hypervolume},
        "best": _standing(progress.best),
        "smallest": _standing(progress.smallest),
    }


def _standing(standing: Standing | None) -> dict[str, Any] | None:
    return None if standing is None else {"id": standing.id, "values": dict(standing.values)}
