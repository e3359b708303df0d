"""`lemonade status`: how far a run is and what it has used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options
from lemonade.cli.running import budget_text
from lemonade.reporting import reading, screen, tables
from lemonade.types import Status

if TYPE_CHECKING:
    from lemonade.history import Run


def status(run: options.RunFolder, as_json: options.AsJson = False) -> None:
    """Say how far a run is: what it has used, how its children ended, and its front in one line."""
    from lemonade.history import Run

    loaded = Run.load(run)
    if as_json:
        common.print_json(_document(loaded))
        return
    console, shown = screen.console(), common.short_path(run)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="quiet", no_wrap=True)
    grid.add_column()
    for name, value in _rows(loaded):
        grid.add_row(name, Text(value))
    console.print(Text(f"{shown}: {reading.state(loaded)}"))
    console.print(grid)
    first = ("front", shown), "its members"
    second = (("resume", shown), "go on") if not loaded.finished else None
    common.print_next(console, [first, *([second] if second else [])])


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
        ("search", f"{config.dataset}, space {config.space}, method {config.method}, seed {config.seed}"),
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
    failures = [
        f"{one.id}: {one.message}"
        for one in run.evaluations.values()
        if one.message and one.status not in (Status.OK, Status.STOPPED)
    ]
    if failures:
        rows.append(("last failure", failures[-1]))
    return rows


def _document(run: Run) -> dict[str, Any]:
    front, spent = run.front, run.spent
    return {
        "run": str(common.short_path(run.folder)),
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
            "members": len(front.members),
            "hypervolume": front.hypervolume,
            "knee": front.knee.id if front.knee is not None else None,
        },
    }
