"""Networks as values, rewritten with their weights.

A `NetworkGraph` is a frozen value without tensors; `Weights` lie beside it. An operator rewrites the graph and later
transfers the weights, so that the child computes what its parent did (exactly, or nearly). This package knows nothing
of search. Names that need torch are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from morphisms.cost import activation_bytes, flops, params
from morphisms.graph import INPUT, GraphError, NetworkGraph, Node
from morphisms.hashing import graph_hash
from morphisms.operators import OPERATORS, Operator, Rewrite, SiteError
from morphisms.operators.resize import midway, narrowing
from morphisms.record import Exactness, Morphism, Site
from morphisms.serialize import (
    file_sha256,
    graph_from_json,
    graph_to_json,
    load_graph,
    load_weights,
    save_graph,
    save_weights,
)

if TYPE_CHECKING:
    from morphisms.inheritance import Child, act, replay
    from morphisms.module import GraphModule, build_module
    from morphisms.shorthand import (
        add_branch,
        add_skip,
        change_branch,
        concat_skip,
        deepen,
        prune,
        remove_branch,
        remove_layer,
        remove_skip,
        separable,
        widen,
    )
    from morphisms.verify import deviation
    from morphisms.weights import Weights, initial_weights

_NEED_TORCH = {
    **dict.fromkeys(("Child", "act", "replay"), "inheritance"),
    **dict.fromkeys(("GraphModule", "build_module"), "module"),
    **dict.fromkeys(
        (
            *("add_branch", "add_skip", "change_branch", "concat_skip", "deepen", "prune"),
            *("remove_branch", "remove_layer", "remove_skip", "separable", "widen"),
        ),
        "shorthand",
    ),
    "deviation": "verify",
    **dict.fromkeys(("Weights", "initial_weights"), "weights"),
}

__all__ = [
    "INPUT",
    "OPERATORS",
    "Child",
    "Exactness",
    "GraphError",
    "GraphModule",
    "Morphism",
    "NetworkGraph",
    "Node",
    "Operator",
    "Rewrite",
    "Site",
    "SiteError",
    "Weights",
    "act",
    "activation_bytes",
    "add_branch",
    "add_skip",
    "build_module",
    "change_branch",
    "concat_skip",
    "deepen",
    "deviation",
    "file_sha256",
    "flops",
    "graph_from_json",
    "graph_hash",
    "graph_to_json",
    "initial_weights",
    "load_graph",
    "load_weights",
    "midway",
    "narrowing",
    "params",
    "prune",
    "remove_branch",
    "remove_layer",
    "remove_skip",
    "replay",
    "save_graph",
    "save_weights",
    "separable",
    "widen",
]


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        return getattr(import_module(f"morphisms.{_NEED_TORCH[name]}"), name)
    raise AttributeError(f"module 'morphisms' has no attribute '{name}'")
