"""More or fewer channels: widen (exact) and prune (approximate), through whole channel groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from morphisms.channels import ChannelGroup, Reindex, channel_groups, follow
from morphisms.graph import NetworkGraph, Node
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights

LEAST_CHANNELS = 2


class Resize(Operator):
    """Base of widen and prune. A site is one producer of the group and the new number of channels.

    Several groups, a producer each, are changed in proportion to the first.
    """

    repeats = True
    parameters = {"channels": int}  # noqa: RUF012  (declared ClassVar in Operator)

    @abstractmethod
    def sizes(self, before: int) -> list[int]:
        """New sizes worth trying for a group."""

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for group in channel_groups(graph):
            if not group.fixed:
                for channels in self.sizes(group.size):
                    yield site(group.producers[0], channels=channels)

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        groups = _groups(graph, site)
        if groups is None:
            return "expected a convolution or linear layer, which alone choose their number of channels"
        if len(set(groups)) < len(groups):
            return "expected a producer of each group once"
        for group in groups:
            if group.fixed:
                return f"its channels cannot change: {group.fixed}"
            if site["channels"] * group.size % groups[0].size:
                return f"{group.size} channels cannot change in proportion, from {groups[0].size} to {site['channels']}"
            if reason := self.size_refusal(group.size, _size(group, groups[0], site)):
                return reason
        return ""

    @abstractmethod
    def size_refusal(self, before: int, after: int) -> str:
        """Why a group cannot get that size; empty if it can."""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        groups = _groups(graph, site) or []
        sizes = [_size(group, groups[0], site) for group in groups]
        changed = [
            _resized(graph[name], size) for group, size in zip(groups, sizes, strict=True) for name in group.producers
        ]
        return Rewrite(site, graph, graph.replacing(*changed), {"groups": list(zip(groups, sizes, strict=True))})

    @abstractmethod
    def index(
        self, parent: NetworkGraph, group: ChannelGroup, size: int, weights: Weights, batch: Tensor | None
    ) -> Reindex:
        """Which channels a group has in the child."""

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        from morphisms.weights import carried

        nodes: dict[str, Reindex] = {}
        for group, size in rewrite.changes["groups"]:
            nodes |= dict.fromkeys(group.producers, self.index(rewrite.parent, group, size, weights, batch))
        return carried(rewrite.child, weights, follow(rewrite.child, nodes=nodes), rng)

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        group, *more = _groups(graph, site) or []
        others = f" (with {', '.join(group.producers[1:])})" if len(group.producers) > 1 else ""
        alike = f", all {1 + len(more)} groups alike" if more else ""
        return f"{self.name} {group.producers[0]}{others} {group.size} to {site['channels']}{alike}"


class Widen(Resize):
    """More channels for a group: new filters are drawn, and those who read them start with zeros (NASH, type II).

    LEMONADE's "increase the number of filters". Growth by 1.25, 1.5 or 2.
    """

    name = "widen"
    factors: ClassVar[tuple[float, ...]] = (1.25, 1.5, 2.0)

    def sizes(self, before: int) -> list[int]:
        return sorted({ceil(before * factor) for factor in self.factors})

    def size_refusal(self, before: int, after: int) -> str:
        return "" if after > before else f"expected more than its {before} channels, got {after}"

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.TOLERANCE

    def index(
        self, parent: NetworkGraph, group: ChannelGroup, size: int, weights: Weights, batch: Tensor | None
    ) -> Reindex:
        return Reindex.grown(group.size, size)


class Prune(Resize):
    """Fewer channels for a group: 1/2 or 3/4 of them stay, those that matter most to whoever reads them.

    LEMONADE's "remove 1/2 or 1/4 of the filters"; see `morphisms.importance` for which ones.
    """

    name = "prune"
    shares: ClassVar[tuple[float, ...]] = (0.5, 0.75)

    def sizes(self, before: int) -> list[int]:
        kept = {max(LEAST_CHANNELS, round(before * share)) for share in self.shares}
        return sorted(size for size in kept if size < before)

    def size_refusal(self, before: int, after: int) -> str:
        return "" if 1 <= after < before else f"expected 1 to {before - 1} channels, got {after}"

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        return Exactness.APPROXIMATE

    def index(
        self, parent: NetworkGraph, group: ChannelGroup, size: int, weights: Weights, batch: Tensor | None
    ) -> Reindex:
        from morphisms.importance import channel_importance

        importance = channel_importance(parent, weights, group, batch)
        kept = np.sort(np.argsort(-importance, kind="stable")[:size])
        return Reindex(kept.astype(np.int64), group.size)

    def transfer(
        self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None = None
    ) -> Weights:
        """As of any operator, group by group from the last on: a layer that lost filters too could not be repaired.

        A chain of 95,000 parameters (CIFAR-10, error .217) half as wide: error .782 at once, .379 group by group.
        """
        graph = rewrite.parent
        order = {node.name: position for position, node in enumerate(graph.nodes)}
        for group, size in sorted(rewrite.changes["groups"], key=lambda one: -order[one[0].producers[0]]):
            step = self.rewrite(graph, site(group.producers[0], channels=size))
            weights = super().transfer(step, weights, rng, batch)
            graph = step.child
        return weights


def narrowing(wide: NetworkGraph, narrow: NetworkGraph) -> Site | None:
    """Where `prune` makes one network of another, all groups in proportion; None if it does not.

    Node names count, so this is for networks of one family, such as the start networks of a space.
    """
    if [(node.name, node.op) for node in wide.nodes] != [(node.name, node.op) for node in narrow.nodes]:
        return None
    groups = [group for group in channel_groups(wide) if not group.fixed]
    narrower = [group.producers[0] for group in groups if _channels(narrow[group.producers[0]]) < group.size]
    if not narrower:
        return None
    found = site(*narrower, channels=_channels(narrow[narrower[0]]))
    prune = Prune()
    if prune.refusal(wide, found) or prune.apply(wide, found).child != narrow:
        return None
    return found


def midway(wide: NetworkGraph, narrow: NetworkGraph | None = None) -> Site | None:
    """Where `prune` makes of a network the one whose groups lie in the middle between its own and a narrower one's.

    Groups that are one channel apart stay as they are: of 3, 6 and 12 channels, and 2, 4 and 8, come 3, 5 and 10.

    Args:
        wide: The network.
        narrow: One of the same family; default: half as wide.

    Returns:
        None if no group has room between the two, or the groups cannot change in proportion.
    """
    apart: list[ChannelGroup] = []
    low = 0
    for group in channel_groups(wide):
        name = group.producers[0]
        size = group.size // 2 if narrow is None else _channels(narrow[name])
        if not group.fixed and group.size - size > 1:
            low = low if apart else size
            apart.append(group)
    if not apart:
        return None
    found = site(*[group.producers[0] for group in apart], channels=(low + apart[0].size) // 2)
    return None if Prune().refusal(wide, found) else found


def _groups(graph: NetworkGraph, site: Site) -> list[ChannelGroup] | None:
    """The groups of a site's producers, in their order; None if one of them is no producer."""
    of = {name: group for group in channel_groups(graph) for name in group.producers}
    return [of[name] for name in site.nodes] if all(name in of for name in site.nodes) else None


def _size(group: ChannelGroup, first: ChannelGroup, site: Site) -> int:
    """Channels of a group in the child."""
    return int(site["channels"]) * group.size // first.size


def _resized(node: Node, channels: int) -> Node:
    return replace(node, attrs={**node.attrs, _attribute(node): channels})


def _channels(node: Node) -> int:
    """Channels of a producer."""
    return int(node.attrs[_attribute(node)])


def _attribute(node: Node) -> str:
    return "channels" if "channels" in node.attrs else "features"
