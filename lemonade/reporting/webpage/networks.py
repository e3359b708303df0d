"""A network as blocks to draw: what follows a layer without a branch (batch norm, activation) joins it."""

from __future__ import annotations

from typing import Any

from lemonade import numbers
from lemonade.reporting.network import operation, shape_text
from morphisms import INPUT, NetworkGraph, Node
from morphisms.cost import node_shares
from morphisms.ops.activations import ACTIVATIONS

JOINING = {"batch_norm", "flatten", "dropout", "identity", *(kind.name for kind in ACTIVATIONS)}


def blocks(graph: NetworkGraph) -> list[dict[str, Any]]:
    """Blocks in topological order, the input first.

    Each has ``name`` (of its first node), ``op`` and ``more`` (in words), ``shape`` (behind its last node), ``params``,
    ``share`` (of the flops, percent) and ``from`` (positions of the blocks it reads).
    """
    shares = node_shares(graph)
    groups: list[list[Node]] = []
    place = {INPUT: 0}
    for node in graph.nodes:
        if groups and _joins(graph, node, groups[-1][-1]):
            groups[-1].append(node)
        else:
            groups.append([node])
        place[node.name] = len(groups)
    first = {"name": INPUT, "op": "images, normalised", "more": "", "shape": shape_text(graph.input_shape), "from": []}
    return [first, *[_block(graph, group, shares, place) for group in groups]]


def _joins(graph: NetworkGraph, node: Node, before: Node) -> bool:
    return node.op in JOINING and node.inputs == (before.name,) and len(graph.consumers[before.name]) == 1


def _block(graph: NetworkGraph, group: list[Node], shares: dict[str, float], place: dict[str, int]) -> dict[str, Any]:
    head, *rest = group
    params = sum(graph.facts[node.name].params for node in group)
    return {
        "name": head.name,
        "op": operation(head),
        "more": ", ".join([operation(node) for node in rest]),
        "shape": shape_text(graph.facts[group[-1].name].shape),
        "params": numbers.count(params) if params else "",
        "share": round(100 * sum(shares[node.name] for node in group), 1),
        "from": sorted({place[name] for name in head.inputs}),
    }
