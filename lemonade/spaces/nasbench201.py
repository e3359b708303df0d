"""The networks of NAS-Bench-201 (Dong and Yang 2020), to be trained.

Stem of 3x3 convolution and batch norm; three stages of N equal cells; between them residual blocks of stride 2 that
double the channels; batch norm, ReLU, global average pooling, linear layer. A cell has four nodes and an operation on
each of its six edges. Parameters are the published ones for 16 channels, N = 5 and 32x32 images: an edge that is `none`
multiplies by zero, so what leads to it or behind it is there, and counts, as in the benchmark.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lemonade.spaces.base import Start
from lemonade.spaces.cells import CellNetworks, Place, Row
from lemonade.spaces.skeleton import halved, head, stem
from lemonade.spaces.table import join_architecture
from morphisms import NetworkGraph, Node
from morphisms.branches import new_branch

KINDS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = tuple([(source, target) for target in (1, 2, 3) for source in range(target)])
CELLS, CHANNELS, STAGES = 5, 16, 3
CELL = "cell"


class NasBench201(CellNetworks):
    """The space; `space.cells` copies a stage (N), `space.channels` in the first stage."""

    name = "nasbench201"
    operators: ClassVar[tuple[str, ...]] = ("change_branch", "continue")
    sizes: ClassVar[tuple[str, ...]] = ("cells", "channels")
    inputs = 1
    places = tuple([Place(CELL, source, target, KINDS) for source, target in EDGES])

    @property
    def copies(self) -> dict[str, tuple[str, ...]]:  # type: ignore[override]
        """``s1c1``, ``s1c2``, ... for cells 1, 2, ... of stage 1."""
        number = self.settings.cells or CELLS
        return {CELL: tuple([f"s{s}c{c}" for s in range(1, STAGES + 1) for c in range(1, number + 1)])}

    def starts(self) -> list[Start[NetworkGraph]]:
        """Cells of one and two convolutions beside a skip."""
        cells = {
            "1x1 convolution beside a skip": self._row({(0, 1): "nor_conv_1x1", (1, 3): "skip_connect"}),
            "3x3 convolution beside a skip": self._row({(0, 1): "nor_conv_3x3", (1, 3): "skip_connect"}),
            "two 3x3 convolutions beside a skip": self._row({(0, 1): "nor_conv_3x3", (1, 3): "nor_conv_3x3"}),
        }
        return [Start(self.network(row, self.widths()[0]), text) for text, row in cells.items()]

    def between(self, narrow: NetworkGraph | None, wide: NetworkGraph) -> None:
        """None: all are equally wide."""

    def smallest(self) -> list[Start[NetworkGraph]]:
        """A cell that passes its input on."""
        return [Start(self.network(self._row({}), self.widths()[0]), "a skip alone")]

    def widths(self) -> tuple[int, ...]:
        """The one width of the space."""
        return (self.settings.channels or CHANNELS,)

    def is_absent(self, kind: str) -> bool:
        """Never: what multiplies by zero is there."""
        return False

    def random_row(self, rng: np.random.Generator) -> Row:
        """Any of the 15,625 cells, with equal chance."""
        return tuple([place.kinds[rng.integers(len(place.kinds))] for place in self.places])

    def key(self, genotype: NetworkGraph) -> str:
        """The architecture as the benchmark writes it, ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+...``."""
        return architecture(self.row(genotype))

    def network(self, row: Row, channels: int) -> NetworkGraph:
        """The benchmark's network for CIFAR-10, with other sizes if so set."""
        nodes = stem(channels)
        last, sides = "stem_bn", (self.input_shape[1], self.input_shape[2])
        stage = 1
        for copy in self.copies[CELL]:
            if copy.startswith(f"s{stage + 1}"):
                stage, channels = stage + 1, 2 * channels
                nodes += _residual(f"r{stage}", last, channels, sides)
                last, sides = nodes[-1].name, halved(sides)
            nodes += _cell(copy, last, row, (channels, *sides))
            last = f"{copy}_n3"
        nodes += [Node("last_bn", "batch_norm", (last,)), Node("last_relu", "relu", ("last_bn",))]
        return NetworkGraph(self.input_shape, (*nodes, *head("last_relu", self.classes)), "linear")

    def _row(self, kinds: dict[tuple[int, int], str]) -> Row:
        """A skip from input to output and what is given."""
        return tuple([kinds.get(edge, "skip_connect" if edge == (0, 3) else "none") for edge in EDGES])


def architecture(row: Row) -> str:
    """The benchmark's string for operations in the order of `EDGES`."""
    return join_architecture([f"{kind}~{source}" for kind, (source, _) in zip(row, EDGES, strict=True)], (1, 2, 3))


def _cell(name: str, source: str, row: Row, shape: tuple[int, int, int]) -> list[Node]:
    """Nodes of a cell: each is the sum of what the edges bring."""
    nodes = [Node(f"{name}_n0", "identity", (source,))]
    kinds = dict(zip(EDGES, row, strict=True))
    for target in (1, 2, 3):
        branches = [
            new_branch(kinds[number, target], f"{name}_n{number}", f"{name}_n{target}", shape, shape)
            for number in range(target)
        ]
        nodes += [node for branch in branches for node in branch]
        nodes.append(Node(f"{name}_n{target}", "add", tuple([branch[-1].name for branch in branches])))
    return nodes


def _residual(name: str, source: str, channels: int, sides: tuple[int, int]) -> list[Node]:
    """The benchmark's residual block of stride 2; the shortcut is average pooling and a 1x1 convolution."""
    is_even = all(side % 2 == 0 for side in sides)  # windows of 2 would leave out the last row or column
    pool: dict[str, float] = {"kernel": 2} if is_even else {"kernel": 3, "count_include_pad": False}
    nodes = []
    read = source
    for half, stride in (("a", 2), ("b", 1)):
        nodes += [
            Node(f"{name}{half}_relu", "relu", (read,)),
            Node(f"{name}{half}_conv", "conv", (f"{name}{half}_relu",), _attrs(channels, 3, stride)),
            Node(f"{name}{half}_bn", "batch_norm", (f"{name}{half}_conv",)),
        ]
        read = f"{name}{half}_bn"
    return [
        *nodes,
        Node(f"{name}_pool", "avg_pool", (source,), pool),
        Node(f"{name}_conv", "conv", (f"{name}_pool",), _attrs(channels, 1, 1)),
        Node(f"{name}_add", "add", (f"{name}_conv", read)),
    ]


def _attrs(channels: int, kernel: int, stride: int) -> dict[str, int]:
    return {"channels": channels, "kernel": kernel, "stride": stride}
