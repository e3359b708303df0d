"""Elementwise activations, without attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from morphisms.ops.base import Attrs, Op, Shape

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

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        layer: nn.Module = getattr(nn, self.module)()
        return layer


class ReLU(Activation):
    """max(x, 0)."""

    name, module, idempotent = "relu", "ReLU", True


class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    name, module, idempotent = "relu6", "ReLU6", True


class SiLU(Activation):
    """x * sigmoid(x)."""

    name, module = "silu", "SiLU"


class GELU(Activation):
    """x times the normal distribution function of x."""

    name, module = "gelu", "GELU"


class HardSwish(Activation):
    """x * relu6(x + 3) / 6."""

    name, module = "hard_swish", "Hardswish"


ACTIVATIONS: tuple[type[Activation], ...] = (ReLU, ReLU6, SiLU, GELU, HardSwish)
