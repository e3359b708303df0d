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
        folds: Goes on in the next line where it does not fit, in place of an ellipsis.
    """

    title: str
    right: bool = False
    style: str = ""
    gives_way: bool = False
    folds: bool = False


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
    fixed = sum(wide for wide, column in zip(widths, columns, strict=True) if not column.gives_way)
    left = max(LEAST_WORDS, width - fixed - _GAP * (len(columns) - 1))
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="quiet", show_edge=False)
    for column, wide in zip(columns, widths, strict=True):
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
        table.add_row(*[Text(cell) for cell in row], style=styles[index] if styles else None)
    return table
