"""Shape and cost of single nodes, remembered: a child shares almost all nodes with its parent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from morphisms.ops import OPS, Shape
from morphisms.ops.base import size


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
def node_facts(op: str, signature: str, attrs: tuple[tuple[str, float], ...], inputs: tuple[Shape, ...]) -> NodeFacts:
    """Shape and cost of a node whose inputs are known.

    Args:
        op: Its operation.
        signature: Its attributes' values in one text, which sets apart what Python calls equal, such as 1 and 1.0.
        attrs: Its attributes.
        inputs: Shapes of its inputs.

    Raises:
        ValueError: if the input shapes do not fit the operation.
    """
    kind, values = OPS[op], dict(attrs)
    shape = kind.shape(values, inputs)
    params = sum(size(spec.shape) for spec in kind.tensors(values, inputs).values() if spec.trained)
    return NodeFacts(shape, params, kind.flops(values, inputs, shape))
