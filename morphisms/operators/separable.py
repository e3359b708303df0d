"""Replace a convolution by a depthwise separable one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from morphisms.graph import NetworkGraph, Node
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.operators.places import convolutions
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights


class Separable(Operator):
    """Replace a k x k convolution by a depthwise k x k and a 1x1 convolution. A site is the convolution.

    The kernel is split by singular value decomposition: for each input channel the (filters, k * k) matrix of its
    taps is approximated by its leading pair of singular vectors, the best fit of rank one.
    """

    name = "separable"

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for node in convolutions(graph):
            yield site(node.name)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        node = graph[site.nodes[0]]
        if node.op != "conv":
            return f"expected a convolution, got {node.op}"
        taps, filters = int(node.attrs["kernel"]) ** 2, int(node.attrs["channels"])
        if taps + filters >= taps * filters:
            return f"it would save nothing: kernel {node.attrs['kernel']}, {filters} filters"
        return ""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        node = graph[site.nodes[0]]
        (name,) = graph.fresh_names("depthwise")
        depthwise = Node(name, "depthwise", node.inputs, {k: node.attrs[k] for k in ("kernel", "stride")})
        pointwise = replace(node, inputs=(name,), attrs={**node.attrs, "kernel": 1, "stride": 1})
        nodes: list[Node] = []
        for other in graph.nodes:
            nodes.extend([depthwise, pointwise] if other is node else [other])
        return Rewrite(site, graph, graph.with_nodes(nodes), {"depthwise": name})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        import torch

        from morphisms.weights import carried

        name, depthwise = rewrite.site.nodes[0], rewrite.changes["depthwise"]
        kernel = weights[f"{name}.weight"]
        filters, channels, side, _ = kernel.shape
        matrices = kernel.transpose(0, 1).reshape(channels, filters, side * side)
        left, strength, right = torch.linalg.svd(matrices, full_matrices=False)
        root = strength[:, :1].sqrt()
        new = {
            f"{depthwise}.weight": (right[:, 0] * root).reshape(channels, 1, side, side).contiguous(),
            f"{name}.weight": (left[:, :, 0] * root).T.reshape(filters, channels, 1, 1).contiguous(),
        }
        return carried(rewrite.child, weights, {}, rng, new)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.APPROXIMATE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        return f"make {site.nodes[0]} depthwise separable"
