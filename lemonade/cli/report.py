"""`lemonade report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lemonade.cli import common, options
from lemonade.reporting import screen

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to \\[default: report.html in the run folder].")
]


def report(run: options.RunFolder, out: Out = None, as_json: options.AsJson = False) -> None:
    """Write a run as one HTML file that works offline.

    It shows the front to click through and to put limits on, every network as a drawing with what it costs, how it came
    about, what the operators did, and what failed. A run that goes on can be reported too; `lemonade serve` follows it.
    """
    from lemonade.history import Run
    from lemonade.reporting.webpage.writing import report as write_report

    loaded = Run.load(run)
    path = write_report(loaded, out)
    size = path.stat().st_size
    if as_json:
        found = {"file": str(path), "bytes": size, "children": len(loaded.evaluations), "members": len(loaded.front)}
        common.print_json(found)
        return
    console, shown = screen.console(), common.short_path(run)
    console.print(Text(f"Written: {common.short_path(path)} ({size / 1e6:.1f} MB, opens in any browser, no network)"))
    common.print_next(console, [(("serve", shown), "the same in the browser, following a run that goes on")])
