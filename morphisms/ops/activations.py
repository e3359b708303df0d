"""Elementwise activations, without attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from morphisms.ops.base import Attrs, Op, Shape, Source

if TYPE_CHECKING:
    from torch import nn


class Activation(Op):
    """Base of the activations.

    Attributes:
        idempotent: Whether applying it twice equals applying it once; only behind such a one can a layer be inserted
            as an identity (NASH, type III).
    """

    idempotent: ClassVar[bool] = False
    module: ClassVar[str]
    function: ClassVar[str]

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        layer: nn.Module = getattr(nn, self.module)()
        return layer

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, f"F.{self.function}({{0}})")


class ReLU(Activation):
    """max(x, 0)."""

    name, module, function, idempotent = "relu", "ReLU", "relu", True


class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    name, module, function, idempotent = "relu6", "ReLU6", "relu6", True


class SiLU(Activation):
    """x * sigmoid(x)."""

    name, module, function = "silu", "SiLU", "silu"


class GELU(Activation):
    """x times the normal distribution function of x."""

    name, module, function = "gelu", "GELU", "gelu"


class HardSwish(Activation):
    """x * relu6(x + 3) / 6."""

    name, module, function = "hard_swish", "Hardswish", "hardswish"


ACTIVATIONS: tuple[type[Activation], ...] = (ReLU, ReLU6, SiLU, GELU, HardSwish)
