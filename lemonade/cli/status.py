"""`lemonade status`: how far a run is and what it has used."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options, watching
from lemonade.cli.running import budget_text, more, too_short
from lemonade.errors import LemonadeError
from lemonade.journal import EXHAUSTED
from lemonade.ledger import State
from lemonade.reporting import reading, retrained, screen, tables
from lemonade.types import Status

if TYPE_CHECKING:
    from lemonade.history import Member, Run


WatchIt = Annotated[bool, typer.Option("--watch", metavar=" ", help="Follow a running search until it ends.")]
Every = Annotated[
    str | None,
    typer.Option(
        "--every", metavar="TIME", help=f"How often --watch looks \\[default: {watching.EVERY}].", show_default=False
    ),
]


def status(
    run: options.RunFolder, watch: WatchIt = False, every: Every = None, as_json: options.AsJson = False
) -> None:
    """Say how far a run is: what it has used, how its children ended, and its front in one line.

    With --watch it is shown as the search itself shows it, from any other terminal, until it ends; the run is not
    touched. In a file that is one line a generation, and with --json one document a line after each change.
    """
    from lemonade.history import Run

    if every is not None and not watch:
        raise LemonadeError("--every says how often --watch looks. Give --watch as well.")
    seconds = watching.seconds_of(every or watching.EVERY)
    if watch and as_json:
        watching.watch_json(run, seconds, _document)
        return
    console, shown = screen.console(), common.short_path(run)
    if watch and not watching.watch(run, seconds):
        console.print(Text("No longer watching; the run goes on."))
        return
    loaded = Run.load(run)
    if as_json:
        common.print_json(_document(loaded))
        return
    _print(console, loaded, shown)


def _print(console: Console, run: Run, shown: Path) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="quiet", no_wrap=True)
    grid.add_column()
    for name, value in _rows(run):
        grid.add_row(name, Text(value))
    console.print(Text(f"{shown}: {run.state.words}"))
    console.print(grid)
    if told := too_short(run):
        console.print(tables.paragraph(told))
    steps: list[tuple[tuple[str | Path, ...], str]] = [(("front", shown), "its members")] if run.front.members else []
    if run.state is State.RUNNING:
        steps.append((("status", shown, "--watch"), "follow it"))
    elif run.state is not State.FINISHED:
        steps.append((("resume", shown), "go on"))
    elif run.ended != EXHAUSTED:
        steps.append(more(run, shown))
    common.print_next(console, steps)


def ended(run: Run) -> dict[str, int]:
    """How many evaluations ended in each way, the successful ones first."""
    counts = Counter(evaluation.status.value for evaluation in run.evaluations.values())
    return dict(sorted(counts.items(), key=lambda item: (item[0] != "ok", -item[1], item[0])))


def _rows(run: Run) -> list[tuple[str, str]]:
    config, spent = run.config, run.spent
    children = ", ".join(f"{count} {'trained' if name == 'ok' else name}" for name, count in ended(run).items())
    used = (
        f"{numbers.quantity(spent.evaluations, 'evaluation')}, {numbers.count(spent.examples)} examples,"
        f" {numbers.duration(spent.seconds)}"
    )
    rows = [
        ("search", f"{config.dataset}, space {config.space.name}, method {config.method}, seed {config.seed}"),
        ("objectives", ", ".join(run.objective_names)),
        ("budget", budget_text(config.budget)),
        ("used", used),
        ("children", f"{children or 'none yet'}, in {numbers.quantity(len(run.generations), 'generation')}"),
    ]
    front = run.front
    if front.members:
        rows.append(("front", tables.headline(run)))
        rows.append(("best", tables.best_sentence(run, front.best())))
        if front.knee is not None:
            rows.append(("knee", tables.best_sentence(run, front.knee)))
    else:
        rows.append(("front", "empty: no child has been trained without failure yet"))
    if told := retrained.tested_sentence(run, common.print_warning):
        rows.append(("test error", told))
    failures = [
        f"{one.id}: {one.message}"
        for one in run.evaluations.values()
        if one.message and one.status not in (Status.OK, Status.STOPPED)
    ]
    if failures:
        rows.append(("last failure", failures[-1]))
    return rows


def _document(run: Run) -> dict[str, Any]:
    """How a run stands, as JSON; the same with --watch."""
    front, spent = run.front, run.spent
    smallest = min(front, key=lambda one: one.values[reading.resource_of(run)], default=None)
    return {
        "run": str(common.short_path(run.folder)),
        "state": run.state.value,
        "finished": run.finished,
        "dataset": run.config.dataset,
        "method": run.config.method,
        "seed": run.config.seed,
        "objectives": run.objective_names,
        "budget": run.config.budget.model_dump(mode="json"),
        "spent": {"evaluations": spent.evaluations, "examples": spent.examples, "seconds": spent.seconds},
        "evaluations": ended(run),
        "generations": len(run.generations),
        "front": {
            "members": len(front),
            "hypervolume": front.hypervolume,
            "knee": _standing(front.knee),
            "best": _standing(front.best() if front else None),
            "smallest": _standing(smallest),
        },
        "test_errors": {name: training.test for name, training in retrained.tested(run, common.print_warning).items()},
    }


def _standing(member: Member | None) -> dict[str, Any] | None:
    return None if member is None else {"id": member.id, "values": dict(member.values)}
