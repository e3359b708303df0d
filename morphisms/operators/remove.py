"""Remove a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from morphisms.channels import Reindex, follow
from morphisms.graph import NetworkGraph
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.operators.places import chain_behind, channel_readers
from morphisms.ops import OPS, Trait
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights

_LAYERS = ("conv", "grouped_conv", "depthwise")


class RemoveLayer(Operator):
    """Remove a convolution with the batch norm and activation behind it. A site is the convolution.

    Whoever read the layer reads its input instead. Where all of them mix channels (convolution, linear), the numbers of
    channels may differ; elsewhere (an add, a depthwise convolution) they have to agree.
    """

    name = "remove_layer"

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for node in graph.nodes:
            if node.op in _LAYERS:
                yield site(node.name)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        node = graph[site.nodes[0]]
        if node.op not in _LAYERS:
            return f"expected a convolution, got {node.op}"
        before, after = graph.shape(node.inputs[0]), graph.shape(node.name)
        if before[1:] != after[1:]:
            return f"it changes height and width, from {before[1:]} to {after[1:]}"
        last = chain_behind(graph, node.name)[-1]
        if last == graph.output:
            return "it is the network's output"
        if before[0] != after[0] and not _foldable(graph, last):
            return f"it changes channels from {before[0]} to {after[0]}, and not everyone who reads it mixes channels"
        return ""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        chain = chain_behind(graph, site.nodes[0])
        return Rewrite(site, graph, graph.bypassing(chain[0], chain[-1]), {"last": chain[-1]})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        from morphisms.weights import carried

        graph, last = rewrite.parent, rewrite.changes["last"]
        before, after = graph.shape(last)[0], graph.shape(graph[rewrite.site.nodes[0]].inputs[0])[0]
        if before == after:
            return carried(rewrite.child, weights, {}, rng)
        position = np.arange(after)
        index = Reindex(np.where(position < before, position, -1), before)
        edges = {
            (node.name, k): index
            for node in graph.consumers[last]
            for k, name in enumerate(node.inputs)
            if name == last
        }
        return carried(rewrite.child, weights, follow(rewrite.child, edges=edges), rng)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.APPROXIMATE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        return f"remove {site.nodes[0]}"


def _foldable(graph: NetworkGraph, last: str) -> bool:
    """Whether all who read a layer mix channels, with nothing on the way whose tensors are by channel."""
    readers = channel_readers(graph, last)
    for (name, _), way in readers.items():
        if OPS[graph[name].op].trait is not Trait.ABSORB:
            return False
        if any(OPS[graph[step].op].tensors(graph[step].attrs, graph.input_shapes(graph[step])) for step in way):
            return False
    return bool(readers)
