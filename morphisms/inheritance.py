"""From a parent to its child: replay of recorded rewrites, and what of the child is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from morphisms.graph import NetworkGraph
from morphisms.operators import OPERATORS, Operator
from morphisms.record import Morphism, Parameter, Site
from morphisms.weights import Weights, tensor_specs


@dataclass(frozen=True)
class Child:
    """A network made from another one.

    Attributes:
        graph: Its graph.
        weights: Its weights; tensors it did not change are its parent's own.
        records: The rewrites that led to it, in order.
        touched: Names of nodes whose parameters are new or changed, or that read something else than before: what
            distillation has to train.
    """

    graph: NetworkGraph
    weights: Weights
    records: tuple[Morphism, ...]
    touched: frozenset[str]

    @property
    def record(self) -> Morphism:
        """The only (or last) rewrite."""
        return self.records[-1]


def replay(graph: NetworkGraph, weights: Weights, morphisms: Sequence[Morphism], batch: Tensor | None = None) -> Child:
    """Do recorded rewrites again, with weights: bit for bit on the same device and torch version.

    Args:
        graph: The parent's graph.
        weights: The parent's weights; left as they are.
        morphisms: Rewrites in order.
        batch: Calibration images (N, C, H, W), normalised.

    Raises:
        SiteError: if a record does not fit the graph.
        ValueError: for an operator that there is not.
    """
    made, tensors = graph, weights
    for morphism in morphisms:
        operator = _operator(morphism.operator)
        rewrite = operator.rewrite(made, morphism.site)
        tensors = operator.transfer(rewrite, tensors, np.random.default_rng(morphism.seed), batch)
        made = rewrite.child
    return Child(made, tensors, tuple(morphisms), _touched(graph, weights, made, tensors))


def act(
    operator: str,
    graph: NetworkGraph,
    weights: Weights,
    nodes: str | Sequence[str] = (),
    *,
    seed: int = 0,
    batch: Tensor | None = None,
    **params: Parameter,
) -> Child:
    """Apply one operator by name, as ``act("widen", graph, weights, "conv3", channels=36)``.

    Raises:
        SiteError: if it cannot act there, with the reason.
        ValueError: if there is no such operator.
    """
    where = Site((nodes,) if isinstance(nodes, str) else tuple(nodes), tuple(params.items()))
    acting = _operator(operator)
    acting.rewrite(graph, where)  # a record in words presupposes a legal site
    return replay(graph, weights, [acting.record(graph, where, seed)], batch)


def _operator(name: str) -> Operator:
    if name not in OPERATORS:
        raise ValueError(f"unknown operator '{name}'. Known: {', '.join(OPERATORS)}")
    return OPERATORS[name]


def _touched(parent: NetworkGraph, old: Weights, child: NetworkGraph, new: Weights) -> frozenset[str]:
    touched: set[str] = set()
    # readers of something else than before: the nearest nodes with parameters behind them count as touched
    ahead: set[str] = set()
    for node in child.nodes:
        trained = [f"{node.name}.{param}" for param, spec in tensor_specs(child, node).items() if spec.trained]
        reads_other = node.name not in parent or parent[node.name].inputs != node.inputs
        behind = reads_other or any(name in ahead for name in node.inputs)
        if any(new[name] is not old.get(name) for name in trained) or (trained and behind):
            touched.add(node.name)
        elif behind:
            ahead.add(node.name)
    return frozenset(touched)
