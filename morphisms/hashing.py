"""A hash of networks that does not see names: equal for graphs that differ only in the names or order of nodes."""

from __future__ import annotations

from hashlib import blake2b

from morphisms.graph import INPUT, NetworkGraph
from morphisms.ops import OPS

_BITS = 8


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_BITS).hexdigest()


def graph_hash(graph: NetworkGraph) -> str:
    """32 hexadecimal digits that isomorphic graphs share.

    Forward, every node gets a Merkle label from its operation and its inputs' labels (sorted where order is without
    meaning). A forward label alone cannot tell add(c, c) from the sum of two equal convolutions, so labels are refined
    backwards by their readers, and the hash is over the sorted multiset of refined labels.
    """
    forward = {INPUT: _digest(repr(graph.input_shape))}
    for node in graph.nodes:
        labels = [forward[name] for name in node.inputs]
        if OPS[node.op].commutative:
            labels.sort()
        forward[node.name] = _digest(node.signature + "|" + ",".join(labels))
    readers: dict[str, list[str]] = {name: [] for name in forward}
    readers[graph.output].append("output")
    refined = []
    for node in reversed(graph.nodes):
        label = _digest(forward[node.name] + "|" + ",".join(sorted(readers[node.name])))
        refined.append(label)
        for position, name in enumerate(node.inputs):
            readers[name].append(label if OPS[node.op].commutative else f"{label}@{position}")
    refined.append(",".join(sorted(readers[INPUT])))
    return blake2b(",".join(sorted(refined)).encode(), digest_size=16).hexdigest()
