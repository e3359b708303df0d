"""`lemonade compare`: runs or methods held against each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
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
        "--out", metavar="FOLDER", help="For the page, pictures, tables and new runs \\[default: runs/compare-DATASET]."
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
    by: ByWhat = None,
    within: Within = None,
    out: Out = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare search methods: hypervolume at equal cost, with tests, in words, pictures and one page.

    Give run folders, or --methods to make the runs first: what is there already is not made again, so the same command
    goes on after a stop.
    """
    from lemonade.comparing.comparison import Comparison
    from lemonade.comparing.writing import write_comparison

    if by not in (None, "examples", "seconds"):
        raise LemonadeError(f"--by expects examples or seconds, got '{by}'.")
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
    )
    if settings and methods is None:
        raise LemonadeError(f"{', '.join(settings)}: settings are for runs to be made; name them with --methods.")
    console = Console(stderr=True) if as_json else screen.console()
    known = [Run.load(run) for run in runs or []]
    folder = out or Path("runs") / f"compare-{Path(dataset or 'digits').stem or 'data'}"
    complete = True
    if methods is not None:
        made, complete = _made(console, methods, seeds, folder, settings)
        known += made
    comparison = Comparison(known, by, within or ())  # type: ignore[arg-type]
    written = write_comparison(comparison, folder) if methods is not None or out is not None else []
    if as_json:
        common.print_json(comparison.to_json())
    else:
        _print(console, comparison)
        if written:
            names = ", ".join(path.name for path in written)
            console.print(Text(f"Written in {common.short_path(folder)}: {names}"))
        else:
            console.print(Text("--out FOLDER writes a page, pictures and tables.", style="quiet"))
    if not complete:
        print("Stopped before all runs were made. Go on with the same command.", file=sys.stderr)
        raise typer.Exit(running.STOPPED_EARLY)


def _made(console: Console, methods: str, seeds: int, folder: Path, settings: dict[str, Any]) -> tuple[list[Run], bool]:
    """The runs of the methods, and whether all are there."""
    from lemonade.loop import Stop
    from lemonade.trials import carry_out, planned

    plan, stop = planned(methods, seeds, folder, settings), Stop()
    budget = running.budget_text(plan[0].config.budget)
    console.print(
        Text(f"{numbers.quantity(len(plan), 'run')} of {budget} each, in {common.short_path(folder / 'runs')}")
    )
    with console.status("") as status:

        def tell(one: Planned, run: Run | None) -> None:
            what = f"{one.method}, seed {one.config.seed}"
            if run is None:
                status.update(f"{what} ...")
                return
            children = numbers.quantity(run.spent.evaluations, "child", "children")
            volume, seconds = run.front.hypervolume, numbers.duration(run.spent.seconds)
            console.print(Text(f"{what}: {children}, front {len(run.front)}, hypervolume {volume:.3f}, {seconds}"))

        with running.interrupts(stop, lambda: status.update(running.STOPPING)):
            made = carry_out(plan, tell, stop)
    return made, len(made) == len(plan) and all(run.finished for run in made)


def _print(console: Console, comparison: Comparison) -> None:
    from lemonade.comparing.rows import METHOD_HEADS, error_rows, method_rows
    from lemonade.comparing.words import words

    columns = [Column(title, right=position > 0) for position, title in enumerate(METHOD_HEADS)]
    console.print(fitted(columns, method_rows(comparison), console.width))
    heads, *rows = error_rows(comparison)
    console.print(Text("\nError that half of the runs attain within a size", style="quiet"))
    console.print(
        fitted([Column(head, right=position > 0) for position, head in enumerate(heads)], rows, console.width)
    )
    console.print()
    console.print(tables.paragraph(words(comparison), style=""))
