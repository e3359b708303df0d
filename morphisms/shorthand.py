"""Each operator as a function: ``wider = widen(graph, weights, "conv3", channels=36)``.

All take the parent's graph and weights, the site, a seed for fresh values and, better, a calibration batch
(N, C, H, W) of normalised images; all return a `Child` and raise SiteError, with the reason, where they cannot act.
"""

from __future__ import annotations

from typing import Any

from morphisms.graph import NetworkGraph
from morphisms.inheritance import Child, act
from morphisms.weights import Weights


def widen(graph: NetworkGraph, weights: Weights, site: str, channels: int, **options: Any) -> Child:
    """More channels for the group of a convolution; exact to tolerance."""
    return act("widen", graph, weights, site, channels=channels, **options)


def deepen(graph: NetworkGraph, weights: Weights, site: str, kernel: int = 3, **options: Any) -> Child:
    """A block of convolution, batch norm and activation behind a node; exact (bitwise where it is residual)."""
    return act("deepen", graph, weights, site, kernel=kernel, **options)


def add_skip(graph: NetworkGraph, weights: Weights, early: str, late: str, **options: Any) -> Child:
    """A skip joined by a learned weighted sum; exact bitwise."""
    return act("add_skip", graph, weights, (early, late), **options)


def concat_skip(graph: NetworkGraph, weights: Weights, early: str, late: str, **options: Any) -> Child:
    """A skip joined by concatenation; exact to tolerance."""
    return act("concat_skip", graph, weights, (early, late), **options)


def prune(graph: NetworkGraph, weights: Weights, site: str, channels: int, **options: Any) -> Child:
    """Fewer channels for the group of a convolution, the most important ones; approximate."""
    return act("prune", graph, weights, site, channels=channels, **options)


def remove_layer(graph: NetworkGraph, weights: Weights, site: str, **options: Any) -> Child:
    """Without a convolution and the batch norm and activation behind it; approximate."""
    return act("remove_layer", graph, weights, site, **options)


def remove_skip(graph: NetworkGraph, weights: Weights, site: str, position: int = 1, **options: Any) -> Child:
    """Without one input of an add or concat; approximate."""
    return act("remove_skip", graph, weights, site, position=position, **options)


def separable(graph: NetworkGraph, weights: Weights, site: str, **options: Any) -> Child:
    """With a convolution replaced by a depthwise and a 1x1 one, by singular value decomposition; approximate."""
    return act("separable", graph, weights, site, **options)


def add_branch(
    graph: NetworkGraph, weights: Weights, source: str, merge: str, kind: str, position: int, **options: Any
) -> Child:
    """A branch from a node to an add, as its input `position`; exact where it can start at nothing."""
    return act("add_branch", graph, weights, (source, merge), kind=kind, position=position, **options)


def remove_branch(graph: NetworkGraph, weights: Weights, source: str, merge: str, **options: Any) -> Child:
    """Without the branch from a node to an add; approximate."""
    return act("remove_branch", graph, weights, (source, merge), **options)


def change_branch(graph: NetworkGraph, weights: Weights, source: str, merge: str, kind: str, **options: Any) -> Child:
    """With a branch of another kind from a node to an add; exact for a larger kernel or in place of nothing."""
    return act("change_branch", graph, weights, (source, merge), kind=kind, **options)
