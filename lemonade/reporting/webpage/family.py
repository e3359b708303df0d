"""The tree of the front's members and their ancestors, laid out without crossings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lemonade.history import Run


def family_tree(run: Run, names: Sequence[str]) -> dict[str, Any]:
    """Places of networks that hold all their ancestors.

    Args:
        run: The run.
        names: Ids, in any order.

    Returns:
        ``rows``, how many lines it takes, and ``nodes``: [id, generation, line, other children that are not in the
        tree]. A network without children in the tree gets a line of its own; another stands in their middle.
    """
    records = {name: run.candidates.record(name) for name in names}
    children: dict[str | None, list[str]] = {}
    for name in sorted(records):
        children.setdefault(records[name]["parent"], []).append(name)
    all_children = Counter(run.candidates.record(name)["parent"] for name in run.candidates)
    order = _parents_first(children)
    line: dict[str, float] = {}
    for name in order:
        if name not in children:
            line[name] = float(len(line))
    rows = len(line)
    for name in reversed(order):  # children come after their parents, so here before them
        if name in children:
            below = [line[child] for child in children[name]]
            line[name] = (below[0] + below[-1]) / 2
    nodes = [
        [name, records[name]["generation"], line[name], all_children[name] - len(children.get(name, []))]
        for name in order
    ]
    return {"rows": rows, "nodes": nodes}


def _parents_first(children: dict[str | None, list[str]]) -> list[str]:
    """Depth first; a lineage may be too long for recursion."""
    order: list[str] = []
    ahead = list(reversed(children.get(None, [])))
    while ahead:
        order.append(ahead.pop())
        ahead.extend(reversed(children.get(order[-1], [])))
    return order
