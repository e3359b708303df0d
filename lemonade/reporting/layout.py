"""Tables in which one column of words gives way, so that numbers and ids are never cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

LEAST_WORDS = 12
_GAP = 2


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: Its head; may have two lines.
        right: Set to the right, as numbers are.
        style: Of its cells.
        gives_way: Takes the columns of the screen that the others leave.
        folds: Goes on in the next line where it does not fit, in place of an ellipsis; narrower where others need room.
        may_go: Left out, from the right, where numbers would be cut otherwise; a line below the table says so.
    """

    title: str
    right: bool = False
    style: str = ""
    gives_way: bool = False
    folds: bool = False
    may_go: bool = False


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, styles: Sequence[str] = ()) -> Table:
    """A table without lines that fits a width as far as its numbers allow.

    Args:
        columns: At most one of them gives way.
        rows: Plain text, one cell for each column.
        width: Columns of the screen.
        styles: One for each row; none by default.
    """
    widths = [
        max([cell_len(line) for line in column.title.splitlines()] + [cell_len(row[index]) for row in rows], default=0)
        for index, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))

    def lacking() -> int:
        """How many columns of the screen are missing for what is shown, the words as short as they may be."""
        needed = [min(widths[index], LEAST_WORDS) if columns[index].gives_way else widths[index] for index in shown]
        return sum(needed) + _GAP * (len(shown) - 1) - width

    for index, column in enumerate(columns):
        if column.folds and not column.gives_way:
            widths[index] = max(min(widths[index], LEAST_WORDS), widths[index] - max(0, lacking()))
    for index in reversed(range(len(columns))):
        if columns[index].may_go and lacking() > 0:
            shown.remove(index)
    left = LEAST_WORDS + max(0, -lacking())
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="quiet", show_edge=False)
    if gone := [" ".join(columns[index].title.split()) for index in range(len(columns)) if index not in shown]:
        table.caption, table.caption_justify = Text(f"No room for: {', '.join(gone)}", style="quiet"), "left"
    for index in shown:
        column, wide = columns[index], widths[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            style=column.style,
            vertical="top",
            no_wrap=not column.folds,
            overflow="fold" if column.folds else "ellipsis",
            width=min(wide, left) if column.gives_way else wide,
        )
    for index, row in enumerate(rows):
        # Text, not markup: names come from people's plug-ins and folders
        table.add_row(*[Text(row[column]) for column in shown], style=styles[index] if styles else None)
    return table
