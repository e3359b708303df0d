"""`lemonade front`: the members of a run's front."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lemonade import conditions, numbers
from lemonade.cli import common, options
from lemonade.errors import LemonadeError
from lemonade.frontview import EMPTY, FrontView
from lemonade.objectives import resources
from lemonade.reporting import decision, screen, tables

if TYPE_CHECKING:
    from lemonade.deciding import Choice
    from lemonade.history import Member, Run

Where = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="CONDITIONS", help='Only members that fulfil it, as in "params<1e6 and error<=0.05".'
    ),
]
Best = Annotated[
    str | None,
    typer.Option("--best", metavar="CONDITIONS", help='The most accurate member within it, as in "params<=50000".'),
]
Smallest = Annotated[
    str | None,
    typer.Option("--smallest", metavar="CONDITIONS", help='The member of least cost within it, as in "error<=0.05".'),
]
Knee = Annotated[bool, typer.Option("--knee", metavar=" ", help="Only the knee: the member with the best trade-off.")]
Tradeoff = Annotated[
    bool,
    typer.Option(
        "--tradeoff", metavar=" ", help="Only members that one leaves for a neighbour at a loss: high trade-off points."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="A=N,B=N",
        help='The member whose strengths are divided so, as in "error=0.7,params=0.3".',
    ),
]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the members to a CSV file as well.")]


def front(
    run: options.RunFolder,
    where: Where = None,
    best: Best = None,
    smallest: Smallest = None,
    knee: Knee = False,
    tradeoff: Tradeoff = False,
    weights: Weights = None,
    csv: Csv = None,
    as_json: options.AsJson = False,
) -> None:
    """Print the front: the networks of which none is beaten by another in all objectives.

    Conditions compare objectives with numbers by <, <=, > or >= and are joined by 'and'.

    Weights say how a member's lead over the worst should be divided: with error=0.7,params=0.3, seven tenths of it
    should be in the error (pymoo's pseudo-weights). Objectives that are not named do not count. --where narrows the
    choice first.
    """
    from lemonade.history import Run

    picks = {"--best": best, "--smallest": smallest, "--knee": knee, "--tradeoff": tradeoff, "--weights": weights}
    given = [name for name, value in picks.items() if value not in (None, False)]
    if len(given) > 1:
        raise LemonadeError(f"{' and '.join(given)} each pick from the front. Give one of them; --where goes with any.")
    loaded = Run.load(run)
    if not loaded.front.members and (given or where is not None):
        raise LemonadeError(f"{common.short_path(run)}: {EMPTY}")
    members = _fitting(loaded, {"--where": where, "--best": best, "--smallest": smallest})
    view = FrontView(members, loaded.objectives, loaded.smoothed)
    choice = view.choice(weights, "--weights") if weights is not None else None
    if given:
        members = _picked(loaded, view, given[0], choice)
    if csv is not None:
        _write_csv(loaded, members, csv, quiet=as_json)
    if as_json:
        common.print_json(_document(loaded, members, choice))
        return
    console, shown = screen.console(), common.short_path(run)
    if not loaded.front.members:
        console.print(Text(f"{shown}: {EMPTY}"))
        common.print_next(console, [(("status", shown), "what happened so far")])
        return
    notes = decision.choice_notes(view, choice) if choice is not None else [decision.TRADEOFF_NOTE] * tradeoff
    if best is not None:
        notes += decision.luckier_notes(view, members[0])
    if smallest is not None:
        notes.append(f"Smallest by {resources(loaded.objectives)[0]}.")
    _print(console, loaded, members, shown, notes)


def _fitting(run: Run, asked_for: Mapping[str, str | None]) -> list[Member]:
    """The members that fulfil all conditions; none if the front is empty and there are no conditions."""
    members = list(run.front.members)
    for option, text in asked_for.items():
        if text is not None and members:
            asked = conditions.parse_conditions(text, list(members[0].values), option)
            fitting = [member for member in members if conditions.fulfilled(asked, member.values)]
            if not fitting:
                raise LemonadeError(_nothing_fits(option, text, members, asked))
            members = fitting
    return members


def _picked(run: Run, view: FrontView, option: str, choice: Choice | None) -> list[Member]:
    if choice is not None:
        return [view[choice.position]]
    if option == "--best":
        return [view.best()]
    if option == "--smallest":
        return [view[0]]  # the front is in order of its first resource
    if option == "--tradeoff":
        if not view.tradeoffs:
            raise LemonadeError(
                f"--tradeoff: none of {numbers.quantity(len(view), 'member')} stands out from its neighbours. "
                "--knee names one all the same."
            )
        return list(view.tradeoffs)
    marked = run.front.knee
    members = [member for member in view if marked is not None and member.id == marked.id]
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


def _print(console: Console, run: Run, members: list[Member], shown: Path, notes: list[str]) -> None:
    knee = run.front.knee
    console.print(Text(f"Front of {shown}: {tables.headline(run)}"))
    if len(members) < len(run.front.members):
        console.print(Text(f"Shown: {len(members)} of {len(run.front.members)}", style="quiet"))
    console.print(tables.front_table(run, members, console, knee=knee))
    marked = knee if knee is not None and any(member.id == knee.id for member in members) else None
    console.print(tables.paragraph([*notes, *tables.front_notes(run, members, marked)]))
    pick = marked or members[0]
    common.print_next(
        console,
        [
            (("show", shown, pick.id), "what this network looks like"),
            (("lineage", shown, pick.id), "how it came about"),
        ],
    )


def _document(run: Run, members: list[Member], choice: Choice | None) -> dict[str, Any]:
    document = dict(run.front.to_json())
    kept = {member.id for member in members}
    document["members"] = [record for record in document["members"] if record["id"] in kept]
    if choice is not None:
        document["weights"] = {"wanted": choice.wanted, "found": choice.found}
    return document


def _write_csv(run: Run, members: list[Member], path: Path, quiet: bool) -> None:
    if path.is_dir():
        raise LemonadeError(f"--csv {path}: that is a folder. Give a file, such as {path / 'front.csv'}.")
    if quiet and path.exists() and os.path.samestat(path.stat(), os.fstat(1)):
        raise LemonadeError(f"--csv {path}: standard output has the JSON already. Give another file.")
    FrontView(members, run.objectives, run.smoothed).to_csv(path)
    typer.echo(f"Written: {path}", err=quiet)
