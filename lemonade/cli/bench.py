"""`lemonade bench`: benchmarks that train nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lemonade.cli import common, options
from lemonade.config import parse_count
from lemonade.environment import environment
from lemonade.errors import LemonadeError
from lemonade.reporting import screen, tables
from lemonade.reporting.layout import Column, fitted
from lemonade.settings import parse_assignment
from lemonade.settings_text import names_in

if TYPE_CHECKING:
    from lemonade.bench.table import Outcome
    from lemonade.bench.tablefile import Table

app = typer.Typer(no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV file with a line for each architecture.", show_default=False)
]
Methods = Annotated[
    str | None, typer.Option("--methods", metavar="A,B,..", help="Methods to run \\[default: all that a table allows].")
]
Seeds = Annotated[str, typer.Option("--seeds", metavar="N", help="Runs a method, with seeds 1 to N.")]
Cost = Annotated[
    str | None, typer.Option("--cost", metavar="COLUMN", help="Cost to weigh against the error \\[default: the first].")
]
Error = Annotated[
    str | None,
    typer.Option(
        "--error", metavar="COLUMN", help="Column to take errors from \\[default: the first accuracy or error]."
    ),
]
Evaluations = Annotated[
    str, typer.Option("--evaluations", metavar="N", help="Architectures whose error a run may ask for.")
]


@app.callback()
def bench() -> None:
    """Compare search methods where nothing is trained."""


def table(
    file: File,
    methods: Methods = None,
    seeds: Seeds = "30",
    cost: Cost = None,
    error: Error = None,
    evaluations: Evaluations = "1000",
    assignments: options.Assignments = None,
    as_json: options.AsJson = False,
) -> None:
    """Run search methods on a table of architectures: how soon does each find the true front?

    A run pays one evaluation for each architecture whose error it asks for; costs are free. What it has found is told
    as a share of the hypervolume of the table's true front.
    """
    from lemonade.bench.table import bench as run_bench
    from lemonade.bench.tablefile import read_table
    from lemonade.methods import check_method, methods_on

    chosen = names_in(methods) if methods is not None else methods_on("table")
    if not chosen or len(set(chosen)) < len(chosen):
        raise LemonadeError(f"--methods: expected different names with commas between, got '{methods}'.")
    for name in chosen:
        check_method(name, "table")
    runs, budget = _whole(seeds, "--seeds"), _whole(evaluations, "--evaluations")
    settings = dict([parse_assignment(text) for text in assignments or ()])
    read = read_table(file, error)
    cost = cost or read.cost_names[0]
    outcomes = run_bench(read, cost, chosen, runs, budget, settings)
    if as_json:
        common.print_json(_document(read, settings, list(outcomes)))
        return
    console = screen.console()
    console.print(Text(_heading(read, cost, runs, budget)), soft_wrap=not console.is_terminal)
    with console.status("") as status:
        found = []
        for name in chosen:
            status.update(f"running {name}")
            found.append(next(outcomes))
    _print(console, found)


def _whole(text: str, option: str) -> int:
    value = parse_count(text)
    if not isinstance(value, int) or value < 1:
        raise LemonadeError(f"{option} expects a whole number from 1 on, got '{text}'.")
    return value


def _heading(read: Table, cost: str, seeds: int, evaluations: int) -> str:
    return (
        f"{read.path.name}: {len(read.errors):,} architectures · error from {read.error}, cost {cost} · "
        f"{seeds} seeds, {evaluations:,} evaluations each"
    )


def _print(console: Console, outcomes: list[Outcome]) -> None:
    first = outcomes[0]
    columns = [Column("method")]
    columns += [Column(f"to {100 * level:g} %", right=True) for level in first.levels]
    columns += [Column(f"@{mark}", right=True) for mark in first.marks]
    rows = []
    for one in outcomes:
        row = [one.method]
        for level in one.levels:
            low, middle, high = [f"{q:.0f}" if q is not None else f"> {one.evaluations}" for q in one.to(level)]
            row.append(middle if one.to(level)[1] is None else f"{middle} ({low}-{high})")
        row += [f"{one.share(mark)[1]:.3f}" for mark in one.marks]
        rows.append(row)
    console.print(fitted(columns, rows, console.width))
    notes = ["to 95 %: evaluations until that share of the true front's hypervolume is found, median (quartiles)."]
    notes += [f"@{mark}: share found after so many evaluations, median." for mark in first.marks[:1]]
    console.print(tables.paragraph(notes))


def _document(read: Table, settings: dict[str, Any], outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "table": {
            "file": read.path.name,
            "sha256": read.sha256,
            "architectures": len(read.errors),
            "error": read.error,
        },
        "settings": settings,
        "environment": environment(),
        "rows": [one.to_json() for one in outcomes],
    }


app.command("table", help=common.flowing(table.__doc__ or ""))(table)
