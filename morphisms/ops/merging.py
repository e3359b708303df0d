"""Where paths meet: weighted sum and concatenation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from morphisms.ops.base import Attrs, Op, Shape, Source, TensorSpec, Trait, feature_map, flag

if TYPE_CHECKING:
    from torch import nn


class Add(Op):
    """Sum of equally shaped inputs; with `scaled`, each times a learned scale that starts at 1 for the first, else 0.

    LEMONADE joins a skip by a convex combination (1 - l) x + l y with l = 0; free scales contain it and cannot clip.
    """

    name = "add"
    defaults = {"scaled": False}  # noqa: RUF012  (declared ClassVar in Op)
    inputs = (1, None)  # where branches come and go, one may be left
    commutative = True

    def check(self, attrs: Attrs) -> None:
        flag(attrs, "scaled")

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        if len(set(inputs)) > 1:
            raise ValueError(f"expected inputs of one shape, got {', '.join(map(str, inputs))}")
        return inputs[0]

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        return {"scale": TensorSpec((len(inputs),), "first")} if attrs["scaled"] else {}

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from morphisms.ops.layers import Sum

        return Sum(len(inputs), bool(attrs["scaled"]))

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        if not attrs["scaled"]:
            return Source(None, " + ".join(f"{{{k}}}" for k in range(len(inputs))))
        terms = " + ".join(f"{{layer}}.scale[{k}] * {{{k}}}" for k in range(len(inputs)))
        return Source(f'nn.ParameterDict({{"scale": torch.ones({len(inputs)})}})', terms)


class Concat(Op):
    """Channels of all inputs in order; height and width have to agree."""

    name = "concat"
    trait = Trait.STACK
    inputs = (2, None)

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        if len({feature_map(shape)[1:] for shape in inputs}) > 1:
            raise ValueError(f"expected inputs of one height and width, got {', '.join(map(str, inputs))}")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from morphisms.ops.layers import Concatenation

        return Concatenation()

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, f"torch.cat([{', '.join(f'{{{k}}}' for k in range(len(inputs)))}], dim=1)")
