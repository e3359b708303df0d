"""What a network costs, in closed form; equal to fvcore's counts and thousands of times faster."""

from __future__ import annotations

from morphisms.graph import INPUT, NetworkGraph
from morphisms.ops.base import size

BYTES_PER_VALUE = 4


def params(graph: NetworkGraph) -> int:
    """Number of parameters, add scales included, buffers not; equal to `fvcore.nn.parameter_count`."""
    return sum([facts.params for facts in graph.facts.values()])


def flops(graph: NetworkGraph) -> int:
    """Multiply-adds of one forward pass at batch 1 in eval mode; equal to `fvcore.nn.FlopCountAnalysis(..).total()`.

    Like fvcore it counts convolutions, linear layers, batch norm (2 a value) and global pooling (1 a value), and leaves
    activations, window pooling and additions out.
    """
    return sum([facts.flops for facts in graph.facts.values()])


def activation_bytes(graph: NetworkGraph) -> int:
    """Peak bytes of live float32 activations in one forward pass at batch 1, nodes run in their order.

    A value is live from when it is made until its last reader has run; a node's inputs and output are live together.
    """
    last_reader = {name: position for position, node in enumerate(graph.nodes) for name in node.inputs}
    live = size(graph.input_shape)
    peak = live
    for position, node in enumerate(graph.nodes):
        live += size(graph.shape(node.name))
        peak = max(peak, live)
        live -= sum([size(graph.shape(name)) for name in set(node.inputs) if last_reader[name] == position])
    return peak * BYTES_PER_VALUE


def node_shares(graph: NetworkGraph) -> dict[str, float]:
    """Share of the network's flops by node; all 0 if it has none."""
    total = flops(graph) or 1
    return {name: facts.flops / total for name, facts in graph.facts.items() if name != INPUT}
