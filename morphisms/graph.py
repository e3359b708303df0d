"""Networks as values: frozen nodes in topological order, checked when made, never changed.

An edit returns a new graph that shares the nodes it left alone. No tensor is involved: weights are kept beside the
graph, under ``"node.parameter"`` (see `morphisms.weights`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from morphisms.ops import OPS, Attrs, Shape
from morphisms.shapes import NodeFacts, node_facts

INPUT = "input"
"""Name under which nodes read the network's input."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class GraphError(ValueError):
    """A graph that cannot be: the message names the node, what was expected and what was found."""


@dataclass(frozen=True)
class Node:
    """One operation in a network.

    Attributes:
        name: Unique within the graph; the first part of its tensors' names.
        op: Name of an operation in `morphisms.ops.OPS`.
        inputs: Names of the nodes it reads, or `INPUT`.
        attrs: The operation's attributes; those left out take their defaults. Not to be changed.

    Raises:
        GraphError: for an unknown operation, a wrong number of inputs, or attributes that are missing, unknown or
            without meaning.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: Attrs = field(default_factory=dict, hash=False)
    signature: str = field(init=False, compare=False, repr=False)
    attr_items: tuple[tuple[str, float], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        kind = OPS.get(self.op)
        if kind is None:
            raise GraphError(f"node '{self.name}': unknown operation '{self.op}'. Known: {', '.join(OPS)}")
        if not _NAME.fullmatch(self.name) or self.name == INPUT:
            raise GraphError(f"node '{self.name}': expected a name of letters, digits and _ other than '{INPUT}'")
        attrs = {**kind.defaults, **self.attrs}
        allowed = {*kind.required, *kind.defaults}
        if attrs.keys() != allowed:
            raise GraphError(f"node '{self.name}': {self.op} has the attributes {sorted(allowed)}, got {sorted(attrs)}")
        try:
            kind.check(attrs)
        except (ValueError, TypeError) as error:
            raise GraphError(f"node '{self.name}' ({self.op}): {error}") from None
        least, most = kind.inputs
        if len(self.inputs) < least or (most is not None and len(self.inputs) > most):
            wanted = f"{least}" if least == most else f"{least} or more"
            raise GraphError(f"node '{self.name}': {self.op} takes {wanted} inputs, got {len(self.inputs)}")
        items = tuple(sorted(attrs.items()))
        object.__setattr__(self, "attrs", attrs)
        object.__setattr__(self, "attr_items", items)
        # repr tells 1 from 1.0 and True, which a dict key would not
        told = [f",{key}={value!r}" for key, value in items if key not in kind.later or value != kind.defaults[key]]
        object.__setattr__(self, "signature", self.op + "".join(told))

    def reading(self, old: str, new: str) -> Node:
        """The node with every read of `old` turned to `new`; itself if it does not read `old`."""
        if old not in self.inputs:
            return self
        return replace(self, inputs=tuple([new if name == old else name for name in self.inputs]))


@dataclass(frozen=True)
class NetworkGraph:
    """A network: nodes in topological order and which of them is the output.

    Attributes:
        input_shape: (channels, height, width).
        nodes: Every node reads only `INPUT` or nodes before it, and is read on a path to the output.
        output: Name of the node whose value the network returns; by the above the last one, which nothing reads.

    Raises:
        GraphError: at construction, naming the node that does not fit.
    """

    input_shape: Shape
    nodes: tuple[Node, ...]
    output: str
    facts: Mapping[str, NodeFacts] = field(init=False, compare=False, repr=False)
    """Shape and cost by node name, the input included."""

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3 or not all(type(size) is int and size > 0 for size in self.input_shape):
            raise GraphError(f"input shape: expected (channels, height, width), got {self.input_shape}")
        facts = {INPUT: NodeFacts(self.input_shape, 0, 0)}
        read = {self.output}
        for node in self.nodes:
            if node.name in facts:
                raise GraphError(f"node '{node.name}': the name is used twice")
            for name in node.inputs:
                if name not in facts:
                    raise GraphError(f"node '{node.name}': its input '{name}' is no node before it")
            try:
                inputs = tuple([facts[name].shape for name in node.inputs])
                facts[node.name] = node_facts(node.op, node.signature, node.attr_items, inputs)
            except ValueError as error:
                raise GraphError(f"node '{node.name}' ({node.op}): {error}") from None
            read.update(node.inputs)
        if self.output not in facts or self.output == INPUT:
            raise GraphError(f"output: there is no node '{self.output}'")
        if len(read - {INPUT}) < len(self.nodes):
            unread = next(node.name for node in self.nodes if node.name not in read)
            raise GraphError(f"node '{unread}': nothing reads it; remove it with `without_unread`")
        object.__setattr__(self, "facts", facts)

    def __getitem__(self, name: str) -> Node:
        """The node of that name; KeyError if there is none."""
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that read each node (and `INPUT`), in order; a node that reads twice is listed once."""
        found: dict[str, list[Node]] = {name: [] for name in self.facts}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def shape(self, name: str) -> Shape:
        """Output shape of a node (or `INPUT`) without the batch dimension."""
        return self.facts[name].shape

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """Shapes that a node reads."""
        return tuple([self.facts[name].shape for name in node.inputs])

    def fresh_names(self, *stems: str) -> list[str]:
        """A name for each stem that no node has: the stem and its next number, as ``"conv4"`` or ``"relu6_1"``."""
        stems = tuple([f"{stem}_" if stem[-1].isdigit() else stem for stem in stems])
        last: dict[str, int] = {}
        for name in self.by_name:
            stem = name.rstrip("0123456789")
            last[stem] = max(last.get(stem, 0), int(name[len(stem) :] or 0))
        names = []
        for stem in stems:
            last[stem] = last.get(stem, 0) + 1
            names.append(f"{stem}{last[stem]}")
        return names

    # Pure edits ----------------------------------------------------------------------------------------------------

    def with_nodes(self, nodes: Iterable[Node], output: str | None = None) -> NetworkGraph:
        """The same input with other nodes, given in topological order."""
        return NetworkGraph(self.input_shape, tuple(nodes), self.output if output is None else output)

    def replacing(self, *changed: Node) -> NetworkGraph:
        """The graph with nodes of the same names replaced."""
        new = {node.name: node for node in changed}
        return self.with_nodes([new.get(node.name, node) for node in self.nodes])

    def inserting(self, after: str, nodes: Sequence[Node], reroute: bool = True) -> NetworkGraph:
        """The graph with `nodes` placed behind the node `after`.

        With `reroute`, whatever read `after` (being the output counts) reads the last of `nodes` instead.
        """
        last = nodes[-1].name
        out: list[Node] = []
        for node in self.nodes:
            # inserted nodes stand right behind `after`, so everything later is an old reader
            out.append(node.reading(after, last) if reroute else node)
            if node.name == after:
                out.extend(nodes)
        return self.with_nodes(out, last if reroute and self.output == after else self.output)

    def bypassing(self, first: str, last: str) -> NetworkGraph:
        """The graph without the chain from `first` to `last`: readers of `last` read the input of `first` instead.

        Nodes that nothing reads any more are dropped.
        """
        source = self[first].inputs[0]
        output = source if self.output == last else self.output
        return without_unread(self.input_shape, [node.reading(last, source) for node in self.nodes], output)


def without_unread(input_shape: Shape, nodes: Sequence[Node], output: str) -> NetworkGraph:
    """A graph of those nodes, in topological order, that lie on a path to the output."""
    kept: list[Node] = []
    read = {output}
    for node in reversed(nodes):
        if node.name in read:
            kept.append(node)
            read.update(node.inputs)
    return NetworkGraph(input_shape, tuple(reversed(kept)), output)
