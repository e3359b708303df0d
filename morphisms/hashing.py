"""A hash of networks that does not see names: equal for graphs that differ only in the names or order of nodes."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

from morphisms.graph import INPUT, NetworkGraph
from morphisms.ops import OPS

_BITS = 8


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=_BITS).hexdigest()


def graph_hash(graph: NetworkGraph) -> str:
    """32 hexadecimal digits that isomorphic graphs share.

    The hash is over the sorted multiset of the nodes' labels. Nodes with one and the same label can hide a difference
    (which of two equal convolutions feeds which of two equal sums), so each of them is marked in turn and the labels of
    the marked graph are hashed as well; most networks have few such nodes.
    """
    labels = _labels(graph)
    count = Counter(labels)
    found = sorted(labels)
    if len(count) < len(labels):
        tied = [node.name for node, label in zip(graph.nodes, reversed(labels), strict=True) if count[label] > 1]
        found += sorted([_digest(",".join(sorted(_labels(graph, marked=name)))) for name in tied])
    return blake2b(",".join(found).encode(), digest_size=16).hexdigest()


def _labels(graph: NetworkGraph, marked: str = "") -> list[str]:
    """A label for each node, last node first, that does not depend on names.

    Forward, every node gets a Merkle label from its operation and its inputs' labels (sorted where order is without
    meaning). A forward label alone cannot tell add(c, c) from the sum of two equal convolutions, so labels are refined
    once backwards by their readers.
    """
    forward = {INPUT: _digest(repr(graph.input_shape))}
    for node in graph.nodes:
        labels = [forward[name] for name in node.inputs]
        if OPS[node.op].commutative:
            labels.sort()
        mark = "!" if node.name == marked else ""
        forward[node.name] = _digest(f"{mark}{node.signature}|{','.join(labels)}")
    readers: dict[str, list[str]] = {name: [] for name in forward}
    refined = []
    for node in reversed(graph.nodes):
        label = _digest(f"{forward[node.name]}|{','.join(sorted(readers[node.name]))}")
        refined.append(label)
        for position, name in enumerate(node.inputs):
            readers[name].append(label if OPS[node.op].commutative else f"{label}@{position}")
    return refined
