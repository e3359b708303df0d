"""Questions about places in a network that several operators ask."""

from __future__ import annotations

from collections.abc import Iterator

from morphisms.graph import INPUT, NetworkGraph, Node
from morphisms.ops import OPS, Trait
from morphisms.ops.activations import Activation

_ENDS = {"max_pool", "avg_pool", "add", "concat"}
_KEEPS_RANGE = {"max_pool", "avg_pool", "identity", "dropout"}
NETWORK_ACTIVATION = "relu"


def is_activation(node: Node) -> bool:
    """Whether the node is an activation."""
    return isinstance(OPS[node.op], Activation)


def is_map(graph: NetworkGraph, name: str) -> bool:
    """Whether a node's output is a feature map (C, H, W), other than what the head's pooling leaves."""
    return len(graph.shape(name)) == 3 and graph[name].op != "global_avg_pool"


def block_ends(graph: NetworkGraph) -> Iterator[str]:
    """Nodes where one block ends and the next begins: activations, pools, adds and concats on feature maps."""
    for node in graph.nodes:
        if (is_activation(node) or node.op in _ENDS) and is_map(graph, node.name):
            yield node.name


def bounding_activation(graph: NetworkGraph, name: str) -> str:
    """The idempotent activation that would leave a node's output as it is; empty if there is none.

    Looked for upwards through operations that keep values within the range of their input.
    """
    while name != INPUT:
        node = graph[name]
        kind = OPS[node.op]
        if isinstance(kind, Activation):
            return node.op if kind.idempotent else ""
        # average pooling keeps the range although its padding brings in zeros: 0 lies in both ranges
        if node.op not in _KEEPS_RANGE:
            return ""
        name = node.inputs[0]
    return ""


def usual_activation(graph: NetworkGraph) -> str:
    """The activation a network uses first, or ReLU if it has none."""
    return next((node.op for node in graph.nodes if is_activation(node)), NETWORK_ACTIVATION)


def chain_behind(graph: NetworkGraph, name: str) -> list[str]:
    """The node and the batch norm and activation that follow it, as long as each has one reader."""
    chain = [name]
    while len(chain) <= 2 and len(graph.consumers[chain[-1]]) == 1:
        follower = graph.consumers[chain[-1]][0]
        if not (follower.op == "batch_norm" or is_activation(follower)):
            break
        chain.append(follower.name)
        if is_activation(follower):
            break
    return chain


def convolutions(graph: NetworkGraph) -> list[Node]:
    """Plain convolutions, in order."""
    return [node for node in graph.nodes if node.op == "conv"]


def channel_readers(graph: NetworkGraph, name: str) -> dict[tuple[str, int], list[str]]:
    """Who mixes the channels of a node, reached through operations that act on each channel alone.

    Returns:
        (reader, position among its inputs) of absorbing nodes, to the names of the nodes on the way there. A reader
        that is no absorbing node (a stack, an add) is listed as well; `OPS[..].trait` tells.
    """
    found: dict[tuple[str, int], list[str]] = {}
    open_ends: list[tuple[str, list[str]]] = [(name, [])]
    while open_ends:
        source, way = open_ends.pop()
        for reader in graph.consumers[source]:
            for position, read in enumerate(reader.inputs):
                if read != source:
                    continue
                if OPS[reader.op].trait is Trait.INVARIANT and len(reader.inputs) == 1:
                    open_ends.append((reader.name, [*way, reader.name]))
                else:
                    found[reader.name, position] = way
    return found
