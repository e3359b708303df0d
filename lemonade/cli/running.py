"""What `search` and `resume` share: the panel, Ctrl-C, and what is printed and written at the end."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lemonade import __version__, numbers
from lemonade.cli import common
from lemonade.config import DEFAULT_SECONDS, BudgetSettings, Config
from lemonade.history import Run
from lemonade.journal import EXHAUSTED
from lemonade.loop import Stop
from lemonade.reporting import screen, tables
from lemonade.reporting.panel import Listener, Panel, listener
from lemonade.reporting.picture import draw_front
from lemonade.run import resume_search, run_search
from lemonade.runfolder import FRONT, PICTURE, SCALARS
from lemonade.searching import check_new_totals, edited
from lemonade.types import Progress

STOPPED_EARLY = 3
MEMBERS_SHOWN, MEMBERS_AT_MOST = 9, 12  # a front a little larger than what is shown is shown whole
LOADING = "loading torch and the images ..."
USED_UP = "The first networks used up the budget: give a larger one for children of theirs."
STOPPING = "finishing what is running; press again to stop now"

Work = Callable[[Callable[[Progress], None], Stop], Run]


def start(config: Config, folder: Path, quiet: bool) -> int:
    """Run a search and return the exit code."""
    console = screen.console()
    shown = common.short_path(folder)
    if not quiet:
        console.print(
            Text(f"lemonade {__version__} · {config.dataset} · method {config.method} · seed {config.seed} · {shown}")
        )
        told = [f"Objectives: {', '.join(config.objectives)}"]
        told += [f"{name} <= {value:,.10g}" for name, value in config.limits.items()]
        console.print(Text(" · ".join([*told, f"budget {budget_text(config.budget)}"])))

    return _carry_out(console, folder, lambda on_event, stop: run_search(config, folder, on_event, stop), quiet)


def go_on(folder: Path, budget: BudgetSettings | None, quiet: bool, tensorboard: bool | None = None) -> int:
    """Resume a run and return the exit code."""
    console = screen.console()
    shown = common.short_path(folder)
    before = Run.load(folder)
    if before.finished and budget is None:
        if not quiet:
            used = (
                f"{numbers.quantity(before.spent.evaluations, 'evaluation')}, {numbers.duration(before.spent.seconds)}"
            )
            why = "nothing more was found to train" if before.ended == EXHAUSTED else "its budget is used up"
            console.print(Text(f"{shown} is finished: {why} ({used}). Nothing was trained."))
            _conclude(console, before, shown)
        return 0
    if budget is not None:
        check_new_totals(budget, before)
    if problem := edited(before):
        common.print_warning(problem)
    if not quiet:
        console.print(Text(f"lemonade {__version__} · resuming {shown} · {before.config.dataset}"))
        console.print(Text(f"Budget in all: {budget_text(budget or before.config.budget)}"))

    def work(on_event: Callable[[Progress], None], stop: Stop) -> Run:
        return resume_search(folder, budget, on_event, stop, tensorboard=tensorboard)

    return _carry_out(console, folder, work, quiet)


def _carry_out(console: Console, folder: Path, work: Work, quiet: bool) -> int:
    shown, stop = common.short_path(folder), Stop()
    panel = listener(console, quiet)
    with interrupts(stop, lambda: _answer(panel)):  # to the very end: who presses twice gets to see what there is
        with panel:
            _announce(console, panel, quiet)

            def on_event(progress: Progress) -> None:
                if progress.kind == "start" and not quiet:
                    for sentence in data_sentences(Run.load(folder)):
                        console.print(Text(sentence))
                panel(progress)

            run = work(on_event, stop)
        if problem := draw_front(run):
            common.print_warning(problem)
        if not quiet:
            _conclude(console, run, shown)
        return 0 if run.finished else STOPPED_EARLY


def _announce(console: Console, panel: Listener, quiet: bool) -> None:
    if isinstance(panel, Panel):
        panel.waiting(LOADING)
    elif not quiet:
        console.print(Text(LOADING))
    console.file.flush()


@contextmanager
def interrupts(stop: Stop, answer: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM lets running children finish, the second gives them up, the third breaks off."""

    def handle(number: int, frame: object) -> None:
        stop.requests += 1
        answer()  # at once, also while torch is loading
        if stop.requests > 2:  # the search has been asked twice and has not come back: no more waiting
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _answer(panel: Listener) -> None:
    if isinstance(panel, Panel):
        panel.waiting(STOPPING)  # only a value is set here


