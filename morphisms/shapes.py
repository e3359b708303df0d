"""Shape and cost of single nodes, remembered: a child shares almost all nodes with its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from morphisms.ops import OPS, Shape
from morphisms.ops.base import size

if TYPE_CHECKING:
    from morphisms.graph import Node


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What follows from a node and the shapes of its inputs.

    Attributes:
        shape: Output shape without the batch dimension.
        params: Entries of its parameters; buffers are not counted.
        flops: Multiply-adds at batch 1 in eval mode.
    """

    shape: Shape
    params: int
    flops: int


@lru_cache(maxsize=65_536)
def _facts(op: str, signature: str, attrs: tuple[tuple[str, float], ...], inputs: tuple[Shape, ...]) -> NodeFacts:
    kind, values = OPS[op], dict(attrs)
    shape = kind.shape(values, inputs)
    params = sum(size(spec.shape) for spec in kind.tensors(values, inputs).values() if spec.trained)
    return NodeFacts(shape, params, kind.flops(values, inputs, shape))


def node_facts(node: Node, known: Mapping[str, NodeFacts]) -> NodeFacts:
    """Shape and cost of a node whose inputs are known.

    Raises:
        ValueError: if the input shapes do not fit the operation.
    """
    inputs = tuple([known[name].shape for name in node.inputs])
    return _facts(node.op, node.signature, node.attr_items, inputs)
