"""What an operator is, with its contract in one place.

An operator works in two steps. `rewrite` makes the child's graph and touches no tensor, so hundreds of children can be
proposed for each one trained. `transfer` makes the child's weights later, where the parent's lie.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from morphisms.channels import ChannelError
from morphisms.graph import GraphError, NetworkGraph
from morphisms.record import Exactness, Morphism, Parameter, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights


class SiteError(ValueError):
    """A site where an operator cannot act; the message says why."""


@dataclass(frozen=True)
class Rewrite:
    """What a rewrite did, for the transfer to follow.

    Attributes:
        site: Where it acted.
        parent: The graph before.
        child: The graph after.
        changes: Whatever the operator's own transfer needs, such as names of new nodes.
    """

    site: Site
    parent: NetworkGraph
    child: NetworkGraph
    changes: Mapping[str, Any] = field(default_factory=dict)


class Operator(ABC):
    """Base of all operators; stateless, one instance each in `morphisms.operators.OPERATORS`.

    Contract, wrapped here once: `rewrite` refuses a site that `refusal` objects to; the child has the parent's input
    and output shapes; the parent's graph and weights are left as they were.

    Attributes:
        name: What records and settings call it.
        arity: Number of nodes in a site.
        repeats: Whether a site may list several places, `arity` nodes each, which are changed alike.
        parameters: Names and types of a site's parameters.
    """

    name: ClassVar[str]
    arity: ClassVar[int] = 1
    repeats: ClassVar[bool] = False
    parameters: ClassVar[Mapping[str, type]] = {}

    @abstractmethod
    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        """Sites worth trying, cheap to list; some may be refused."""

    @abstractmethod
    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        """Why the operator cannot act at a site of the right form, whose nodes exist; empty if it can."""

    @abstractmethod
    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        """The rewrite at a site that was not refused. GraphError or ChannelError here count as a refusal."""

    @abstractmethod
    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        """The child's weights; see `transfer`."""

    @abstractmethod
    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        """The level kept at that site."""

    @abstractmethod
    def summary(self, graph: NetworkGraph, site: Site) -> str:
        """The rewrite in words, as ``"widen conv3 24 to 36"``."""

    def sites(self, graph: NetworkGraph) -> tuple[Site, ...]:
        """All sites where the operator may act."""
        return tuple(site for site in self.possible_sites(graph) if not self.objection(graph, site))

    def draw(self, graph: NetworkGraph, rng: np.random.Generator) -> tuple[Site, Rewrite] | None:
        """A random site and the rewrite there; None if there is no site. Tries sites in random order."""
        sites = list(self.possible_sites(graph))
        for position in rng.permutation(len(sites)):
            site = sites[position]
            try:
                return site, self.rewrite(graph, site)
            except SiteError:
                continue
        return None

    def objection(self, graph: NetworkGraph, site: Site) -> str:
        """Why the operator cannot act at a site, found out by trying if it has to; empty if it can."""
        try:
            self.rewrite(graph, site)
        except SiteError as error:
            return str(error)
        return ""

    def rewrite(self, graph: NetworkGraph, site: Site) -> Rewrite:
        """The child's graph. No tensor is touched.

        Raises:
            SiteError: if the operator cannot act there, with the reason.
        """
        reason = self._malformed(graph, site) or self.refusal(graph, site)
        if not reason:
            try:
                made = self.apply(graph, site)
            except (GraphError, ChannelError) as error:
                reason = str(error)
            else:
                before, after = graph.shape(graph.output), made.child.shape(made.child.output)
                if before == after:
                    return made
                reason = f"the network's output would change its shape from {before} to {after}"
        raise SiteError(f"{self.name} at {', '.join(site.nodes) or 'the network'}: {reason}")

    def _malformed(self, graph: NetworkGraph, site: Site) -> str:
        """What is wrong with the form of a site; empty if nothing is."""
        count = len(site.nodes)
        if count != self.arity and not (self.repeats and count and count % self.arity == 0):
            return f"expected {self.arity} nodes, got {count}"
        for name in site.nodes:
            if name not in graph:
                return f"the network has no node '{name}'"
        given = dict(site.params)
        if given.keys() != self.parameters.keys():
            return f"expected the parameters {list(self.parameters)}, got {list(given)}"
        for name, kind in self.parameters.items():
            if type(given[name]) is not kind:
                return f"{name}: expected {kind.__name__}, got {given[name]!r}"
        return ""

    def transfer(
        self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None = None
    ) -> Weights:
        """The child's weights; tensors that stay as they are shared with the parent, none is written to.

        Args:
            rewrite: What `rewrite` returned.
            weights: The parent's weights.
            rng: Draws fresh values.
            batch: Calibration images (N, C, H, W), normalised; without them new batch norms start from mean 0 and
                variance 1, channels are chosen by their weights alone, and nothing makes up for a cut.
        """
        if batch is not None:
            batch = batch.to(weights.example)
        child = self.carry(rewrite, weights, rng, batch)
        if batch is not None and self.exactness(rewrite.parent, rewrite.site) is Exactness.APPROXIMATE:
            from morphisms.calibration import reading_other_values, with_batch_statistics
            from morphisms.repair import repaired

            child = repaired(rewrite.parent, weights, rewrite.child, child, batch)
            # running statistics behind a cut are those of another network; elsewhere the parent's are better than new
            norms = reading_other_values(rewrite.parent, weights, rewrite.child, child)
            child = with_batch_statistics(rewrite.child, child, batch, only=norms)
        return child

    def record(self, graph: NetworkGraph, site: Site, seed: int) -> Morphism:
        """The record of acting on `graph` at `site`."""
        return Morphism(self.name, site, seed, self.exactness(graph, site), self.summary(graph, site))


def site(*nodes: str, **params: Parameter) -> Site:
    """A site from node names and parameters."""
    return Site(nodes, tuple(params.items()))
