"""The page of a comparison: words, tables and pictures in one file that needs no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from lemonade import __version__
from lemonade.comparing.comparison import Comparison
from lemonade.comparing.rows import METHOD_HEADS, error_rows, method_rows, run_rows
from lemonade.comparing.words import words
from lemonade.reporting.webpage.markup import Head, Html, element, escaped, joined, table


def page(comparison: Comparison, images: Sequence[tuple[str, bytes]]) -> str:
    """The page, whole in itself: words, tables, and the pictures with their captions."""
    figures = [
        element(
            "figure",
            Html(f'<img src="data:image/png;base64,{b64encode(content).decode()}" alt="{escaped(caption)}">'),
            element("figcaption", caption, class_="quiet"),
        )
        for caption, content in images
    ]
    errors, runs = error_rows(comparison), run_rows(comparison)
    style = files("lemonade.reporting.webpage") / "assets" / "page.css"
    template = files(__package__ or "") / "assets" / "page.html"
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=escaped(title(comparison)),
        style=style.read_text(encoding="utf-8"),
        words=joined([element("p", line) for line in words(comparison)]),
        methods=_table(
            "Hypervolume, test against the first method, and what runs spent (medians)",
            METHOD_HEADS,
            method_rows(comparison),
        ),
        errors=_table(f"{comparison.reading.capitalize()}, attained by half of the runs", errors[0], errors[1:]),
        pictures=joined(figures),
        runs=_table("All runs", runs[0], runs[1:], words=2),
        reading=escaped(comparison.reading.capitalize()),
        version=__version__,
    )


def title(comparison: Comparison) -> str:
    """What is compared, in a line."""
    names = [group.name for group in comparison.groups]
    return f"{', '.join(names)} on {comparison.runs[0].data_name}"


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> Html:
    """A table whose first columns hold words and whose others hold numbers."""
    return table(caption, [Head(head, number=position >= words) for position, head in enumerate(heads)], rows)
