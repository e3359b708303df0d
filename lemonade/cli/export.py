"""`lemonade export`: networks of a run as files that run elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lemonade.cli import common, options
from lemonade.reporting import screen
from lemonade.runfolder import MODELS

if TYPE_CHECKING:
    from lemonade.exporting.writing import Exported

To = Annotated[
    str | None,
    typer.Option("--to", metavar="A,B,..", help="Which files: safetensors, pt2, onnx, python \\[default: all]."),
]
PushDir = Annotated[
    Path | None,
    typer.Option("--push-dir", metavar="DIR", help="Lay the files out in this folder as a model hub expects them."),
]
Licence = Annotated[
    str | None,
    typer.Option("--licence", metavar="NAME", help="For the cards, such as apache-2.0 \\[default: as before]."),
]


def export(
    run: options.RunFolder,
    models: options.Models = "front",
    to: To = None,
    push_dir: PushDir = None,
    weights: options.WeightsKind = "auto",
    licence: Licence = None,
    as_json: options.AsJson = False,
) -> None:
    """Export networks with their weights: safetensors, torch.export's archive, ONNX and a readable Python file.

    Every file is read back and run on real images; how far it deviates from the original is printed and kept. They lie
    in the run folder under models/ID/, with a card, README.md, that says how to load them. Files that an earlier export
    left there with other weights are removed.
    """
    from lemonade.exporting import FORMATS
    from lemonade.exporting.hub import CARD
    from lemonade.exporting.writing import export as export_run

    console, shown = screen.console(), common.short_path(run)

    def tell(done: Exported) -> None:
        if done.files and not as_json:
            console.print(Text(_line(done)))
        if done.problem:
            common.print_error(done.problem if done.problem.startswith(done.id) else f"{done.id}: {done.problem}")

    done = export_run(run, models, tuple(FORMATS) if to is None else to, push_dir, licence, weights, tell)
    whole = [one for one in done if not one.problem]
    if as_json:
        common.print_json({"models": [_record(one) for one in done]})
    elif whole:
        last = whole[-1]
        checked = last.files[0].checked_on
        note = f"In brackets: how far its logits are from the original's, relative to the largest, on {checked}."
        console.print(Text(note, style="quiet"))
        folders = shown / MODELS / (last.id if len(whole) == 1 else "ID")
        console.print(Text(f"Written: {folders}{f', {push_dir}' if push_dir else ''}"))
        console.print(Text(f"How to load each file: {shown / MODELS / last.id / CARD}"))
        common.print_next(console, [(("show", shown, last.id), "what this network looks like")])
    if len(whole) < len(done):
        raise typer.Exit(1)


def _line(done: Exported) -> str:
    sizes = ", ".join(f"{one.file} {one.size / 1000:,.0f} kB ({one.deviation:.0e})" for one in done.files)
    kept = [f"\n       stays, with the same weights: {', '.join(one.file for one in done.kept)}"] * bool(done.kept)
    removed = [f"\n       removed, with other weights: {', '.join(done.removed)}"] * bool(done.removed)
    return "".join([f"{done.id}  weights {done.weights}\n       {sizes}", *kept, *removed])


def _record(done: Exported) -> dict[str, object]:
    told = asdict(done)
    del told["card"]  # it lies in the folder
    return {**told, "folder": str(done.folder)}
