"""Which channels change together, and where a change of channels arrives.

Two questions, one vocabulary (the traits of `morphisms.ops`): `channel_groups` says which producers have to be resized
together; `follow` carries a re-indexing of channels through the graph to everyone who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morphisms.graph import INPUT, NetworkGraph, Node
from morphisms.ops import OPS, Trait


@dataclass(frozen=True, eq=False)
class Reindex:
    """Where each new channel of an axis comes from.

    Attributes:
        sources: For each new channel its old position, or a negative number for one that is new; shape
            (new channels,). Which negative number is kept on the way, so that it can serve as a label.
        before: Number of old channels.
    """

    sources: NDArray[np.int64]
    before: int

    @classmethod
    def grown(cls, before: int, after: int) -> Reindex:
        """All old channels, then new ones."""
        return cls(np.concatenate([np.arange(before), np.full(after - before, -1)]), before)

    def agrees(self, other: Reindex | None) -> bool:
        """Whether both say the same."""
        return other is not None and self.before == other.before and np.array_equal(self.sources, other.sources)


class ChannelError(ValueError):
    """A change of channels that the network cannot follow; the message names the node."""


@dataclass(frozen=True)
class ChannelGroup:
    """Producers whose output channels are one and the same axis and change together.

    Attributes:
        producers: Names of convolutions and linear layers, in topological order.
        size: Number of channels.
        fixed: Why it cannot change; empty if it can.
    """

    producers: tuple[str, ...]
    size: int
    fixed: str


class _Groups:
    """Union-find over producers, with a reason on the groups that cannot change."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.fixed: dict[str, str] = {}

    def find(self, name: str) -> str:
        while self.parent.setdefault(name, name) != name:
            name = self.parent[name]
        return name

    def join(self, a: str, b: str) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self.parent[b] = a
            if b in self.fixed:
                self.fixed.setdefault(a, self.fixed.pop(b))

    def fix(self, name: str, reason: str) -> None:
        self.fixed.setdefault(self.find(name), reason)


def channel_groups(graph: NetworkGraph) -> tuple[ChannelGroup, ...]:
    """The groups of a graph, in the order of their first producer; a group is fixed if it reaches what cannot change.

    Fixed are the channels of the network's input and output, those of grouped convolutions, and those added to a
    stack of other cut.
    """
    groups = _Groups()
    groups.fix(INPUT, "they are the network's input")
    layout: dict[str, tuple[tuple[str, int], ...]] = {INPUT: ((INPUT, graph.input_shape[0]),)}
    for node in graph.nodes:
        trait = OPS[node.op].trait
        if trait in (Trait.ABSORB, Trait.FIXED):
            layout[node.name] = ((node.name, graph.shape(node.name)[0]),)
            groups.find(node.name)
            if trait is Trait.FIXED:
                for name, _ in (*layout[node.name], *layout[node.inputs[0]]):
                    groups.fix(name, f"they are tied to {node.op} '{node.name}'")
        elif trait is Trait.STACK:
            layout[node.name] = tuple([part for name in node.inputs for part in layout[name]])
        else:
            layout[node.name] = _joined(node, layout, groups)
    for name, _ in layout[graph.output]:
        groups.fix(name, "they are the network's output")
    members: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.name in groups.parent:
            members.setdefault(groups.find(node.name), []).append(node.name)
    return tuple(
        ChannelGroup(tuple(names), graph.shape(names[0])[0], groups.fixed.get(root, ""))
        for root, names in members.items()
    )


def _joined(
    node: Node, layout: Mapping[str, tuple[tuple[str, int], ...]], groups: _Groups
) -> tuple[tuple[str, int], ...]:
    """Layout behind an invariant operation; the inputs of an add become one group, part by part."""
    first, *others = [layout[name] for name in node.inputs]
    for other in others:
        if [width for _, width in other] == [width for _, width in first]:
            for (a, _), (b, _) in zip(first, other, strict=True):
                groups.join(a, b)
        else:
            for name, _ in (*first, *other):
                groups.fix(name, f"'{node.name}' adds stacks of different cut")
    return first


def follow(
    graph: NetworkGraph,
    nodes: Mapping[str, Reindex] | None = None,
    edges: Mapping[tuple[str, int], Reindex] | None = None,
) -> dict[str, tuple[list[Reindex | None], Reindex | None]]:
    """Carry changes of channels through a graph.

    Args:
        graph: The graph *after* the change.
        nodes: New channels of nodes' outputs, by node name.
        edges: New channels of single reads, by (reader, position among its inputs).

    Returns:
        For each node that the change touches, the index of each input and of the output; None where nothing changed.

    Raises:
        ChannelError: where the change meets an operation that cannot follow, or the network's output.
    """
    nodes, edges = nodes or {}, edges or {}
    out: dict[str, Reindex | None] = {INPUT: None}
    touched = {}
    for node in graph.nodes:
        inputs = [edges.get((node.name, position), out[name]) for position, name in enumerate(node.inputs)]
        result = nodes[node.name] if node.name in nodes else _through(graph, node, inputs)
        out[node.name] = result
        if result is not None or any(index is not None for index in inputs):
            touched[node.name] = (inputs, result)
    if out[graph.output] is not None:
        raise ChannelError(f"the change would reach the network's output '{graph.output}'")
    return touched


def _through(graph: NetworkGraph, node: Node, inputs: list[Reindex | None]) -> Reindex | None:
    """Index of a node's output, given those of its inputs."""
    trait = OPS[node.op].trait
    if trait is Trait.ABSORB or all(index is None for index in inputs):
        return None
    if trait is Trait.FIXED:
        raise ChannelError(f"{node.op} '{node.name}' cannot take other channels")
    if trait is Trait.STACK:
        return _stacked(graph, node, inputs)
    first = inputs[0]
    if first is None or not all(first.agrees(other) for other in inputs):
        raise ChannelError(f"the inputs of {node.op} '{node.name}' would no longer match")
    repeat = graph.shape(node.name)[0] // graph.shape(node.inputs[0])[0]
    if repeat == 1:
        return first
    # flatten: each channel becomes as many features as the map has pixels
    spread = first.sources[:, None] * repeat + np.arange(repeat)
    return Reindex(
        np.where(first.sources[:, None] < 0, first.sources[:, None], spread).reshape(-1), first.before * repeat
    )


def _stacked(graph: NetworkGraph, node: Node, inputs: list[Reindex | None]) -> Reindex:
    parts, before = [], 0
    for name, given in zip(node.inputs, inputs, strict=True):
        width = graph.shape(name)[0]
        index = given if given is not None else Reindex(np.arange(width), width)
        parts.append(np.where(index.sources < 0, index.sources, index.sources + before))
        before += index.before
    return Reindex(np.concatenate(parts), before)