def data_sentences(run: Run) -> list[str]:
    """What the images are and how they are split; then whatever reading them brought up."""
    facts = run.facts
    channels, height, width = facts.input_shape
    total = numbers.count(facts.train + facts.validation + facts.test)
    sentence = (
        f"{facts.name}: {total} images {height}x{width}x{channels}, {len(facts.classes)} classes"
        f" · {numbers.count(facts.train)} train, {numbers.count(facts.validation)} validation,"
        f" {numbers.count(facts.test)} test (kept shut)"
    )
    return [sentence, *facts.notes]


def _conclude(console: Console, run: Run, shown: Path) -> None:
    members = list(run.front.members)
    if not members:
        console.print(Text(f"No network has been trained yet in {shown}, so its front is empty."))
        if run.finished and run.budget.time:
            seconds = numbers.duration(run.spent.seconds)
            console.print(Text(f"The {seconds} ended before the first was trained: give more time, or fewer examples."))
    else:
        console.print()
        console.print(Text(f"Front of {shown}: {tables.headline(run)}"))
        most = None if len(members) <= MEMBERS_AT_MOST else MEMBERS_SHOWN
        console.print(tables.front_table(run, members, console, most, run.front.knee))
        hidden = len(members) - (most or len(members))
        if hidden > 0:
            console.print(Text(f"  ... {hidden} more: {common.command('front', shown)}", style="quiet"))
        console.print(tables.paragraph(tables.front_notes(run, members, run.front.knee)))
    files = [name for name in (PICTURE, FRONT, SCALARS) if (run.folder / name).exists()]
    if files:
        console.print(Text(f"Written in {shown}: {', '.join(files)}"))
    if SCALARS in files:
        console.print(Text(f"Its course: tensorboard --logdir {shlex.quote(str(shown / SCALARS))}"), soft_wrap=True)
    if members and (told := too_short(run)):
        console.print(tables.paragraph(told))
    if not run.finished:
        console.print(Text("Stopped before the budget was used up; everything so far is saved."))
    _suggest(console, run, shown)


def too_short(run: Run) -> list[str]:
    """What to say of a run whose budget ended before its first child, and which networks were lost when time was up."""
    if not run.childless:
        return []
    unfinished = [one for one in run.candidates.values() if one.id not in run.evaluations and run.budget.time]
    lost = [
        f"{one.id} ({numbers.count(one.costs.get('params', 0))} params) was not finished, so nothing of it is left: "
        f"{numbers.count(one.examples)} training images were too many for the time."
        for one in unfinished
    ]
    return [*lost, USED_UP]


def _suggest(console: Console, run: Run, shown: Path) -> None:
    if not run.finished:
        common.print_next(console, [(("resume", shown), "go on from here")])
        return
    steps: list[tuple[tuple[str | Path, ...], str]] = []
    if run.front.members:
        steps.append((("show", shown, run.front.best().id), "what the most accurate network looks like"))
        steps.append((("lineage", shown, run.front.best().id), "how it came about"))
        steps.append((("report", shown), "all of it as a page for the browser"))
    if run.ended != EXHAUSTED:
        steps.append(more(run, shown))
    common.print_next(console, steps)


def more(run: Run, shown: Path) -> tuple[tuple[str | Path, ...], str]:
    """The command that gives a run more budget, of the kind that it had: totals, so at least twice what was used."""
    budget, spent = run.config.budget, run.spent
    if budget.evaluations:
        option = ("--evaluations", str(2 * max(budget.evaluations, spent.evaluations)))
    elif budget.examples:
        option = ("--examples", str(2 * max(budget.examples, spent.examples)))
    else:
        minutes = max(1, round(2 * max(budget.time or 0, spent.seconds) / 60))
        option = ("--time", f"{minutes}m")
    return ("resume", shown, *option), "go on from here (the budget is the new total)"


def budget_text(budget: BudgetSettings) -> str:
    """A budget in words, the default one named as such."""
    parts = []
    if budget.evaluations:
        parts.append(numbers.quantity(budget.evaluations, "evaluation"))
    if budget.examples:
        parts.append(f"{numbers.count(budget.examples)} examples")
    if budget.time:
        parts.append(numbers.duration(budget.time))
    if not parts:
        return f"{numbers.duration(DEFAULT_SECONDS)} (none was given)"
    return " or ".join(parts) + (", whichever is reached first" if len(parts) > 1 else "")
