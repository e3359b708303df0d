"""Random networks, weights and chains of operators, shared by the tests of `morphisms` and of what builds on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from morphisms import INPUT, OPERATORS, GraphError, NetworkGraph, Node, Weights, flops, params
from morphisms.graph import without_unread
from morphisms.record import Morphism
from morphisms.weights import tensor_specs

ACTIVATIONS = ("relu", "relu6", "silu", "gelu", "hard_swish")
MAP_OPS = (
    "conv",
    *ACTIVATIONS,
    "batch_norm",
    "max_pool",
    "avg_pool",
    "depthwise",
    "grouped_conv",
    "add",
    "concat",
    "dropout",
    "identity",
    "zero",
)
HEADS = ("global", "flatten", "two_linear", "pooled_conv", "none")
MOST_CHANNELS = 24


class Builder:
    """A network that grows node by node; names are made from the operation."""

    def __init__(self, input_shape: tuple[int, int, int]) -> None:
        self.input_shape = input_shape
        self.nodes: list[Node] = []
        self.last = INPUT
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: input_shape}

    def add(self, op: str, *inputs: str, **attrs: float) -> str:
        """Append a node that reads `inputs` (by default the last one) and return its name."""
        name = f"{op}_{len(self.nodes) + 1}"
        node = Node(name, op, inputs or (self.last,), attrs)
        graph = without_unread(self.input_shape, [*self.nodes, node], name)  # GraphError if it does not fit
        self.nodes.append(node)
        self.shapes[name] = graph.shape(name)
        self.last = name
        return name

    def graph(self) -> NetworkGraph:
        """The network that ends in the last node."""
        return without_unread(self.input_shape, self.nodes, self.last)


@st.composite
def graphs(draw: st.DrawFn, most: int = 12, heads: Sequence[str] = HEADS) -> NetworkGraph:
    """Valid networks of up to about `most` nodes and a head, over all operations."""
    side = st.sampled_from((8, 5, 7, 4, 9, 3, 2, 1))
    build = Builder((draw(st.integers(1, 3)), draw(side), draw(side)))
    build.add("conv", channels=draw(st.integers(1, 6)), kernel=draw(st.sampled_from((3, 1, 5, 7))))
    for _ in range(draw(st.integers(0, most))):
        maps = [name for name, shape in build.shapes.items() if len(shape) == 3]
        source = draw(st.sampled_from(maps)) if draw(st.integers(0, 3)) == 0 else build.last
        try:
            _add_map_node(draw, build, draw(st.sampled_from(MAP_OPS)), source)
        except GraphError:  # a window that does not fit on the map
            continue
    _merge_loose_ends(build)
    _add_head(draw, build, draw(st.sampled_from(heads)))
    return build.graph()


def _add_map_node(draw: st.DrawFn, build: Builder, op: str, source: str) -> None:
    channels = build.shapes[source][0]
    kernel, stride = st.sampled_from((3, 1, 5, 7)), st.sampled_from((1, 1, 2, 3))
    if op == "conv":
        build.add(op, source, channels=draw(st.integers(1, 8)), kernel=draw(kernel), stride=draw(stride),
                  bias=draw(st.booleans()))  # fmt: skip
    elif op == "depthwise":
        build.add(op, source, kernel=draw(kernel), stride=draw(stride), dilation=draw(st.sampled_from((1, 1, 2))),
                  bias=draw(st.booleans()))  # fmt: skip
    elif op == "grouped_conv":
        groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        build.add(op, source, channels=groups * draw(st.integers(1, 3)), kernel=draw(kernel), groups=groups,
                  bias=draw(st.booleans()))  # fmt: skip
    elif op == "max_pool":
        build.add(op, source, kernel=draw(st.integers(1, 5)), stride=draw(st.integers(1, 3)))
    elif op == "avg_pool":
        build.add(op, source, kernel=draw(st.integers(1, 5)), stride=draw(st.integers(1, 3)),
                  count_include_pad=draw(st.booleans()))  # fmt: skip
    elif op == "add":
        alike = [name for name, shape in build.shapes.items() if shape == build.shapes[source]]
        others = draw(st.lists(st.sampled_from(alike), max_size=2))
        build.add(op, source, *others, scaled=draw(st.booleans()))
    elif op == "concat":
        fits = [name for name, shape in build.shapes.items() if shape[1:] == build.shapes[source][1:]]
        others = draw(st.lists(st.sampled_from(fits), min_size=1, max_size=2))
        if channels + sum(build.shapes[name][0] for name in others) <= MOST_CHANNELS:
            build.add(op, source, *others)
    elif op == "dropout":
        build.add(op, source, p=draw(st.sampled_from((0.2, 0.5))))
    elif op == "batch_norm":
        build.add(op, source, eps=draw(st.sampled_from((1e-5, 1e-3))))
    else:
        build.add(op, source)


def _merge_loose_ends(build: Builder) -> None:
    """Read what nothing reads, where height and width allow it; the rest is dropped."""
    read = {name for node in build.nodes for name in node.inputs}
    size = build.shapes[build.last][1:]
    loose = [node.name for node in build.nodes if node.name not in read and node.name != build.last]
    loose = [name for name in loose if build.shapes[name][1:] == size]
    if loose and sum(build.shapes[name][0] for name in (*loose, build.last)) <= MOST_CHANNELS:
        build.add("concat", build.last, *loose)


def _add_head(draw: st.DrawFn, build: Builder, head: str) -> None:
    if head == "none":
        return
    if head in ("global", "pooled_conv"):
        build.add("global_avg_pool")
    if head == "pooled_conv":
        build.add("conv", channels=3, kernel=1, bias=True)
    build.add("flatten")
    if head == "two_linear":
        build.add("linear", features=draw(st.integers(2, 6)), bias=draw(st.booleans()))
        build.add(draw(st.sampled_from(ACTIVATIONS)))
    if head != "pooled_conv":
        build.add("linear", features=4, bias=draw(st.booleans()))


def random_weights(graph: NetworkGraph, seed: int, dtype: torch.dtype = torch.float32) -> Weights:
    """Weights as after training: no tensor at its initial value, batch norms with statistics of their own."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Tensor] = {}
    for node in graph.nodes:
        for param, spec in tensor_specs(graph, node).items():
            if spec.init == "normal":
                values = rng.standard_normal(spec.shape) * np.sqrt(spec.gain / np.prod(spec.shape[1:]))
            elif param == "running_var":
                values = rng.uniform(0.3, 2.0, spec.shape)
            elif node.op == "batch_norm" and param == "weight":
                values = rng.uniform(0.5, 1.5, spec.shape) * rng.choice([1.0, 1.0, 1.0, -1.0], spec.shape)
            elif param == "scale":
                values = rng.uniform(0.3, 1.2, spec.shape)
            else:
                values = rng.standard_normal(spec.shape) * 0.3
            tensors[f"{node.name}.{param}"] = torch.from_numpy(np.asarray(values)).to(dtype)
    return Weights(tensors)


