"""`lemonade report`: a run as one HTML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lemonade.cli import common, options
from lemonade.numbers import count, duration
from lemonade.references import NAMES, Reference
from lemonade.reporting import screen
from lemonade.settings_text import names_in

if TYPE_CHECKING:
    from lemonade.history import Run

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to \\[default: report.html in the run folder].")
]


References = Annotated[
    str | None,
    typer.Option(
        "--references",
        metavar="A,B,..",
        help="Hand-designed networks to train first and show beside the front: "
        f"{', '.join(NAMES)}, or all. Minutes on a CPU; done once.",
    ),
]


def report(
    run: options.RunFolder, out: Out = None, references: References = None, as_json: options.AsJson = False
) -> None:
    """Write a run as one HTML file that works offline.

    It shows the front to click through and to put limits on, every network as a drawing with what it costs, how it came
    about, what the operators did, and what failed. A run that goes on can be reported too; `lemonade serve` follows it.
    """
    from lemonade.history import Run
    from lemonade.reporting.webpage.writing import report as write_report

    loaded = Run.load(run)
    if references is not None:
        _train(loaded, references)
    path = write_report(loaded, out)
    size = path.stat().st_size
    if as_json:
        found = {"file": str(path), "bytes": size, "children": len(loaded.evaluations), "members": len(loaded.front)}
        common.print_json(found)
        return
    console, shown = screen.console(), common.short_path(run)
    console.print(Text(f"Written: {common.short_path(path)} ({size / 1e6:.1f} MB, opens in any browser, no network)"))
    common.print_next(console, [(("serve", shown), "the same in the browser, following a run that goes on")])


def _train(run: Run, wanted: str) -> None:
    """Train what is not there yet, telling each on standard error."""
    from lemonade.references.training import train_references

    console = screen.console(sys.stderr)

    def tell(one: Reference) -> None:
        error = f"error {one.error:.4f}, {count(one.params)} params"
        console.print(Text(f"{one.name}: {error}, {count(one.examples)} images in {duration(one.seconds)}"))

    names = NAMES if wanted == "all" else names_in(wanted)
    train_references(run, names, on_reference=tell)
