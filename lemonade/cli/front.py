"""`lemonade front`: the members of a run's front."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lemonade import conditions, numbers
from lemonade.cli import common, options
from lemonade.errors import LemonadeError
from lemonade.reporting import screen, tables

if TYPE_CHECKING:
    from lemonade.history import Member, Run

Where = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="CONDITIONS", help='Only members that fulfil it, as in "params<1e6 and error<=0.05".'
    ),
]
Best = Annotated[
    str | None,
    typer.Option("--best", metavar="CONDITIONS", help='The member of least error within it, as in "params<=50000".'),
]
Smallest = Annotated[
    str | None,
    typer.Option("--smallest", metavar="CONDITIONS", help='The member of least cost within it, as in "error<=0.05".'),
]
Knee = Annotated[bool, typer.Option("--knee", metavar=" ", help="Only the knee: the member with the best trade-off.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the members to a CSV file as well.")]


def front(
    run: options.RunFolder,
    where: Where = None,
    best: Best = None,
    smallest: Smallest = None,
    knee: Knee = False,
    csv: Csv = None,
    as_json: options.AsJson = False,
) -> None:
    """Print the front: the networks of which none is beaten by another in all objectives.

    Conditions compare objectives with numbers by <, <=, > or >= and are joined by 'and'.
    """
    from lemonade.history import Run

    loaded = Run.load(run)
    members = _chosen(loaded, {"--where": where, "--best": best, "--smallest": smallest}, knee)
    if csv is not None:
        _write_csv(loaded, members, csv, quiet=as_json)
    if as_json:
        common.print_json(_document(loaded, members))
        return
    console, shown = screen.console(), common.short_path(run)
    if not loaded.front.members:
        console.print(Text(f"The front of {shown} is empty: no child has been trained without failure yet."))
        common.print_next(console, [(("status", shown), "what happened so far")])
        return
    _print(console, loaded, members, shown)


def _chosen(run: Run, asked_for: Mapping[str, str | None], knee: bool) -> list[Member]:
    from lemonade.history import FrontView

    members = list(run.front.members)
    if not members:
        return []
    for option, text in asked_for.items():
        if text is not None:
            asked = conditions.parse_conditions(text, list(members[0].values), option)
            fitting = [member for member in members if conditions.fulfilled(asked, member.values)]
            if not fitting:
                raise LemonadeError(_nothing_fits(option, text, members, asked))
            members = fitting
    if asked_for["--best"] is not None:
        members = [FrontView(members, run.objectives, run.smoothed).best()]
    if asked_for["--smallest"] is not None:
        members = members[:1]  # the front is in order of its first resource
    if knee:
        marked = run.front.knee
        members = [member for member in members if marked is not None and member.id == marked.id]
        if not members:
            raise LemonadeError(f"--knee: the knee {marked.id if marked else ''} does not fulfil the other conditions.")
    return members


def _nothing_fits(option: str, text: str, members: list[Member], asked: tuple[conditions.Condition, ...]) -> str:
    ranges = []
    for name in dict.fromkeys(condition.name for condition in asked):
        values = [member.values[name] for member in members]
        low, high = (numbers.measured(name, value) for value in (min(values), max(values)))
        ranges.append(f"{name} from {low} to {high}")
    return f"{option} '{text}': no member fulfils it. The front has {', '.join(ranges)}."


def _print(console: Console, run: Run, members: list[Member], shown: Path) -> None:
    knee = run.front.knee
    console.print(Text(f"Front of {shown}: {tables.headline(run)}"))
    if len(members) < len(run.front.members):
        console.print(Text(f"Shown: {len(members)} of {len(run.front.members)}", style="quiet"))
    console.print(tables.front_table(run, members, console, knee=knee))
    marked = knee if knee is not None and any(member.id == knee.id for member in members) else None
    console.print(tables.paragraph(tables.front_notes(run, members, marked)))
    pick = marked or members[0]
    common.print_next(
        console,
        [
            (("show", shown, pick.id), "what this network looks like"),
            (("lineage", shown, pick.id), "how it came about"),
        ],
    )


def _document(run: Run, members: list[Member]) -> dict[str, Any]:
    document = dict(run.front.to_json())
    kept = {member.id for member in members}
    document["members"] = [record for record in document["members"] if record["id"] in kept]
    return document


def _write_csv(run: Run, members: list[Member], path: Path, quiet: bool) -> None:
    from lemonade.history import FrontView

    FrontView(members, run.objectives, run.smoothed).to_csv(path)
    typer.echo(f"Written: {path}", err=quiet)
