"""Add and remove skip connections, by weighted sum and by concatenation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from morphisms.channels import Reindex, follow
from morphisms.graph import INPUT, NetworkGraph, Node, without_unread
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.operators.places import block_ends, channel_readers, is_map
from morphisms.ops import OPS, Trait
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights


_HOMOGENEOUS = {"relu", "max_pool", "avg_pool", "global_avg_pool", "flatten", "dropout", "identity"}


class AddSkip(Operator):
    """Join an earlier output to a later one by a learned weighted sum that starts at (1, 0): LEMONADE's convex skip.

    Where shapes differ, the earlier one passes a projection of 1x1 convolution (strided if need be) and batch norm.
    A site is (earlier, later).
    """

    name = "add_skip"
    arity = 2

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        yield from _pairs(graph)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        early, late = site.nodes
        reason = _pair_refusal(graph, early, late)
        if not reason and _stride(graph, early, late) is None:
            reason = f"no stride takes {graph.shape(early)} to {graph.shape(late)}"
        return reason

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        early, late = site.nodes
        conv, norm, add = graph.fresh_names("conv", "bn", "add")
        projection: list[Node] = []
        source = early
        if graph.shape(early) != graph.shape(late):
            stride = _stride(graph, early, late)
            assert stride is not None
            attrs = {"channels": graph.shape(late)[0], "kernel": 1, "stride": stride}
            projection = [Node(conv, "conv", (early,), attrs), Node(norm, "batch_norm", (conv,))]
            source = norm
        nodes = [*projection, Node(add, "add", (late, source), {"scaled": True})]
        return Rewrite(site, graph, graph.inserting(late, nodes), {"nodes": nodes, "norm": norm})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        from morphisms.calibration import with_batch_statistics
        from morphisms.weights import carried, fresh_node

        new: dict[str, Tensor] = {}
        for node in rewrite.changes["nodes"]:
            new.update(fresh_node(rewrite.child, node.name, rng, weights.example))
        child = carried(rewrite.child, weights, {}, rng, new)
        if batch is None or len(rewrite.changes["nodes"]) == 1:
            return child
        return with_batch_statistics(rewrite.child, child, batch, only={rewrite.changes["norm"]})

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.BITWISE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        early, late = site.nodes
        how = "" if graph.shape(early) == graph.shape(late) else ", projected"
        return f"skip {early} to {late} by addition{how}"


class ConcatSkip(Operator):
    """Append an earlier output's channels to a later one of the same height and width.

    Who reads them starts with zeros there (NASH, type II). A site is (earlier, later).
    """

    name = "concat_skip"
    arity = 2

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for pair in _pairs(graph):
            if graph.shape(pair.nodes[0])[1:] == graph.shape(pair.nodes[1])[1:]:
                yield pair

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        early, late = site.nodes
        reason = _pair_refusal(graph, early, late)
        if not reason and graph.shape(early)[1:] != graph.shape(late)[1:]:
            reason = f"height and width differ: {graph.shape(early)} and {graph.shape(late)}"
        return reason

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        early, late = site.nodes
        (name,) = graph.fresh_names("concat")
        child = graph.inserting(late, [Node(name, "concat", (late, early))])
        old, new = graph.shape(late)[0], child.shape(name)[0]
        return Rewrite(site, graph, child, {"follow": follow(child, nodes={name: Reindex.grown(old, new)})})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        from morphisms.weights import carried

        return carried(rewrite.child, weights, rewrite.changes["follow"], rng)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.TOLERANCE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        return f"skip {site.nodes[0]} to {site.nodes[1]} by concatenation"


class RemoveSkip(Operator):
    """Take one input, not the deepest, away from an add or concat. A site is the merge and the input's position.

    Where one input of a scaled add remains, its scale moves into the weights of the readers that can take it; batch
    norms level it out by themselves.
    """

    name = "remove_skip"
    parameters = {"position": int}  # noqa: RUF012  (declared ClassVar in Operator)

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for node in graph.nodes:
            if node.op in ("add", "concat"):
                for position in range(len(node.inputs)):
                    yield site(node.name, position=position)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        node, position = graph[site.nodes[0]], site["position"]
        if node.op not in ("add", "concat"):
            return f"expected an add or concat, got {node.op}"
        if not 0 <= position < len(node.inputs):
            return f"it has inputs 0 to {len(node.inputs) - 1}, got {position}"
        depths = _depths(graph)
        at_input = [depths[name] for name in node.inputs]
        if position == int(np.argmax(at_input)):
            return f"input {position} is its main path, not a skip"
        return ""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        node, position = graph[site.nodes[0]], site["position"]
        remaining = tuple(name for k, name in enumerate(node.inputs) if k != position)
        if len(remaining) > 1:
            nodes = [replace(other, inputs=remaining) if other is node else other for other in graph.nodes]
            output = graph.output
        else:
            nodes = [other.reading(node.name, remaining[0]) for other in graph.nodes if other is not node]
            output = remaining[0] if graph.output == node.name else graph.output
        child = without_unread(graph.input_shape, nodes, output)
        return Rewrite(site, graph, child, {"follow": self._changes(graph, child, node, position)})

    def _changes(
        self, graph: NetworkGraph, child: NetworkGraph, node: Node, position: int
    ) -> dict[str, tuple[list[Reindex | None], Reindex | None]]:
        """What a shorter concat means for its readers; an add keeps its channels."""
        if node.op == "add":
            return {}
        widths = [shape[0] for shape in graph.input_shapes(node)]
        start = sum(widths[:position])
        kept = np.delete(np.arange(sum(widths)), slice(start, start + widths[position]))
        index = Reindex(kept, sum(widths))
        if node.name in child:
            return follow(child, nodes={node.name: index})
        reads = {
            (reader.name, k): index
            for reader in graph.consumers[node.name]
            for k, name in enumerate(reader.inputs)
            if name == node.name
        }
        return follow(child, edges=reads)

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        from morphisms.weights import carried

        name, position = rewrite.site.nodes[0], rewrite.site["position"]
        new: dict[str, Tensor] = {}
        if f"{name}.scale" in weights:
            scale = weights[f"{name}.scale"]
            kept = scale[[k for k in range(len(scale)) if k != position]]
            new = (
                {f"{name}.scale": kept}
                if name in rewrite.child
                else _scaled_readers(rewrite.parent, weights, name, kept)
            )
        return carried(rewrite.child, weights, rewrite.changes["follow"], rng, new)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.APPROXIMATE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        return f"remove skip from {graph[site.nodes[0]].inputs[site['position']]} to {site.nodes[0]}"


def _scaled_readers(graph: NetworkGraph, weights: Weights, name: str, factor: Tensor) -> dict[str, Tensor]:
    """Tensors of those who read a node, times a factor of shape (1,), where that is the same as scaling the node."""
    new: dict[str, Tensor] = {}
    if float(factor) <= 0:
        return new
    for (reader, position), way in channel_readers(graph, name).items():
        if any(graph[step].op not in _HOMOGENEOUS for step in way):
            continue
        if OPS[graph[reader].op].trait is Trait.ABSORB:
            new[f"{reader}.weight"] = weights[f"{reader}.weight"] * factor
        elif f"{reader}.scale" in weights:
            scale = new.get(f"{reader}.scale", weights[f"{reader}.scale"]).clone()
            scale[position] *= factor[0]
            new[f"{reader}.scale"] = scale
    return new


def _pairs(graph: NetworkGraph) -> Iterator[Site]:
    """(earlier, later) ends of blocks."""
    ends = list(block_ends(graph))
    for k, late in enumerate(ends):
        for early in ends[:k]:
            yield site(early, late)


def _pair_refusal(graph: NetworkGraph, early: str, late: str) -> str:
    for name in (early, late):
        if not is_map(graph, name):
            return f"'{name}': expected a feature map before the head's pooling, got shape {graph.shape(name)}"
    names = list(graph.by_name)
    if names.index(early) >= names.index(late):
        return f"'{early}' is not before '{late}'"
    if early in graph[late].inputs and graph[late].op in ("add", "concat"):
        return f"'{late}' merges '{early}' already"
    return ""


def _stride(graph: NetworkGraph, early: str, late: str) -> int | None:
    """Stride of a 1x1 convolution from one height and width to the other; None if there is none."""
    (_, height, width), (_, to_height, to_width) = graph.shape(early), graph.shape(late)
    for stride in range(1, max(height, width) + 1):
        if (-(-height // stride), -(-width // stride)) == (to_height, to_width):
            return stride
    return None


def _depths(graph: NetworkGraph) -> dict[str, int]:
    """Number of nodes on the longest path from the input to each node."""
    depths = {INPUT: 0}
    for node in graph.nodes:
        depths[node.name] = 1 + max(depths[name] for name in node.inputs)
    return depths
