"""Pooling by windows and over the whole map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from morphisms.ops.base import Attrs, Op, Shape, Source, feature_map, flag, positive, size, window

if TYPE_CHECKING:
    from torch import nn


def _padding(attrs: Attrs) -> int:
    """Odd windows are centred ('same'), even ones lie on the grid."""
    kernel = int(attrs["kernel"])
    return kernel // 2 if kernel % 2 else 0


class MaxPool(Op):
    """Largest value in each window of `kernel` pixels, `stride` apart; odd kernels pad by half, even ones not."""

    name = "max_pool"
    required = ("kernel",)
    defaults = {"stride": 2}  # noqa: RUF012  (declared ClassVar in Op)

    def check(self, attrs: Attrs) -> None:
        positive(attrs, "kernel", "stride")

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = feature_map(inputs[0])
        kernel, stride, padding = int(attrs["kernel"]), int(attrs["stride"]), _padding(attrs)
        return (channels, window(height, kernel, stride, padding), window(width, kernel, stride, padding))

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.MaxPool2d(int(attrs["kernel"]), int(attrs["stride"]), _padding(attrs))

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        padding = f", padding={_padding(attrs)}" if _padding(attrs) else ""
        counted = "" if attrs.get("count_include_pad", True) else ", count_include_pad=False"
        return Source(None, f"F.{self.name}2d({{0}}, {attrs['kernel']}, stride={attrs['stride']}{padding}{counted})")


class AvgPool(MaxPool):
    """Mean of each window; with `count_include_pad`, zeros of the padding are among its values."""

    name = "avg_pool"
    defaults = {"stride": 2, "count_include_pad": True}  # noqa: RUF012  (declared ClassVar in Op)
    later = ("count_include_pad",)

    def check(self, attrs: Attrs) -> None:
        super().check(attrs)
        flag(attrs, "count_include_pad")

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        counted = bool(attrs["count_include_pad"])
        return nn.AvgPool2d(int(attrs["kernel"]), int(attrs["stride"]), _padding(attrs), count_include_pad=counted)


class GlobalAvgPool(Op):
    """Mean over the map: (C, H, W) to (C, 1, 1)."""

    name = "global_avg_pool"

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return (feature_map(inputs[0])[0], 1, 1)

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        return size(inputs[0])

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.AdaptiveAvgPool2d(1)

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, "F.adaptive_avg_pool2d({0}, 1)")
