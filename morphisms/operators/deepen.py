"""Insert a block of convolution, batch norm and activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from morphisms.graph import NetworkGraph, Node
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.operators.places import block_ends, bounding_activation, is_map, usual_activation
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights


class Deepen(Operator):
    """Insert convolution, batch norm and activation behind a node (LEMONADE, after Net2DeeperNet).

    Behind an idempotent activation the block is an identity: a Dirac kernel, a batch norm that passes its input on, and
    the same activation again. Elsewhere that would change the function, so the block becomes a residual one, freshly
    drawn, whose scale starts at zero.
    """

    name = "deepen"
    parameters = {"kernel": int}  # noqa: RUF012  (declared ClassVar in Operator)
    kernels: ClassVar[tuple[int, ...]] = (3, 5)

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for name in block_ends(graph):
            for kernel in self.kernels:
                yield site(name, kernel=kernel)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        if not is_map(graph, site.nodes[0]):
            return f"expected a feature map before the head's pooling, got shape {graph.shape(site.nodes[0])}"
        if site["kernel"] % 2 == 0:
            return f"expected an odd kernel, got {site['kernel']}"
        return ""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        after = site.nodes[0]
        bound = bounding_activation(graph, after)
        activation = bound or usual_activation(graph)
        conv, norm, act, add = graph.fresh_names("conv", "bn", activation, "add")
        block = [
            Node(conv, "conv", (after,), {"channels": graph.shape(after)[0], "kernel": site["kernel"]}),
            Node(norm, "batch_norm", (conv,)),
            Node(act, activation, (norm,)),
        ]
        if not bound:
            block.append(Node(add, "add", (after, act), {"scaled": True}))
        return Rewrite(site, graph, graph.inserting(after, block), {"conv": conv, "norm": norm, "nodes": block})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        import torch

        from morphisms.calibration import identity_norm, training_pass, with_batch_statistics
        from morphisms.weights import carried, fresh_node

        child, conv, norm = rewrite.child, rewrite.changes["conv"], rewrite.changes["norm"]
        new: dict[str, Tensor] = {}
        for node in rewrite.changes["nodes"]:
            new.update(fresh_node(child, node.name, rng, weights.example))
        if rewrite.changes["nodes"][-1].op == "add":
            made = carried(child, weights, {}, rng, new)
            return made if batch is None else with_batch_statistics(child, made, batch, only={norm})
        after = rewrite.site.nodes[0]
        values = training_pass(rewrite.parent, weights, batch, {after})[after] if batch is not None else None
        kernel = torch.zeros_like(new[f"{conv}.weight"])
        new[f"{conv}.weight"] = torch.nn.init.dirac_(kernel)
        eps = float(child[norm].attrs["eps"])
        new.update(identity_norm(norm, values, eps, child.shape(norm)[0], weights.example))
        return carried(child, weights, {}, rng, new)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.TOLERANCE if bounding_activation(graph, site.nodes[0]) else Exactness.BITWISE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        kind = "" if bounding_activation(graph, site.nodes[0]) else "residual "
        return f"deepen after {site.nodes[0]} by a {kind}{site['kernel']}x{site['kernel']} block"
