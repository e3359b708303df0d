"""What a running search shows: a panel that stays in place on a terminal, one line a generation elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.config import BudgetSettings
from lemonade.types import Progress, Standing

REFRESH_PER_SECOND = 2  # the clock moves; drawing it twice a second costs a training core less than a thousandth


class Listener(Protocol):
    """Something that shows progress while it is entered."""

    def __enter__(self) -> Listener: ...
    def __exit__(self, *exc: object) -> None: ...
    def __call__(self, progress: Progress) -> None:
        """Show an event."""


def listener(console: Console, quiet: bool = False) -> Listener:
    """What suits the console: a panel on a terminal, plain lines in a file or on CI, nothing if quiet."""
    if quiet:
        return Silent()
    live = console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")
    return Panel(console) if live else Lines(console)


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, progress: Progress) -> None:
        """Pass over an event."""


class Lines:
    """One plain line a generation, for files and CI."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, progress: Progress) -> None:
        """Print a line if the event ends a generation or says something."""
        if progress.message and progress.kind != "loading":
            self._print(progress.message)
        if progress.kind == "generation":
            parts = [
                f"generation {progress.generation}: {_children(progress)}",
                f"front {numbers.quantity(progress.front_size, 'member')}",
                f"hypervolume {progress.hypervolume:.3f} ({progress.hypervolume_change:+.3f})",
                *([f"best {_standing(progress.best)}"] if progress.best else []),
                _remaining(progress.budget, progress)[2],
            ]
            self._print(", ".join(parts))

    def _print(self, text: str) -> None:
        # no wrapping: one event is one line, whatever the width of a file may be
        self._console.print(Text(text), soft_wrap=True)


class Panel:
    """A few lines at the foot of a terminal, redrawn in place.

    Args:
        console: The terminal.
        now: A clock in seconds; replaced in tests.
    """

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._console = console
        self._last: Progress | None = None
        self._heard = now()
        self._course: list[float] = []
        self._note = ""
        self._live = Live(
            self, console=console, refresh_per_second=REFRESH_PER_SECOND, transient=True, vertical_overflow="crop"
        )

    def __enter__(self) -> Panel:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def waiting(self, text: str) -> None:
        """Say what a silent step does; it stands until the first event, or the one that stops the run."""
        self._note = text

    def __call__(self, progress: Progress) -> None:
        """Take an event; what stays to be read is printed above the panel."""
        if progress.kind == "loading":
            self.waiting(progress.message)
            return
        if progress.message and progress.kind != "stopping":
            self._console.print(Text(progress.message))
        if progress.kind == "generation":
            self._course.append(progress.hypervolume)
        if progress.kind in ("start", "stopping"):
            self._note = progress.message if progress.kind == "stopping" else ""
        self._last, self._heard = progress, self._now()
        if progress.kind != "evaluated" and self._live.is_started:
            self._live.refresh()  # what matters is seen at once; children are seen at the next tick

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.draw(options.max_width)

    def draw(self, width: int) -> Group:
        """The panel for so many columns."""
        progress = self._last
        note = Text(f" {self._note}", style="warn", overflow="ellipsis", no_wrap=True) if self._note else None
        if progress is None:
            return Group(*([note] if note else []))
        since = self._now() - self._heard
        used, total, left = _remaining(progress.budget, progress, since)
        lines = [
            [
                f"generation {progress.generation}",
                f"{_children(progress)}, {numbers.count(progress.proposed)} proposed",
                f"{numbers.duration(progress.spent.seconds + since)}{_of(progress.budget)}",
            ],
            [
                f"front {numbers.quantity(progress.front_size, 'member')}",
                f"hypervolume {progress.hypervolume:.3f} ({progress.hypervolume_change:+.3f})"
                + (f"  {numbers.sparkline(self._course, 10)}" if len(self._course) > 1 else ""),
            ],
        ]
        if progress.best is not None:
            least = progress.smallest
            lines.append([f"best {_standing(progress.best)}", *([f"smallest {_size_first(least)}"] if least else [])])
        flowing = [line for parts in lines for line in flow(parts, width - 1)]
        texts = [Text(f" {line}", overflow="ellipsis", no_wrap=True) for line in flowing]
        return Group(*texts, _bar(used, total, left, width), *([note] if note else []))


def flow(parts: Sequence[str], width: int) -> list[str]:
    """Parts joined by dots, on as few lines as they fit on."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]} · {part}"
        if cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def _bar(used: float, total: float, left: str, width: int) -> Table:
    row = Table.grid(expand=False)
    row.add_column(width=1)
    row.add_column()
    row.add_column(no_wrap=True)
    row.add_row(
        "", ProgressBar(total=total, completed=min(used, total), width=max(8, width - len(left) - 4)), f" {left}"
    )
    return row


def _children(progress: Progress) -> str:
    others = ((progress.stopped, "stopped early"), (progress.failed, "failed"))
    rest = "".join(f", {numbers.count(number)} {how}" for number, how in others if number)
    return f"{numbers.quantity(progress.trained, 'child', 'children')} trained{rest}"


def _standing(standing: Standing) -> str:
    """``"error 0.0083 (41,210 params)"``."""
    values = dict(standing.values)
    error = next((name for name in values if numbers.is_error(name)), None)
    size = _first_resource(standing)
    first = f"{error} {numbers.share(values[error])}" if error is not None else standing.id
    return f"{first} ({_amount(size, values[size])})" if size is not None else first


def _size_first(standing: Standing) -> str:
    """``"212 params (error 0.183)"``."""
    values = dict(standing.values)
    size = _first_resource(standing)
    error = next((name for name in values if numbers.is_error(name)), None)
    first = _amount(size, values[size]) if size is not None else standing.id
    return f"{first} ({error} {numbers.share(values[error])})" if error is not None else first


def _amount(name: str, value: float) -> str:
    return f"{numbers.measured(name, value)} {name}" if name in ("params", "flops") else numbers.named(name, value)


def _first_resource(standing: Standing) -> str | None:
    return next((name for name in standing.values if not numbers.is_error(name)), None)


def _of(budget: BudgetSettings) -> str:
    return f" of {numbers.duration(budget.time)}" if budget.time else ""


def _remaining(budget: BudgetSettings, progress: Progress, since: float = 0.0) -> tuple[float, float, str]:
    """Used, total and what is left in words, of the budget that is nearest its end."""
    spent = progress.spent
    ways: list[tuple[float, float, str]] = []
    if budget.time:
        used = spent.seconds + since
        ways.append((used, budget.time, f"{numbers.clock(budget.time - used)} left"))
    if budget.evaluations:
        left = max(0, budget.evaluations - spent.evaluations)
        ways.append((spent.evaluations, budget.evaluations, f"{numbers.quantity(left, 'evaluation')} left"))
    if budget.examples:
        rest = numbers.short(max(0, budget.examples - spent.examples))
        ways.append((spent.examples, budget.examples, f"{rest} examples left"))
    return max(ways, key=lambda way: way[0] / way[1])
