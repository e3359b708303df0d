"""A table's space: architectures written as strings, of which all combinations are rows of the table.

The strings are those of NAS-Bench-201 (Dong and Yang 2020): ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`` lists, node by
node, the operation on each edge and the node it comes from. What edges and operations there are follows from the
strings themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from lemonade.spaces.base import Start
from lemonade.spaces.paths import Edge, on_paths, path_features, successions
from morphisms import Morphism

NOTHING = frozenset({"none", "zero"})
"""Operations that pass nothing on: the edge is not there."""
IDENTITY = frozenset({"skip_connect", "identity", "skip"})
"""Operations that pass everything on."""
DESIGNS = 2
"""Latin designs of rows to start from."""


def split_architecture(text: str) -> tuple[tuple[str, ...], ...]:
    """The ``op~source`` of each edge, node by node.

    Raises:
        ValueError: saying what is wrong, if it is no such string.
    """
    nodes = []
    for number, node in enumerate(text.split("+"), 1):
        if len(node) < 3 or node[0] != "|" or node[-1] != "|":
            raise ValueError(f"expected |op~source|.. for node {number}, got '{node}'")
        edges = tuple(node[1:-1].split("|"))
        for edge in edges:
            operation, mark, source = edge.rpartition("~")
            if not mark or not operation or not source.isdecimal() or int(source) >= number:
                raise ValueError(f"expected op~source with a source below {number} for node {number}, got '{edge}'")
        nodes.append(edges)
    return tuple(nodes)


def join_architecture(edges: Sequence[str], shape: Sequence[int]) -> str:
    """The string of these ``op~source``, of which so many lead into node 1, node 2, ..."""
    nodes, position = [], 0
    for width in shape:
        nodes.append("|" + "|".join(edges[position : position + width]) + "|")
        position += width
    return "+".join(nodes)


class TableSpace:
    """The rows of a table; a genotype is the architecture string of one.

    Args:
        costs: Costs by name, by architecture. All combinations of what occurs at each position are there.
        seed: Draws the rows to start from.
        operators_most: A child differs from its parent at one to this many positions.
    """

    name = "table"
    operators: ClassVar[tuple[str, ...]] = ()

    def __init__(self, costs: Mapping[str, Mapping[str, float]], seed: int, operators_most: int) -> None:
        self._costs = costs
        self._seed = seed
        self._most = operators_most
        split = {text: split_architecture(text) for text in costs}
        self._shape = [len(node) for node in next(iter(split.values()))]
        self._flat = {text: tuple([edge for node in nodes for edge in node]) for text, nodes in split.items()}
        self.choices = [sorted(set(column)) for column in zip(*self._flat.values(), strict=True)]
        labels = {edge.rpartition("~")[0] for column in self.choices for edge in column}
        self._labels = sorted(labels - NOTHING - IDENTITY)
        node_of = [node for node, width in enumerate(self._shape) for _ in range(width)]
        self._places = list(
            dict.fromkeys((n, e) for n, column in zip(node_of, self.choices, strict=True) for e in column)
        )
        self._features: dict[str, list[float]] = {}

    def starts(self) -> list[Start[str]]:
        """Rows that between them have everything at every position about equally often (Latin designs), by cost."""
        rng = np.random.default_rng([self._seed, len(self.choices)])
        found: dict[str, None] = {}
        for _ in range(DESIGNS):
            columns = [self._permuted(column, rng) for column in self.choices]
            found |= dict.fromkeys(self._joined(row) for row in zip(*columns, strict=True))
        ordered = sorted(found, key=lambda text: tuple(self._costs[text].values()))
        return [Start(text, "drawn to start from") for text in ordered]

    def between(self, narrow: str | None, wide: str) -> None:
        """None: rows have no widths."""

    def smallest(self) -> list[Start[str]]:
        """The row of least cost, for each cost in turn."""
        names = next(iter(self._costs.values()))
        least = [min(self._costs, key=lambda text: self._costs[text][name]) for name in names]
        return [Start(text, "the least costly row") for text in dict.fromkeys(least)]

    def mutate(
        self, genotype: str, rng: np.random.Generator, most: int | None = None
    ) -> tuple[str, tuple[Morphism, ...]] | None:
        """A row that differs at one to `most` positions, drawn uniformly, and no record: a row has no weights."""
        row = list(self._flat[genotype])
        open_ = [position for position, column in enumerate(self.choices) if len(column) > 1]
        count = min(int(rng.integers(1, (most or self._most) + 1)), len(open_))
        if not count:
            return None
        for position in rng.choice(open_, size=count, replace=False):
            others = [edge for edge in self.choices[position] if edge != row[position]]
            row[position] = others[rng.integers(len(others))]
        return self._joined(row), ()

    def random(self, rng: np.random.Generator) -> str:
        """Any row, with equal chance."""
        return self._joined([column[rng.integers(len(column))] for column in self.choices])

    def neighbours(self, genotype: str, rng: np.random.Generator) -> list[tuple[str, tuple[Morphism, ...]]]:
        """All rows that differ at one position."""
        row = self._flat[genotype]
        return [
            (self._joined([*row[:position], other, *row[position + 1 :]]), ())
            for position, column in enumerate(self.choices)
            for other in column
            if other != row[position]
        ]

    def crossover(self, one: str, other: str, rng: np.random.Generator) -> tuple[str, tuple[Morphism, ...]]:
        """Each position from one of both rows (uniform crossover)."""
        pairs = list(zip(self._flat[one], self._flat[other], strict=True))
        sides = rng.integers(0, 2, len(pairs))
        return self._joined([pair[side] for pair, side in zip(pairs, sides, strict=True)]), ()

    def features(self, genotype: str) -> Sequence[float]:
        """What the paths from the first node to the last tell, where they go, and what follows what on them."""
        if genotype not in self._features:
            self._features[genotype] = self._described(self._flat[genotype])
        return self._features[genotype]

    def groups(self) -> list[int]:
        """Figures on paths, places of operations, and pairs of them that follow each other."""
        return [5 + 3 * len(self._labels), len(self._places), (len(self._labels) + 1) ** 2]

    def key(self, genotype: str) -> str:
        """The row's own string."""
        return genotype

    def _described(self, row: Sequence[str]) -> list[float]:
        nodes: list[list[Edge]] = []
        texts: list[list[str]] = []
        position = 0
        for width in self._shape:
            there = [edge for edge in row[position : position + width] if edge.rpartition("~")[0] not in NOTHING]
            parts = [edge.rpartition("~") for edge in there]
            nodes.append([Edge(int(source), None if op in IDENTITY else op) for op, _, source in parts])
            texts.append(there)
            position += width
        used = {
            (node, text)
            for node, (marks, names) in enumerate(zip(on_paths(nodes), texts, strict=True))
            for mark, text in zip(marks, names, strict=True)
            if mark
        }
        return [
            *path_features(nodes, self._labels),
            *[float(place in used) for place in self._places],
            *successions(nodes, self._labels),
        ]

    def _joined(self, row: Sequence[str]) -> str:
        return join_architecture(row, self._shape)

    def _permuted(self, column: Sequence[str], rng: np.random.Generator) -> list[str]:
        """As many as the longest column has choices, each about equally often, in random order."""
        longest = max(len(one) for one in self.choices)
        return [column[k % len(column)] for k in rng.permutation(longest)]
