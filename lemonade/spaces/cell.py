"""Two cells, repeated in a fixed network (LEMONADE's search space II; cells as in NASNet and DARTS).

Stem; stages of equal normal cells with a reduction cell between, which halves height and width and doubles the channels
(Zoph et al. 2018); global average pooling; linear layer. A cell reads the outputs of the two cells before it, each
through ReLU, 1x1 convolution and batch norm. Its nodes are sums over edges from nodes before them; all of them stacked
are its output (Liu, Simonyan and Yang 2019).

Unlike in DARTS, a node may have any number of edges, its inputs are weighed by learned scales (so that an edge can be
added without a change of the function), and poolings have no batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from lemonade.config import SpaceSettings
from lemonade.spaces.base import Start
from lemonade.spaces.cells import NONE, SKIP, CellNetworks, Place, Row
from lemonade.spaces.skeleton import halved, head, stem
from morphisms import NetworkGraph, Node
from morphisms.branches import new_branch

KINDS = (
    *(NONE, SKIP, "max_pool_3x3", "avg_pool_3x3"),
    *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
)
CELLS, CHANNELS, NODES = 1, 16, 3
NORMAL, REDUCTION = "normal", "reduction"
LARGE = 16
"""Pixels of the shorter side from which there are three stages instead of two."""


class Cell(CellNetworks):
    """The space; `space.cells` normal cells a stage, `space.nodes` sums in each cell.

    The start networks are a quarter, a half and the whole of `space.channels` wide in the first stage. An operator acts
    on an edge, or on the width of the whole network.
    """

    name = "cell"
    operators: ClassVar[tuple[str, ...]] = (
        *("add_branch", "remove_branch", "change_branch"),
        *("widen", "prune", "continue"),
    )
    sizes: ClassVar[tuple[str, ...]] = ("cells", "channels", "nodes")
    inputs = 2

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        operators: Sequence[str],
        operators_most: int,
        settings: SpaceSettings,
    ) -> None:
        super().__init__(input_shape, classes, operators, operators_most, settings)
        self._targets = range(2, 2 + (settings.nodes or NODES))
        self.places = tuple(
            [
                Place(cell, source, target, KINDS)
                for cell in (NORMAL, REDUCTION)
                for target in self._targets
                for source in range(target)
            ]
        )
        stages = 3 if min(input_shape[1:]) >= LARGE else 2
        normal = [f"s{s}c{c}" for s in range(1, stages + 1) for c in range(1, (settings.cells or CELLS) + 1)]
        self.copies = {NORMAL: tuple(normal), REDUCTION: tuple([f"r{s}" for s in range(2, stages + 1)])}

    def starts(self) -> list[Start[NetworkGraph]]:
        """A separable convolution beside a skip in normal cells, and poolings, at each width."""
        return self._starts(self.widths())

    def between(self, narrow: NetworkGraph | None, wide: NetworkGraph) -> Start[NetworkGraph] | None:
        """The start cells, as wide in the first stage as lies in the middle."""
        most = self.channels(wide)
        least = most // 2 if narrow is None else self.channels(narrow)
        width = (least + most) // 2
        is_new = 0 < width < most and (narrow is None or width > least)
        return self._starts([width])[0] if is_new else None

    def smallest(self) -> list[Start[NetworkGraph]]:
        """Cells of poolings, half as wide as the narrowest start and less."""
        row = self._row({})
        width, found = self.widths()[0], []
        while width > 0:
            found.append(Start(self.network(row, width), f"cells of poolings, {width} wide"))
            width //= 2
        return found

    def widths(self) -> list[int]:
        """Channels of the first stage of the start networks."""
        most = self.settings.channels or CHANNELS
        return sorted({max(1, most // 4), max(1, most // 2), most})

    def allows(self, row: Sequence[str]) -> bool:
        """Whether in each cell every sum has an edge, and each of the two inputs is read."""
        there = [place for place, kind in zip(self.places, row, strict=True) if kind != NONE]
        targets = {(place.cell, place.target) for place in there}
        sources = {(place.cell, place.source) for place in there if place.source < self.inputs}
        return len(targets) == 2 * len(self._targets) and len(sources) == 2 * self.inputs

    def random_row(self, rng: np.random.Generator) -> Row:
        """One or two edges into each sum, with any operations on them."""
        while True:
            row = [NONE] * len(self.places)
            for cell in self.copies:
                for target in self._targets:
                    into = [k for k, one in enumerate(self.places) if (one.cell, one.target) == (cell, target)]
                    for edge in rng.choice(into, size=int(rng.integers(1, 3)), replace=False):
                        row[edge] = KINDS[rng.integers(1, len(KINDS))]
            if self.allows(row):
                return tuple(row)

    def key(self, genotype: NetworkGraph) -> str:
        """Width and cells, as ``"16 normal n2=skip_connect~0|sep_conv_3x3~1 ... reduction ..."``."""
        row, words = self.row(genotype), [str(self.channels(genotype))]
        for cell in self.copies:
            words.append(cell)
            for target in self._targets:
                edges = [
                    f"{kind}~{place.source}"
                    for place, kind in zip(self.places, row, strict=True)
                    if (place.cell, place.target) == (cell, target) and kind != NONE
                ]
                words.append(f"n{target}={'|'.join(edges)}")
        return " ".join(words)

    def network(self, row: Row, channels: int) -> NetworkGraph:
        """Normal cells, and a reduction cell before each stage but the first."""
        sides = (self.input_shape[1], self.input_shape[2])
        nodes = stem(channels)
        before = last = ("stem_bn", sides)  # the two outputs that a cell reads, with height and width
        order = [name for names in self.copies.values() for name in names]
        # s1c1, s1c2, r2, s2c1, ...: by stage, the reduction cell of a stage first
        for name in sorted(order, key=lambda name: (int(name[1]), name[0] == "s")):
            cell = NORMAL if name in self.copies[NORMAL] else REDUCTION
            if cell == REDUCTION:
                channels, sides = 2 * channels, halved(sides)
            nodes += self._cell(name, cell, row, (before, last), (channels, *sides))
            before, last = last, (f"{name}_out", sides)
        return NetworkGraph(self.input_shape, (*nodes, *head(last[0], self.classes)), "linear")

    def _cell(
        self,
        name: str,
        cell: str,
        row: Row,
        sources: tuple[tuple[str, tuple[int, int]], tuple[str, tuple[int, int]]],
        shape: tuple[int, int, int],
    ) -> list[Node]:
        """Nodes of one copy."""
        channels, sides = shape[0], sources[1][1]
        nodes: list[Node] = []
        for number, (source, had) in enumerate(sources):
            stride = 1 if had == sides else 2
            attrs = {"channels": channels, "kernel": 1, "stride": stride}
            nodes += [
                Node(f"{name}_in{number}_relu", "relu", (source,)),
                Node(f"{name}_in{number}_conv", "conv", (f"{name}_in{number}_relu",), attrs),
                Node(f"{name}_n{number}", "batch_norm", (f"{name}_in{number}_conv",)),
            ]
        for target in self._targets:
            merge, ends = f"{name}_n{target}", []
            for place, kind in zip(self.places, row, strict=True):
                if (place.cell, place.target) == (cell, target) and kind != NONE:
                    reads = (channels, *sides) if place.source < self.inputs else shape
                    branch = new_branch(kind, f"{name}_n{place.source}", merge, reads, shape)
                    nodes += branch
                    ends.append(branch[-1].name)
            nodes.append(Node(merge, "add", tuple(ends), {"scaled": True}))
        nodes.append(Node(f"{name}_out", "concat", tuple([f"{name}_n{target}" for target in self._targets])))
        return nodes

    def _starts(self, widths: Sequence[int]) -> list[Start[NetworkGraph]]:
        row = self._row({(NORMAL, 0): SKIP, (NORMAL, 1): "sep_conv_3x3"})
        return [Start(self.network(row, width), f"cells of a separable convolution, {width} wide") for width in widths]

    def _row(self, kinds: Mapping[tuple[str, int], str]) -> Row:
        """Max pooling of both inputs in the first sum, unless others are given, and of one node each in later sums."""
        row = []
        for place in self.places:
            if place.target == self.inputs:
                row.append(kinds.get((place.cell, place.source), "max_pool_3x3"))
            else:
                row.append("max_pool_3x3" if place.source == place.target - self.inputs - 1 else NONE)
        return tuple(row)
