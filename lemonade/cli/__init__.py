"""The command line: one verb a file, each a thin layer over the Python side.

Importing this package imports neither torch nor anything else that takes seconds: `lemonade search` has to answer
at once, and the verbs that only read a run folder never need it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from lemonade import __version__
from lemonade.cli import (
    bench,
    compare,
    doctor,
    export,
    front,
    lineage,
    predict,
    report,
    resume,
    retrain,
    search,
    serve,
    show,
    status,
)
from lemonade.cli.common import flowing, print_error
from lemonade.errors import EXIT_INTERRUPTED, LemonadeError
from lemonade.reporting.screen import LOST, allow_any_encoding

__all__ = ["app", "main"]

app = typer.Typer(
    name="lemonade",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A first run: [cyan]lemonade search --time 60s[/cyan]",
)


SEARCHING, READING, USING = "Search", "Look at a run", "Use its networks"
COMPARING, CHECKING = "Compare methods", "This machine"
for panel, name, verb in (
    (SEARCHING, "search", search.search),
    (SEARCHING, "resume", resume.resume),
    (READING, "status", status.status),
    (READING, "front", front.front),
    (READING, "show", show.show),
    (READING, "lineage", lineage.lineage),
    (READING, "report", report.report),
    (READING, "serve", serve.serve),
    (USING, "retrain", retrain.retrain),
    (USING, "export", export.export),
    (USING, "predict", predict.predict),
    (COMPARING, "compare", compare.compare),
    (CHECKING, "doctor", doctor.doctor),
):
    app.command(name, rich_help_panel=panel, help=flowing(verb.__doc__ or ""))(verb)
app.add_typer(bench.app, name="bench", rich_help_panel=COMPARING)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lemonade {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", metavar=" ", is_eager=True, callback=_print_version, help="Print the version.")
]
ABOUT = """Evolve a front of neural networks: from tiny to accurate, each child starting with its parent's weights.

A run searches until its budget is used up and leaves a folder under runs/. Its front is the set of networks of which
none is beaten by another in all objectives: pick the one that fits."""


@app.callback(help=flowing(ABOUT))
def common(version: Version = False) -> None:
    """What comes before the verb."""


def main(arguments: list[str] | None = None) -> None:
    """Carry out a command line; ends the process with one of the exit codes 0, 1, 2 or 3.

    Raises:
        KeyboardInterrupt: if a person interrupts a command that has nothing to save.
    """
    allow_any_encoding()
    try:
        app(args=arguments, prog_name="lemonade")
    except LemonadeError as error:
        _fail(str(error))
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:  # what typer makes of an interrupt
            raise KeyboardInterrupt from None
        if not end.code and LOST:
            _fail(f"the output could not be written whole: {LOST[0]}.")
        raise
    except OSError as error:
        where = str(error.filename or "")
        _fail(f"{where[:80] + ': ' if where else ''}{error.strerror or error}.")
    except Exception as error:  # the last wall before a person: whatever it is, they get a line and a way to say more
        text = " ".join(str(error).split()) or "no message"
        _fail(f"{type(error).__name__}: {text[:300]} (unexpected; LEMONADE_DEBUG=1 shows the traceback)")


def _fail(message: str) -> None:
    if os.environ.get("LEMONADE_DEBUG", "0") not in ("", "0"):
        traceback.print_exc()
    print_error(message)
    sys.exit(1)
