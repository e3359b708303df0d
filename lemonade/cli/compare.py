"""`lemonade compare`: runs or methods held against each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options, running
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.reporting import screen, tables
from lemonade.reporting.layout import Column, fitted

if TYPE_CHECKING:
    from lemonade.comparing.comparison import Comparison
    from lemonade.trials import Planned

Runs = Annotated[
    list[Path] | None, typer.Argument(metavar="RUN ..", help="Run folders to compare.", show_default=False)
]
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        metavar="A,B,..",
        help="Methods to run first, each perhaps with settings of its own: lemonade:search.inherit=false. The first "
        "is held against the others.",
    ),
]
Seeds = Annotated[int, typer.Option("--seeds", metavar="N", help="Runs a method, with seeds 1 to N.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="For the page, pictures, tables and new runs \\[default with --methods: runs/compare-DATASET].",
    ),
]
ByWhat = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Compare at equal examples or seconds \\[default: at the ends of runs with equal budgets].",
    ),
]
Within = Annotated[
    list[str] | None,
    typer.Option("--within", metavar="A<=N", help="Size to tell the error within, as params<=5000; can be repeated."),
]


def compare(
    runs: Runs = None,
    methods: Methods = None,
    seeds: Seeds = 5,
    dataset: options.Dataset = None,
    space: options.Space = None,
    objectives: options.Objectives = None,
    limit: options.Limit = None,
    evaluations: options.Evaluations = None,
    examples: options.Examples = None,
    time: options.Time = None,
    child_examples: options.ChildExamples = None,
    device: options.Device = None,
    workers: options.Workers = None,
    assignments: options.Assignments = None,
    plugin: options.Plugins = None,
    image_size: options.ImageSize = None,
    flip: options.Flip = None,
    skip_unreadable: options.SkipUnreadable = False,
    by: ByWhat = None,
    within: Within = None,
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare search methods: hypervolume at equal cost, with tests, in words, pictures and one page.

    Give run folders, or --methods to make the runs first: what is there already is not made again, so the same command
    goes on after a stop.
    """
    settings = options.settings(
        assignments,
        limit,
        objectives,
        plugin,
        dataset=dataset,
        space=space,
        evaluations=evaluations,
        examples=examples,
        time=time,
        child_examples=child_examples,
        device=device,
        workers=workers,
        image_size=image_size,
        flip=flip,
        skip_unreadable=skip_unreadable or None,
    )
    console = Console(stderr=True) if as_json else screen.console()
    data = Path(str(settings.get("dataset", "digits"))).stem or "data"
    folder = out or (Path("runs") / f"compare-{data}" if methods else None)
    request = {"methods": methods or (), "seeds": seeds, "out": folder, "by": by, "within": within or ()}
    if taken := next((name for name in request if name in settings), None):
        raise LemonadeError(f"--set {taken}: that is no setting of a run. Give it as --{taken}.")
    comparison, complete = _compared(console, runs or [], request, settings)
    if as_json:
        common.print_json(comparison.to_json())
    else:
        _print(console, comparison)
        shown = common.short_path(folder) if folder is not None else None
        told = (
            f"Page, pictures and tables are in {shown}."
            if shown
            else "--out FOLDER writes a page, pictures and tables."
        )
        console.print(Text(told, style="quiet"))
    if not complete:
        print("Stopped before all runs were made. Go on with the same command.", file=sys.stderr)
        raise typer.Exit(running.STOPPED_EARLY)


def _compared(
    console: Console, runs: list[Path], request: dict[str, Any], settings: dict[str, Any]
) -> tuple[Comparison, bool]:
    """The comparison, and whether all runs are there that it needs."""
    from lemonade.loop import Stop
    from lemonade.trials import compare as compare_runs

    stop, missing = Stop(), 0
    with console.status("") as status:

        def announce(plan: Sequence[Planned]) -> None:
            nonlocal missing
            missing = len(plan)
            what = f"{numbers.quantity(len(plan), 'run')} of {running.budget_text(plan[0].config.budget)} each"
            console.print(Text(f"{what}, in {common.short_path(plan[0].folder.parent)}"))

        def tell(one: Planned, run: Run | None) -> None:
            nonlocal missing
            what = f"{one.method}, seed {one.config.seed}"
            if run is None:
                status.update(f"{what} ...")
                return
            missing -= run.finished
            children = numbers.quantity(run.spent.evaluations, "child", "children")
            volume, seconds = run.front.hypervolume, numbers.duration(run.spent.seconds)
            console.print(Text(f"{what}: {children}, front {len(run.front)}, hypervolume {volume:.3f}, {seconds}"))

        with running.interrupts(stop, lambda: status.update(running.STOPPING)):
            found = compare_runs(runs, **request, on_plan=announce, on_run=tell, stop=stop, **settings)
    return found, not missing


def _print(console: Console, comparison: Comparison) -> None:
    from lemonade.comparing.rows import METHOD_HEADS, error_rows, method_rows
    from lemonade.comparing.words import words

    console.print(_table(METHOD_HEADS, method_rows(comparison), console.width))
    heads, *rows = error_rows(comparison)
    console.print(Text(f"\n{comparison.reading.capitalize()}, attained by half of the runs", style="quiet"))
    console.print(_table(heads, rows, console.width))
    console.print()
    console.print(tables.paragraph(words(comparison), style=""))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Figures by method, whose name goes on in the next line where it is long; those behind the hypervolume may go."""
    from lemonade.comparing.rows import METHOD_HEADS

    first, *others = heads
    figures = [Column(head, right=True, may_go=head in METHOD_HEADS[3:]) for head in others]
    return fitted([Column(first, gives_way=True, folds=True), *figures], rows, width)
