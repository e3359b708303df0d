"""The report of a run: one file that a browser shows without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from lemonade import __version__
from lemonade.errors import LemonadeError
from lemonade.files import write_whole
from lemonade.history import Run
from lemonade.reporting.commands import short_path
from lemonade.reporting.webpage import sections
from lemonade.reporting.webpage.children import page_data
from lemonade.reporting.webpage.markup import Html, escaped, script_json
from lemonade.reporting.webpage.settings import settings
from lemonade.runfolder import REPORT, check_target

SCRIPTS = ("page.js", "front.js", "member.js", "charts.js", "start.js")
"""Joined in this order into one script."""


def report(run: str | Path | Run, out: str | Path | None = None) -> Path:
    """Write a run as one HTML file that works offline: the front to click through, its networks, and how they came.

    Args:
        run: A run or its folder, whether it goes on, was interrupted or is finished.
        out: Where to; by default ``report.html`` in the run folder.

    Returns:
        The file.

    Raises:
        LemonadeError: if there is no such run, a file of it is damaged, or the report cannot be written.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    path = run.folder / REPORT if out is None else Path(out)
    if path.is_dir():
        raise LemonadeError(f"{path} is a folder. Give a file, such as {path / REPORT}.")
    check_target(path)
    if not path.parent.is_dir():
        raise LemonadeError(f"{path}: there is no folder {path.parent}.")
    write_whole(path, page(run), "Choose another place.")
    return path


def page(run: Run, live: str | None = None) -> str:
    """The whole document.

    Args:
        run: What it tells.
        live: How its server names this state of the run, so that the page can ask for a later one; None for a file.
    """
    from plotly.offline import get_plotlyjs

    parts = page_parts(run)
    assets = files(__package__) / "assets"
    scripts = "\n".join([(assets / name).read_text(encoding="utf-8") for name in SCRIPTS])
    return Template((assets / "page.html").read_text(encoding="utf-8")).substitute(
        {name: escaped(part) for name, part in parts.items()},
        title=escaped(sections.title(run, short_path(run.folder))),
        style=(assets / "page.css").read_text(encoding="utf-8"),
        data=script_json(page_data(run, short_path(run.folder))),
        library=get_plotlyjs(),
        script=scripts,
        live=script_json(live),
        connect="'self'" if live else "'none'",
        version=__version__,
    )


def news(run: Run) -> str:
    """What a page needs to bring itself up to date, as JSON: its parts and the data of its scripts."""
    document: dict[str, Any] = {"parts": page_parts(run), "data": page_data(run, short_path(run.folder))}
    return script_json(document)


def page_parts(run: Run) -> dict[str, str | Html]:
    """What changes as a run goes on, by the name of its place in the page."""
    return {
        "sentence": sections.sentence(run),
        "standing": sections.standing(run),
        "why_empty": "" if run.front.members else sections.why_no_front(run),
        "front": sections.front(run),
        "operators": sections.operators(run),
        "failures": sections.failures(run),
        "settings": settings(run),
    }
