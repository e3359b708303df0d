"""Leave the network as it is, to be trained further."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from morphisms.graph import NetworkGraph
from morphisms.operators.base import Operator, Rewrite
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights


class Continue(Operator):
    """The empty morphism: the child is its parent, trained further (as NASH keeps the best network among children)."""

    name = "continue"
    arity = 0

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        yield Site()

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        return ""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        return Rewrite(site, graph, graph)

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        return weights

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.BITWISE

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        return "train further"
