"""What the paths through a network tell of it: how many there are, how long they are, what lies on them.

Two networks with the same operations differ most in how these are wired: whether anything connects input and output,
how deep the signal goes, which operations it can avoid. All of it follows from the graph by one pass over the nodes for
each figure, without listing paths, whose number grows exponentially.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Pairs = dict[tuple[str | None, str | None], float]
"""Numbers by which label follows which."""


@dataclass(frozen=True)
class Edge:
    """A way from one node to another.

    Attributes:
        source: Position of a node.
        label: Operation on the way; None for one that passes everything on, which makes no path longer.
    """

    source: int
    label: str | None


def on_paths(nodes: Sequence[Sequence[Edge]]) -> list[list[bool]]:
    """Of each edge, whether a path from node 0 to the last node goes along it; `nodes` as for `path_features`."""
    reached = [True]
    for edges in nodes:
        reached.append(any(reached[edge.source] for edge in edges))
    wanted = [False] * len(nodes) + [True]
    for node in range(len(nodes), 0, -1):
        for edge in nodes[node - 1]:
            wanted[edge.source] = wanted[edge.source] or wanted[node]
    return [[reached[edge.source] and wanted[node] for edge in edges] for node, edges in enumerate(nodes, 1)]


def path_features(nodes: Sequence[Sequence[Edge]], labels: Sequence[str]) -> list[float]:
    """Figures on all paths from node 0 to the last node, ``5 + 3 * len(labels)`` of them.

    Log of one plus their number, whether there is one, length of the longest, shortest and mean path; and for each
    label the most, the least and the mean number of times it lies on a path. Zeros without any path.

    Args:
        nodes: For node 1, 2, ... the edges that lead into it, each from a node before it.
        labels: Operations to tell of, in the order of the figures.
    """
    paths = [1.0]
    for edges in nodes:
        paths.append(sum(paths[edge.source] for edge in edges))
    if not paths[-1]:
        return [0.0] * (5 + 3 * len(labels))
    length = _figures(nodes, paths, dict.fromkeys({edge.label for edges in nodes for edge in edges if edge.label}, 1.0))
    found = [math.log1p(paths[-1]), 1.0, *length]
    for label in labels:
        found += _figures(nodes, paths, {label: 1.0})
    return found


def successions(nodes: Sequence[Sequence[Edge]], labels: Sequence[str]) -> list[float]:
    """How often, on the mean path, one label follows another: ``(len(labels) + 1) ** 2`` figures, by the first label.

    A path's beginning counts as a label before its first, its end as one behind its last. Zeros without any path.

    Args:
        nodes: As for `path_features`.
        labels: All that edges bear.
    """
    # by node and last label: the number of paths that arrive so, and how often each pair lies on all of these together
    arrived: list[dict[str | None, float]] = [{None: 1.0}]
    pairs: list[dict[str | None, Pairs]] = [{None: {}}]
    for edges in nodes:
        number: dict[str | None, float] = {}
        found: dict[str | None, Pairs] = {}
        for edge in edges:
            for last, paths in arrived[edge.source].items():
                label = last if edge.label is None else edge.label
                number[label] = number.get(label, 0.0) + paths
                more: Pairs = {(last, label): paths} if edge.label is not None else {}
                found[label] = _sum(found.get(label, {}), pairs[edge.source][last], more)
        arrived.append(number)
        pairs.append(found)
    whole = _sum(*pairs[-1].values(), {(last, None): paths for last, paths in arrived[-1].items()})
    count = sum(arrived[-1].values()) or 1.0
    ends = [None, *labels]
    return [whole.get((first, second), 0.0) / count for first in ends for second in ends]


def _sum(*counts: Pairs) -> Pairs:
    total: Pairs = {}
    for one in counts:
        for pair, number in one.items():
            total[pair] = total.get(pair, 0.0) + number
    return total


def _figures(
    nodes: Sequence[Sequence[Edge]], paths: Sequence[float], weights: Mapping[str, float]
) -> tuple[float, float, float]:
    """Largest, least and mean weight of a path to the last node."""
    most, least, total = [0.0], [0.0], [0.0]
    for edges in nodes:
        ways = [(edge.source, weights.get(edge.label or "", 0.0)) for edge in edges if paths[edge.source]]
        most.append(max([most[source] + weight for source, weight in ways], default=0.0))
        least.append(min([least[source] + weight for source, weight in ways], default=0.0))
        total.append(sum(total[source] + weight * paths[source] for source, weight in ways))
    return most[-1], least[-1], total[-1] / paths[-1]
