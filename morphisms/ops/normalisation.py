"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from morphisms.ops.base import Attrs, Op, Shape, Source, TensorSpec, feature_map, number, size

if TYPE_CHECKING:
    from torch import nn


class BatchNorm(Op):
    """Batch normalisation over (N, H, W) with scale and shift; running statistics are buffers."""

    name = "batch_norm"
    defaults = {"eps": 1e-5}  # noqa: RUF012  (declared ClassVar in Op)

    def check(self, attrs: Attrs) -> None:
        if not 0 < number(attrs, "eps") < 1:
            raise ValueError(f"eps must lie in (0, 1), got {attrs['eps']!r}")

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return feature_map(inputs[0])

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        shape = inputs[0][:1]
        return {
            "weight": TensorSpec(shape, "ones", out_axis=0),
            "bias": TensorSpec(shape, "zeros", out_axis=0),
            "running_mean": TensorSpec(shape, "zeros", out_axis=0, trained=False),
            "running_var": TensorSpec(shape, "ones", out_axis=0, trained=False),
        }

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        return 2 * size(output)

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from morphisms.ops.layers import Norm

        return Norm(inputs[0][0], float(attrs["eps"]))

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        eps = "" if attrs["eps"] == self.defaults["eps"] else f", eps={attrs['eps']!r}"
        return Source(f"nn.BatchNorm2d({inputs[0][0]}{eps})")
