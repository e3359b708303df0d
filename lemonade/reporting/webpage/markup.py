"""HTML from values. Whatever is no `Html` is text and gets escaped, wherever it comes from."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """A value as markup: `Html` as it is, all else as text."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def joined(parts: Iterable[object]) -> Html:
    """Parts one after the other."""
    return Html("".join([escaped(part) for part in parts]))


def element(tag: str, *content: object, **attributes: object) -> Html:
    """An element.

    Args:
        tag: Its name.
        content: What is inside.
        attributes: By name; a trailing underscore falls away and others become hyphens. None leaves one out.
    """
    given = "".join(
        [
            f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
            for name, value in attributes.items()
            if value is not None
        ]
    )
    return Html(f"<{tag}{given}>{joined(content)}</{tag}>")


@dataclass(frozen=True)
class Head:
    """The head of a column.

    Attributes:
        title: What it says.
        number: Whether its cells are numbers, which are set to the right.
        wide: Whether its cells are sentences, which may break.
    """

    title: str
    number: bool = False
    wide: bool = False

    @property
    def kind(self) -> str | None:
        """Class of its cells."""
        return "number" if self.number else "wide" if self.wide else None


def table(caption: str, heads: Sequence[Head], rows: Iterable[Sequence[object]]) -> Html:
    """A table that scrolls by itself where it is wider than the page."""
    titles = element("tr", *[element("th", head.title, scope="col", class_=head.kind) for head in heads])
    body = [
        element("tr", *[element("td", cell, class_=head.kind) for head, cell in zip(heads, row, strict=True)])
        for row in rows
    ]
    inside = element("table", element("caption", caption), element("thead", titles), element("tbody", *body))
    return element("div", inside, class_="scroll", role="region", tabindex="0", aria_label=caption)


def definitions(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and what they stand for."""
    return element("dl", *[element("div", element("dt", name), element("dd", value)) for name, value in pairs])


def child_link(name: str) -> Html:
    """The id of a child, as a button that selects it."""
    return element("button", name, type="button", class_="id", data_id=name)


def script_json(document: Any) -> Html:
    """JSON that can stand inside a script element whatever texts it holds; numbers that are none become null."""
    text = json.dumps(_finite(document), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # no text can end the element, open a comment, or start an entity
    return Html(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