def images(graph: NetworkGraph, seed: int = 0, count: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal noise in the network's input shape, (count, C, H, W)."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, *graph.input_shape))).to(dtype)


def seeds() -> st.SearchStrategy[int]:
    """Seeds of random generators."""
    return st.integers(0, 2**32 - 1)


def random_chain(
    graph: NetworkGraph, rng: np.random.Generator, count: int, operators: Sequence[str], most_params: int = 60_000
) -> tuple[NetworkGraph, list[Morphism]]:
    """The graph after up to `count` random rewrites in a row, and their records; children that grow too large are
    passed over."""
    records: list[Morphism] = []
    for _ in range(4 * count):
        if len(records) == count:
            break
        operator = OPERATORS[operators[rng.integers(len(operators))]]
        drawn = operator.draw(graph, rng)
        if drawn is None:
            continue
        site, rewrite = drawn
        if params(rewrite.child) > most_params or flops(rewrite.child) > 20 * most_params:
            continue
        records.append(operator.record(graph, site, int(rng.integers(2**31))))
        graph = rewrite.child
    return graph, records


def chain_network(side: int = 8, widths: Sequence[int] = (8, 8, 12), activation: str = "relu") -> NetworkGraph:
    """Blocks of 3x3 convolution, batch norm and activation, then global pooling and a linear layer; names are
    conv1, bn1, act1, conv2, ..., pool, flat, fc."""
    nodes: list[Node] = []
    last = INPUT
    for k, width in enumerate(widths, start=1):
        nodes += [
            Node(f"conv{k}", "conv", (last,), {"channels": width, "kernel": 3}),
            Node(f"bn{k}", "batch_norm", (f"conv{k}",)),
            Node(f"act{k}", activation, (f"bn{k}",)),
        ]
        last = f"act{k}"
    nodes += [
        Node("pool", "global_avg_pool", (last,)),
        Node("flat", "flatten", ("pool",)),
        Node("fc", "linear", ("flat",), {"features": 5}),
    ]
    return NetworkGraph((3, side, side), tuple(nodes), "fc")
