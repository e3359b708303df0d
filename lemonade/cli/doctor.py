"""`lemonade doctor`: whether this machine can search."""

from __future__ import annotations

import typer
from rich.text import Text

from lemonade.cli import common, options
from lemonade.reporting import screen

MARKS = {"ok": "good", "warn": "warn", "fail": "bad"}


def doctor(as_json: options.AsJson = False) -> None:
    """Check that this machine can search: packages, devices and disk, most put to a tiny real use.

    Ends with exit code 1 if something that a search needs does not work.
    """
    from lemonade.doctor import Outcome, examine

    console = screen.console()
    checks = []
    for check in examine():
        checks.append(check)
        if not as_json:
            line = Text.assemble(
                (f"{check.state.value:<5}", MARKS[check.state.value]), f"{check.name:<14} {check.found}"
            )
            console.print(line, soft_wrap=not console.is_terminal)
            if check.remedy:
                console.print(Text(f"{'':<20}{check.remedy}"), soft_wrap=not console.is_terminal)
    failed = sum(check.state is Outcome.FAIL for check in checks)
    if as_json:
        common.print_json({"ok": not failed, "checks": [check.to_json() for check in checks]})
    elif failed:
        console.print(Text(f"{failed} of {len(checks)} checks failed: a search would not work here.", style="bad"))
    else:
        console.print(Text("This machine can search."))
        common.print_next(console, [(("search", "--time", "60s"), "a first run, on the digits")])
    if failed:
        raise typer.Exit(1)
