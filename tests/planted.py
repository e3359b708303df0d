"""Small networks with planted answers, shared by the tests of operators that shrink."""

from __future__ import annotations

from graphs import images

from morphisms import INPUT, NetworkGraph, Node, Weights, build_module, deviation
from morphisms.inheritance import Child


def conv(name: str, source: str, channels: int = 6, kernel: int = 3, bias: bool = False) -> Node:
    """A convolution that reads `source`."""
    return Node(name, "conv", (source,), {"channels": channels, "kernel": kernel, "bias": bias})


def error(graph: NetworkGraph, weights: Weights, child: Child) -> float:
    """Largest difference between the logits of a network and of its child."""
    batch = images(graph, 9, dtype=weights.example.dtype)
    return deviation(build_module(graph, weights), build_module(child.graph, child.weights), batch)


def in_network(*behind: Node) -> NetworkGraph:
    """A convolution `a` of 6 channels, then what is given, then readers."""
    return NetworkGraph((2, 3, 3), (conv("a", INPUT, bias=True), *behind), behind[-1].name)


GROUPS = {
    "one reader": in_network(Node("r", "relu", ("a",)), conv("z", "r")),
    "two readers": in_network(
        Node("r", "relu", ("a",)), conv("z1", "r"), conv("z2", "a"), Node("o", "add", ("z1", "z2"))
    ),
    "depthwise": in_network(Node("d", "depthwise", ("a",), {"kernel": 3, "bias": True}), conv("z", "d")),
    "norm": in_network(Node("n", "batch_norm", ("a",)), Node("r", "silu", ("n",)), conv("z", "r")),
    "flatten": in_network(
        Node("p", "max_pool", ("a",), {"kernel": 2, "stride": 1}), Node("f", "flatten", ("p",)),
        Node("z", "linear", ("f",), {"features": 3}),
    ),
    "concat of the same twice": in_network(
        Node("r", "relu", ("a",)), Node("c", "concat", ("r", "a", "r")), conv("z", "c")
    ),
    "concat behind another": in_network(conv("b", INPUT, 4), Node("c", "concat", ("b", "a")), conv("z", "c")),
    "add of the same twice": in_network(Node("s", "add", ("a", "a")), conv("z", "s")),
    "residual": in_network(
        Node("r", "relu", ("a",)), conv("z1", "r"), Node("s", "add", ("z1", "a"), {"scaled": True}), conv("z2", "s")
    ),
    "stacks added": in_network(
        conv("b", INPUT, 4), conv("c", INPUT, 6), conv("d", INPUT, 4), Node("x", "concat", ("a", "b")),
        Node("y", "concat", ("c", "d")), Node("s", "add", ("x", "y")), conv("z", "s"),
    ),
}  # fmt: skip
