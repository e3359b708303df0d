"""Names for a reader: nodes called by what they do, numbered in order of use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from morphisms.graph import NetworkGraph

_STEMS = {"batch_norm": "norm", "global_avg_pool": "pool", "max_pool": "pool", "avg_pool": "pool", "concat": "cat"}


def names_by_role(graph: NetworkGraph) -> dict[str, str]:
    """A name for each node, in their order: ``conv1``, ``norm1``, ..., and ``head`` for a linear output."""
    counts: Counter[str] = Counter()
    names = {}
    for node in graph.nodes:
        stem = _STEMS.get(node.op, node.op)
        counts[stem] += 1
        is_head = node.name == graph.output and node.op == "linear"
        names[node.name] = "head" if is_head else f"{stem}{counts[stem]}"
    return names


def renamed(graph: NetworkGraph, names: Mapping[str, str]) -> NetworkGraph:
    """The graph with its nodes called otherwise; `names` has one for each, no two alike."""
    nodes = [
        replace(node, name=names[node.name], inputs=tuple([names.get(name, name) for name in node.inputs]))
        for node in graph.nodes
    ]
    return graph.with_nodes(nodes, names[graph.output])
