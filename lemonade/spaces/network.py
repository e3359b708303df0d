"""The free network space: whatever the operators make of small chains (LEMONADE's search space I)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from lemonade.config import SpaceSettings
from lemonade.spaces.base import Start
from morphisms import INPUT, OPERATORS, Morphism, NetworkGraph, Node, flops, graph_hash, midway, params
from morphisms.operators.branches import BranchOperator
from morphisms.ops import OPS

WIDTHS = (2, 4, 8, 16, 32)
"""Channels of the first block of the start networks, about 500 to 95,000 parameters. The paper's start at about 15,000
(recalled); a search of minutes needs smaller ones. Widening alone reaches larger ones slowly: on CIFAR-10 (16x16, 5.5 M
images, children of 24,000, one search each) the fifth raised the test hypervolume from .579 to .600."""

RANDOM_OPERATORS = 12


class NetworkSpace:
    """Chains to start from, and the operators of `morphisms` to go on with.

    Args:
        input_shape: (channels, height, width) of the images.
        classes: Number of classes.
        operators: Names of the operators to use.
        operators_most: A child gets one to this many rewrites, their number drawn uniformly.
        settings: Of the space; its widths are read.
    """

    name = "network"
    operators: ClassVar[tuple[str, ...]] = tuple(
        [name for name, one in OPERATORS.items() if not isinstance(one, BranchOperator)]
    )
    sizes: ClassVar[tuple[str, ...]] = ("widths",)

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        operators: Sequence[str],
        operators_most: int,
        settings: SpaceSettings | None = None,
    ) -> None:
        self.input_shape = input_shape
        self.classes = classes
        self._operators = [OPERATORS[name] for name in operators]
        self._most = operators_most
        self._widths = sorted(set(settings.widths)) if settings is not None and settings.widths else WIDTHS

    def starts(self) -> list[Start[NetworkGraph]]:
        """Chains of three and more blocks at several widths."""
        return [self._start(width, self._usual_blocks()) for width in self._widths]

    def between(self, narrow: NetworkGraph | None, wide: NetworkGraph) -> Start[NetworkGraph] | None:
        """The chain of the widths in the middle: 2.5 wide, with 3, 5 and 10 channels, between 2 and 3 wide."""
        site = midway(wide, narrow)
        if site is None:
            return None
        graph = OPERATORS["prune"].rewrite(wide, site).child
        widths = [node.attrs["channels"] for node in graph.nodes if node.op == "conv"]
        return Start(graph, _chain_of(len(widths), widths[-1] / 2 ** (len(widths) - 1)))

    def smallest(self) -> list[Start[NetworkGraph]]:
        """Chains of one channel, largest first, down to a single block."""
        return [self._start(1, blocks) for blocks in range(self._usual_blocks(), 0, -1)]

    def mutate(
        self, genotype: NetworkGraph, rng: np.random.Generator, most: int | None = None
    ) -> tuple[NetworkGraph, tuple[Morphism, ...]] | None:
        """One to `most` rewrites, each by an operator drawn uniformly among those that find a site."""
        return self._rewritten(genotype, int(rng.integers(1, (most or self._most) + 1)), rng)

    def random(self, rng: np.random.Generator) -> NetworkGraph:
        """A start network drawn uniformly and 0 to 12 rewrites."""
        starts = self.starts()
        graph = starts[rng.integers(len(starts))].genotype
        steps = int(rng.integers(0, RANDOM_OPERATORS + 1))
        made = self._rewritten(graph, steps, rng) if steps else None
        return graph if made is None else made[0]

    def key(self, genotype: NetworkGraph) -> str:
        """The graph's name-free hash."""
        return graph_hash(genotype)

    def features(self, genotype: NetworkGraph) -> list[float]:
        """Logarithms of parameters, multiply-adds and numbers of nodes of each operation."""
        counts = Counter(node.op for node in genotype.nodes)
        return [math.log10(params(genotype)), math.log10(flops(genotype)), *(math.log1p(counts[op]) for op in OPS)]

    def groups(self) -> list[int]:
        """All are of one kind."""
        return [2 + len(OPS)]

    def _rewritten(
        self, graph: NetworkGraph, steps: int, rng: np.random.Generator
    ) -> tuple[NetworkGraph, tuple[Morphism, ...]] | None:
        records = []
        for _ in range(steps):
            for position in rng.permutation(len(self._operators)):
                operator = self._operators[position]
                drawn = operator.draw(graph, rng)
                if drawn is not None:
                    site, rewrite = drawn
                    records.append(operator.record(graph, site, int(rng.integers(2**31))))
                    graph = rewrite.child
                    break
        return (graph, tuple(records)) if records else None

    def _usual_blocks(self) -> int:
        """Three blocks up to 32 pixels, and one more for each doubling, so that the last map stays small."""
        side = min(self.input_shape[1:])
        return 3 + max(0, int(np.ceil(np.log2(side / 32))))

    def _start(self, width: int, blocks: int) -> Start[NetworkGraph]:
        return Start(chain(self.input_shape, self.classes, width, blocks), _chain_of(blocks, width))


def _chain_of(blocks: int, width: float) -> str:
    return f"chain of {blocks} block{'s' if blocks > 1 else ''}, {width:g} wide"


def chain(input_shape: tuple[int, int, int], classes: int, width: int, blocks: int) -> NetworkGraph:
    """Blocks of 3x3 convolution, batch norm and ReLU, each twice as wide as the last, with max pooling between.

    One channel stays one: the smallest chain there is. Pooling is left out where the map has become a single row or
    column. Global average pooling and a linear layer end the network.
    """
    nodes: list[Node] = []
    source, side = INPUT, min(input_shape[1:])
    for k in range(1, blocks + 1):
        channels = 1 if width == 1 else width * 2 ** (k - 1)
        nodes += [
            Node(f"conv{k}", "conv", (source,), {"channels": channels, "kernel": 3}),
            Node(f"bn{k}", "batch_norm", (f"conv{k}",)),
            Node(f"relu{k}", "relu", (f"bn{k}",)),
        ]
        source = f"relu{k}"
        if k < blocks and side >= 2:
            nodes.append(Node(f"max_pool{k}", "max_pool", (source,), {"kernel": 2}))
            source, side = f"max_pool{k}", side // 2
    nodes += [
        Node("pool1", "global_avg_pool", (source,)),
        Node("flatten1", "flatten", ("pool1",)),
        Node("linear1", "linear", ("flatten1",), {"features": classes}),
    ]
    return NetworkGraph(input_shape, tuple(nodes), "linear1")
