"""`lemonade retrain`: networks of a run trained to the end, and their error on the test images."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options
from lemonade.cli.running import STOPPED_EARLY
from lemonade.reporting import screen
from lemonade.retraining import START_KINDS, rank, searched_test, spread_text

if TYPE_CHECKING:
    from lemonade.history import Run
    from lemonade.retraining import Retrained
    from lemonade.retraining.training import Plan, Step

Seeds = Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings from each start.")]
Epochs = Annotated[
    float | None,
    typer.Option(
        "--epochs", metavar="N", help="Passes over the training images \\[default: 60, and 50,000 images at least]."
    ),
]
Start = Annotated[
    str,
    typer.Option("--start", metavar="KIND", help="inherited: the search's weights; scratch: fresh ones; both."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Trainings side by side \\[default: as the run did].")
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="Where to train \\[default: as the run did].")
]


def retrain(
    run: options.RunFolder,
    models: options.Models = "front",
    seeds: Seeds = 3,
    epochs: Epochs = None,
    start: Start = "both",
    device: Device = None,
    workers: Workers = None,
    as_json: options.AsJson = False,
) -> None:
    """Train networks to the end, from the search's weights and from fresh ones, and open the test images.

    Nothing else uses them, so this is the honest error. What is done is kept: the same command goes on after a stop.
    """
    console = screen.console(sys.stderr if as_json else None)
    shown = common.short_path(run)

    def announce(plan: Plan) -> None:
        if plan.lost:
            console.print(Text(f"Weights lost or damaged, trained again: {'; '.join(plan.lost)}"))
        console.print(Text(_announcement(plan)))

    def tell(step: Step) -> None:
        console.print(Text(_line(step)))

    try:
        from lemonade.history import Run
        from lemonade.retraining.training import retrain as retrain_run

        loaded = Run.load(run)
        found = retrain_run(loaded, models, seeds, epochs, start, device, workers, announce, tell)
    except KeyboardInterrupt:
        print("Stopped; what was trained is kept. Go on with the same command.", file=sys.stderr)
        raise typer.Exit(STOPPED_EARLY) from None
    if as_json:
        told = [{"id": name, "searched": _searched(loaded, name), **one.to_json()} for name, one in found.items()]
        common.print_json({"models": told})
        return
    console.print(_table(loaded, found))
    spread = "Mean ± standard deviation over seeds alone; " if any(one.has_spread for one in found.values()) else ""
    console.print(Text(f"{spread}{numbers.count(loaded.facts.test)} test images.", style="quiet"))
    for sentence in [*_certainty(loaded, found), *_unused(loaded, found)]:
        console.print(Text(sentence, style="quiet"))
    common.print_next(
        console,
        [
            (("export", shown, "--models", ",".join(found)), "as files, each with the best of its weights"),
            (("report", shown), "beside everything else, as a page for the browser"),
        ],
    )


def _certainty(run: Run, found: dict[str, Retrained]) -> list[str]:
    """How well so many test images tell the error of the network that does best on the validation images."""
    read = {name: one.chosen for name, one in found.items() if one.chosen is not None and one.chosen.test is not None}
    if not read:
        return []
    name, best = min(read.items(), key=lambda item: rank(vars(item[1]), run.smoothed))
    assert best.test is not None
    reading = f"{'smoothed ' * run.smoothed}validation error"
    low, high = numbers.wilson(best.test, run.facts.test)
    told = f"{best.test:.4f} on so many images lies between {low:.4f} and {high:.4f} (95 %)"
    return [f"Least {reading} of these trainings: {name} {best.origin}; its test error {told}."]


def _searched(run: Run, name: str) -> dict[str, float | None]:
    member = run.member(name)
    return {"error": member.values["error"], "test": searched_test(member)}


def _unused(run: Run, found: dict[str, Retrained]) -> list[str]:
    """Which networks go out with the weights of the search all the same."""
    from lemonade.subject import Subject

    instead = "--weights retrained takes these"
    return [
        f"{one.member.id}: export and predict take the search's weights ({one.reason}); {instead}."
        for one in [Subject.of(run, run.member(name)) for name in found]
        if one.group is None and one.reason
    ]


def _announcement(plan: Plan) -> str:
    trainings, images = numbers.quantity(plan.trainings, "training"), numbers.count(plan.examples)
    return (
        f"{trainings} on {images} images each, {plan.workers} side by side: about {numbers.duration(plan.seconds)} at "
        "the speed of the search"
    )


def _line(step: Step) -> str:
    one = step.training
    what = f"{step.done} of {step.total} · {step.model} {one.origin}"
    error = one.message if one.error is None else f"validation error {one.error:.4f}"
    return f"{what}: {error} · {numbers.duration(one.seconds)}"


def _table(run: Run, found: dict[str, Retrained]) -> Table:
    """A row for each kind of weights of each network; the smoothed error where it decides which of them go out."""
    readings = ["error", *["error_smoothed"] * run.smoothed]
    table = Table(box=None, pad_edge=False)
    for title in ("id", "params", "weights", "validation", *["smoothed"] * run.smoothed, "test"):
        table.add_column(title, justify="left" if title in ("id", "weights") else "right", no_wrap=True)
    for name, one in found.items():
        member, told = run.member(name), one.to_json()
        searched = searched_test(member)
        values = [*[f"{member.values[of]:.4f}" for of in readings], "-" if searched is None else f"{searched:.4f}"]
        table.add_row(name, numbers.count(member.values["params"]), "searched", *values)
        for start in START_KINDS:
            if start in told:
                table.add_row("", "", start, *[spread_text(told[start][of]) for of in (*readings, "test")])
    return table
