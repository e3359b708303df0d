"""What spaces of repeated cells share: edges with a choice of operations, changed in all copies of a cell alike.

The genotype is the whole network, so that training, stores and exports know nothing of cells. A copy's nodes are called
``s1c2_n0``, ``s1c2_n1``, ..., and what lies between two of them tells the operation on that edge (see
`morphisms.branches`); so the cells are read back from any graph of the space, one from a file included.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lemonade.config import SpaceSettings
from lemonade.spaces.base import Start
from lemonade.spaces.paths import Edge, path_features
from lemonade.spaces.skeleton import STEM
from morphisms import OPERATORS, Morphism, NetworkGraph, Site, flops, params
from morphisms.branches import kind_of
from morphisms.channels import channel_groups
from morphisms.operators.resize import Resize

NONE, SKIP = "none", "skip_connect"
Row = tuple[str, ...]
"""An operation for each edge."""

MOST_TRIES = 20
"""Rows drawn for a crossover before it gives up on one that is a cell."""
REMEMBERED = 512
"""Graphs whose rows are kept, since a parent is asked for its own again and again."""
PATH_FEATURES = 5


@dataclass(frozen=True)
class Place:
    """An edge.

    Attributes:
        cell: Name of the cell it belongs to.
        source: Number of the node it comes from.
        target: Number of the node it leads to.
        kinds: Operations that may be on it.
    """

    cell: str
    source: int
    target: int
    kinds: tuple[str, ...]


class CellNetworks(ABC):
    """Base of the spaces of cells; each is a `lemonade.spaces.GridSpace`.

    Args:
        input_shape: (channels, height, width) of the images.
        classes: Number of classes.
        operators: Names of the operators to use.
        operators_most: A child gets one to this many changes, their number drawn uniformly.
        settings: Sizes of the network.

    Attributes:
        places: All edges, in the order of a row.
        copies: Beginnings of the names in each copy of a cell, by the cell's name.
    """

    name: str
    operators: ClassVar[tuple[str, ...]]
    sizes: ClassVar[tuple[str, ...]]
    inputs: ClassVar[int]
    """How many of a cell's nodes are its inputs."""

    places: tuple[Place, ...]
    copies: Mapping[str, tuple[str, ...]]

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        operators: Sequence[str],
        operators_most: int,
        settings: SpaceSettings,
    ) -> None:
        self.input_shape = input_shape
        self.classes = classes
        self.settings = settings
        self._operators = tuple(operators)
        self._most = operators_most
        self._rows: dict[int, tuple[NetworkGraph, Row]] = {}

    # What a space of cells has to say ---------------------------------------------------------------------------------

    @abstractmethod
    def starts(self) -> list[Start[NetworkGraph]]:
        """Start networks, smallest first."""

    @abstractmethod
    def smallest(self) -> list[Start[NetworkGraph]]:
        """Smaller networks still."""

    @abstractmethod
    def network(self, row: Row, channels: int) -> NetworkGraph:
        """The network of a row, so many channels wide in its first stage."""

    @abstractmethod
    def random_row(self, rng: np.random.Generator) -> Row:
        """A row drawn without a parent."""

    @abstractmethod
    def widths(self) -> Sequence[int]:
        """Channels of the first stage to draw from."""

    @abstractmethod
    def key(self, genotype: NetworkGraph) -> str:
        """What tells duplicates apart: the cells, and how wide they are."""

    def is_absent(self, kind: str) -> bool:
        """Whether that operation means that no branch is there."""
        return kind == NONE

    def allows(self, row: Sequence[str]) -> bool:
        """Whether a row makes cells."""
        return True

    # What follows from it ---------------------------------------------------------------------------------------------

    def row(self, genotype: NetworkGraph) -> Row:
        """The operation on each edge, read from the first copy of each cell."""
        known = self._rows.get(id(genotype))
        if known is not None:
            return known[1]
        found = []
        for place in self.places:
            (source, merge), *_ = self._ends(place)
            found.append(kind_of(genotype, source, merge, place.kinds) or NONE)
        return self._remembered(genotype, tuple(found))

    def channels(self, genotype: NetworkGraph) -> int:
        """Channels of the first stage."""
        return int(genotype[STEM].attrs["channels"])

    def random(self, rng: np.random.Generator) -> NetworkGraph:
        """A network drawn without a parent."""
        widths = self.widths()
        return self.network(self.random_row(rng), widths[int(rng.integers(len(widths)))])

    def mutate(
        self, genotype: NetworkGraph, rng: np.random.Generator, most: int | None = None
    ) -> tuple[NetworkGraph, tuple[Morphism, ...]] | None:
        """One to `most` changes, each by an operator drawn uniformly among those that can act."""
        graph, records = genotype, []
        for _ in range(int(rng.integers(1, (most or self._most) + 1))):
            for position in rng.permutation(len(self._operators)):
                made = self._step(graph, self._operators[position], rng)
                if made is not None:
                    graph, record = made
                    records.append(record)
                    break
        return (graph, tuple(records)) if records else None

    def neighbours(
        self, genotype: NetworkGraph, rng: np.random.Generator
    ) -> list[tuple[NetworkGraph, tuple[Morphism, ...]]]:
        """All networks that differ at one edge of a cell."""
        row = self.row(genotype)
        found: list[tuple[NetworkGraph, tuple[Morphism, ...]]] = []
        for operator in self._operators:
            for edge, kind in self._choices(row, operator):
                graph, record = self._changed(genotype, edge, kind, rng)
                found.append((graph, (record,)))
        return found

    def crossover(
        self, one: NetworkGraph, other: NetworkGraph, rng: np.random.Generator
    ) -> tuple[NetworkGraph, tuple[Morphism, ...]]:
        """Each edge from one of both networks (uniform crossover); as wide as `one`."""
        pairs = list(zip(self.row(one), self.row(other), strict=True))
        for _ in range(MOST_TRIES):
            sides = rng.integers(0, 2, len(pairs))
            wanted = [pair[side] for pair, side in zip(pairs, sides, strict=True)]
            if self.allows(wanted):
                return self._towards(one, wanted, rng)
        return one, ()

    def features(self, genotype: NetworkGraph) -> list[float]:
        """Logarithms of parameters and multiply-adds; of each cell its paths and how often it has each operation."""
        row = self.row(genotype)
        found = [math.log10(params(genotype)), math.log10(flops(genotype))]
        for cell in self.copies:
            mine = [(place, kind) for place, kind in zip(self.places, row, strict=True) if place.cell == cell]
            found += path_features(self._nodes(mine), ())
            counts = Counter(kind for _, kind in mine)
            found += [math.log1p(counts[kind]) for kind in mine[0][0].kinds]
        return found

    def groups(self) -> list[int]:
        """Costs, and what is told of cells."""
        kinds = {place.cell: len(place.kinds) for place in self.places}
        return [2, sum(PATH_FEATURES + number for number in kinds.values())]

    def _nodes(self, edges: Iterable[tuple[Place, str]]) -> list[list[Edge]]:
        """The edges into each node of a cell, as `path_features` wants them: from one beginning to one end."""
        if self.inputs == 1:
            nodes: dict[int, list[Edge]] = {}
            before = 0
        else:  # the inputs follow a common beginning
            nodes = {number: [Edge(0, None)] for number in range(self.inputs)}
            before = 1
        for place, kind in edges:
            into = nodes.setdefault(place.target, [])
            if kind != NONE:
                into.append(Edge(place.source + before, None if kind == SKIP else kind))
        if self.inputs > 1:  # and all sums lead to a common end
            nodes[len(nodes)] = [Edge(number + before, None) for number in range(self.inputs, len(nodes))]
        return list(nodes.values())

    def _ends(self, place: Place) -> list[tuple[str, str]]:
        """Names of source and target of an edge in each copy."""
        return [(f"{copy}_n{place.source}", f"{copy}_n{place.target}") for copy in self.copies[place.cell]]

    def _step(
        self, graph: NetworkGraph, operator: str, rng: np.random.Generator
    ) -> tuple[NetworkGraph, Morphism] | None:
        """One change by an operator; None if it cannot act."""
        acting = OPERATORS[operator]
        if not isinstance(acting, Resize):
            choices = self._choices(self.row(graph), operator)
            return self._changed(graph, *choices[int(rng.integers(len(choices)))], rng) if choices else None
        sizes = acting.sizes(self.channels(graph))
        if not sizes:
            return None
        producers = tuple([group.producers[0] for group in channel_groups(graph) if not group.fixed])
        assert producers[0] == STEM  # the others change in proportion
        site = Site(producers, (("channels", sizes[int(rng.integers(len(sizes)))]),))
        child = acting.rewrite(graph, site).child
        self._remembered(child, self.row(graph))
        return child, acting.record(graph, site, int(rng.integers(2**31)))

    def _choices(self, row: Row, operator: str) -> list[tuple[int, str]]:
        """Edges that an operator can act on, each with an operation it can bring there."""
        found = []
        for edge, (place, now) in enumerate(zip(self.places, row, strict=True)):
            for kind in place.kinds:
                fits = kind != now and self._operator(now, kind) == operator
                if fits and (operator != "remove_branch" or self.allows([*row[:edge], kind, *row[edge + 1 :]])):
                    found.append((edge, kind))
        return found

    def _operator(self, now: str, kind: str) -> str:
        """Name of the operator that leads from one operation on an edge to another."""
        if self.is_absent(now):
            return "add_branch"
        return "remove_branch" if self.is_absent(kind) else "change_branch"

    def _changed(
        self, graph: NetworkGraph, edge: int, kind: str, rng: np.random.Generator
    ) -> tuple[NetworkGraph, Morphism]:
        """The graph with another operation on one edge of all copies, and the record of it."""
        row, place = self.row(graph), self.places[edge]
        name = self._operator(row[edge], kind)
        values: dict[str, int | str] = {} if name == "remove_branch" else {"kind": kind}
        if name == "add_branch":
            before = zip(self.places[:edge], row[:edge], strict=True)
            values["position"] = sum(
                (one.cell, one.target) == (place.cell, place.target) and not self.is_absent(now) for one, now in before
            )
        nodes = tuple([end for ends in self._ends(place) for end in ends])
        site, operator = Site(nodes, tuple(values.items())), OPERATORS[name]
        child = operator.rewrite(graph, site).child
        self._remembered(child, (*row[:edge], kind, *row[edge + 1 :]))
        return child, operator.record(graph, site, int(rng.integers(2**31)))

    def _towards(
        self, graph: NetworkGraph, wanted: Sequence[str], rng: np.random.Generator
    ) -> tuple[NetworkGraph, tuple[Morphism, ...]]:
        """The graph with the operations wanted, and the records that lead there; what is removed goes last."""
        edges = [edge for edge, (now, kind) in enumerate(zip(self.row(graph), wanted, strict=True)) if now != kind]
        records = []
        for edge in sorted(edges, key=lambda one: self.is_absent(wanted[one])):
            graph, record = self._changed(graph, edge, wanted[edge], rng)
            records.append(record)
        return graph, tuple(records)

    def _remembered(self, graph: NetworkGraph, row: Row) -> Row:
        if len(self._rows) >= REMEMBERED:
            self._rows.clear()
        self._rows[id(graph)] = graph, row  # with the graph, so that its id is given to no other
        return row
