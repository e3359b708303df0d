"""Reads a table of architectures: a CSV file with a line for each, what it errs and what it costs."""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lemonade.errors import LemonadeError, unknown
from lemonade.spaces.table import join_architecture, split_architecture

ARCHITECTURE = "architecture"
ACCURACY = re.compile(r"(?<![a-z])(accuracy|acc)(?![a-z])", re.IGNORECASE)
ERROR = re.compile(r"(?<![a-z])(error|err)(?![a-z])", re.IGNORECASE)
"""What the names of columns that judge an architecture have as one of their words; all others are costs."""
FRACTION = 1.0
"""Accuracies of which none is larger are shares, others are percent."""


@dataclass(frozen=True)
class Table:
    """What a table says.

    Attributes:
        path: Its file.
        error: The column that errors were taken from.
        errors: By architecture; in percent, or as shares, as the column has them.
        costs: By architecture, all cost columns by name.
        sha256: Of the file.
    """

    path: Path
    error: str
    errors: Mapping[str, float]
    costs: Mapping[str, Mapping[str, float]]
    sha256: str

    @property
    def cost_names(self) -> list[str]:
        """The columns that are costs."""
        return list(next(iter(self.costs.values())))

    def costs_in(self, name: str) -> dict[str, dict[str, float]]:
        """One cost of all architectures.

        Raises:
            LemonadeError: if there is no such column, naming those that there are.
        """
        if name not in self.cost_names:
            raise unknown("cost", name, self.cost_names)
        return {architecture: {name: values[name]} for architecture, values in self.costs.items()}


def read_table(path: Path, error: str | None = None) -> Table:
    """Read a table and check that it is whole.

    Args:
        path: A CSV file: a column `architecture`, some with the word `accuracy` or `error` in the name, and costs.
        error: The column to take errors from; default: the first of these.

    Raises:
        LemonadeError: for a file that is no such table, naming line and column.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise LemonadeError(f"{path}: cannot be read ({reason}).") from None
    try:
        lines = [(number, cells) for number, cells in _numbered(text) if cells]
    except csv.Error as fault:
        raise LemonadeError(f"{path}: is no CSV file ({fault}).") from None
    if not lines:
        raise LemonadeError(f"{path}: is empty. Expected a header such as {ARCHITECTURE},test_accuracy,params,macs.")
    header = [name.strip() for name in lines[0][1]]
    column = _error_column(path, header, error)
    rows = _rows(path, header, lines[1:])
    _check_whole(path, rows)
    judging = [name for name in header if _judges(name)]
    errors = {name: values[column] for name, (_, values) in rows.items()}
    if ACCURACY.search(column):
        most, best = max((value, name) for name, value in errors.items())
        whole = 1.0 if most <= FRACTION else 100.0
        if most > whole:
            where = f"{path} line {rows[best][0]}, column {column}"
            raise LemonadeError(f"{where}: expected an accuracy of at most 100 percent, got {most:g}.")
        errors = {name: whole - value for name, value in errors.items()}
    costs = {name: {k: v for k, v in values.items() if k not in judging} for name, (_, values) in rows.items()}
    return Table(path, column, errors, costs, hashlib.sha256(data).hexdigest())


def _numbered(text: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines(), strict=True)
    return [(reader.line_num, cells if any(cells) else []) for cells in reader]


def _judges(name: str) -> bool:
    return bool(ACCURACY.search(name) or ERROR.search(name))


def _error_column(path: Path, header: Sequence[str], wanted: str | None) -> str:
    """The column to take errors from, once the header is in order."""
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise LemonadeError(f"{path} line 1: the column '{twice}' is there twice.")
    if "" in header:
        raise LemonadeError(f"{path} line 1: column {header.index('') + 1} has no name.")
    if ARCHITECTURE not in header:
        raise LemonadeError(f"{path} line 1: expected a column '{ARCHITECTURE}', got {', '.join(header)}.")
    judging = [name for name in header if _judges(name)]
    if not judging:
        raise LemonadeError(
            f"{path} line 1: expected a column such as test_accuracy or error, got {', '.join(header)}."
        )
    if len(judging) + 1 == len(header):
        raise LemonadeError(f"{path} line 1: expected a column of costs, such as params, got {', '.join(header)}.")
    if wanted is not None and wanted not in judging:
        raise unknown("error column", wanted, judging)
    return wanted or judging[0]


def _rows(
    path: Path, header: Sequence[str], lines: Sequence[tuple[int, list[str]]]
) -> dict[str, tuple[int, dict[str, float]]]:
    """Line number and numbers of each architecture."""
    at = header.index(ARCHITECTURE)
    rows: dict[str, tuple[int, dict[str, float]]] = {}
    shape: list[int] = []
    for number, cells in lines:
        if len(cells) != len(header):
            raise LemonadeError(f"{path} line {number}: expected {len(header)} columns, got {len(cells)}.")
        name = cells[at].strip()
        try:
            found = [len(node) for node in split_architecture(name)]
        except ValueError as fault:
            raise LemonadeError(f"{path} line {number}, column {ARCHITECTURE}: {fault}.") from None
        shape = shape or found
        if found != shape:
            raise LemonadeError(
                f"{path} line {number}, column {ARCHITECTURE}: expected {shape} edges by node, as in the lines before, "
                f"got {found}."
            )
        if name in rows:
            raise LemonadeError(f"{path} line {number}: '{name}' is there already, in line {rows[name][0]}.")
        cells_by_name = zip(header, cells, strict=True)
        rows[name] = number, {k: _number(path, number, k, v) for k, v in cells_by_name if k != ARCHITECTURE}
    if not rows:
        raise LemonadeError(f"{path}: has a header and no line below it.")
    return rows


def _number(path: Path, line: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LemonadeError(f"{path} line {line}, column {column}: expected a finite number, got '{cell.strip()}'.")
    if value < 0:
        raise LemonadeError(f"{path} line {line}, column {column}: expected no negative number, got {value:g}.")
    return value


def _check_whole(path: Path, rows: Mapping[str, object]) -> None:
    """Every combination of what occurs at each position has to be there: a method may ask for any of them."""
    split = [split_architecture(name) for name in rows]
    choices = [sorted(set(column)) for column in zip(*[[e for n in nodes for e in n] for nodes in split], strict=True)]
    expected = math.prod(len(column) for column in choices)
    if expected == len(rows):
        return
    shape = [len(node) for node in split[0]]
    combinations = (join_architecture(edges, shape) for edges in itertools.product(*choices))
    missing = next(name for name in combinations if name not in rows)
    raise LemonadeError(
        f"{path}: {len(rows):,} of the {expected:,} architectures are there that its operations can form; "
        f"the first missing one is {missing}."
    )
