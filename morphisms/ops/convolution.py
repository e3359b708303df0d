"""Convolutions: plain, grouped and depthwise, with odd kernels and 'same' padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from morphisms.ops.base import Attrs, Op, Shape, Source, TensorSpec, Trait, feature_map, flag, positive, size, window

if TYPE_CHECKING:
    from torch import nn


def _check_window(attrs: Attrs) -> None:
    positive(attrs, "kernel", "stride")
    flag(attrs, "bias")
    if int(attrs["kernel"]) % 2 == 0:
        raise ValueError(f"kernel must be odd, got {attrs['kernel']}")


def _source(channels: int, out: int, groups: int, attrs: Attrs) -> Source:
    kernel, stride, dilation = int(attrs["kernel"]), int(attrs["stride"]), int(attrs.get("dilation", 1))
    more = {
        "stride": stride if stride > 1 else 0,
        "padding": dilation * (kernel // 2),
        "dilation": dilation if dilation > 1 else 0,
        "groups": groups if groups > 1 else 0,
    }
    words = [f"{name}={value}" for name, value in more.items() if value] + ["bias=False"] * (not attrs["bias"])
    return Source(f"nn.Conv2d({', '.join([str(channels), str(out), str(kernel), *words])})")


class Conv(Op):
    """Convolution with `channels` filters over all input channels: (C, H, W) to (channels, ceil(H/s), ceil(W/s))."""

    name = "conv"
    trait = Trait.ABSORB
    required: ClassVar[tuple[str, ...]] = ("channels", "kernel")
    defaults = {"stride": 1, "bias": False}  # noqa: RUF012  (declared ClassVar in Op)

    def check(self, attrs: Attrs) -> None:
        positive(attrs, "channels")
        _check_window(attrs)

    def groups(self, attrs: Attrs) -> int:
        """Number of groups that input and output channels fall into."""
        return 1

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = feature_map(inputs[0])
        out, kernel, stride = int(attrs["channels"]), int(attrs["kernel"]), int(attrs["stride"])
        groups = self.groups(attrs)
        if channels % groups or out % groups:
            raise ValueError(f"{groups} groups do not divide {channels} input and {out} output channels")
        return (out, window(height, kernel, stride, kernel // 2), window(width, kernel, stride, kernel // 2))

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        out, kernel = int(attrs["channels"]), int(attrs["kernel"])
        weight = TensorSpec((out, inputs[0][0] // self.groups(attrs), kernel, kernel), "normal", out_axis=0, in_axis=1)
        return {"weight": weight, "bias": TensorSpec((out,), out_axis=0)} if attrs["bias"] else {"weight": weight}

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        return size(self.tensors(attrs, inputs)["weight"].shape) * output[1] * output[2]

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        from morphisms.ops.thinning import ThinningConv2d

        kernel, stride = int(attrs["kernel"]), int(attrs["stride"])
        kind = ThinningConv2d if kernel == 1 and stride > 1 else nn.Conv2d
        return kind(
            inputs[0][0],
            int(attrs["channels"]),
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=self.groups(attrs),
            bias=bool(attrs["bias"]),
        )

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return _source(inputs[0][0], int(attrs["channels"]), self.groups(attrs), attrs)


class GroupedConv(Conv):
    """Convolution whose channels fall into `groups` that do not see each other.

    Its channels are fixed: which filter reads which input follows from position, so no channel can come or go alone.
    """

    name = "grouped_conv"
    trait = Trait.FIXED
    required = ("channels", "kernel", "groups")

    def check(self, attrs: Attrs) -> None:
        super().check(attrs)
        positive(attrs, "groups")

    def groups(self, attrs: Attrs) -> int:
        return int(attrs["groups"])


class Depthwise(Op):
    """Convolution with one filter a channel: (C, H, W) to (C, ceil(H/s), ceil(W/s)); its taps are `dilation` apart."""

    name = "depthwise"
    required = ("kernel",)
    defaults = {"stride": 1, "dilation": 1, "bias": False}  # noqa: RUF012
    later = ("dilation",)

    def check(self, attrs: Attrs) -> None:
        _check_window(attrs)
        positive(attrs, "dilation")

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = feature_map(inputs[0])
        stride = int(attrs["stride"])  # with 'same' padding, neither kernel nor dilation matters
        return (channels, window(height, 1, stride, 0), window(width, 1, stride, 0))

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        channels, kernel = inputs[0][0], int(attrs["kernel"])
        # gain 1: a depthwise convolution is read by a 1x1 convolution, with no rectifier in between
        weight = TensorSpec((channels, 1, kernel, kernel), "normal", out_axis=0, gain=1.0)
        return {"weight": weight, "bias": TensorSpec((channels,), out_axis=0)} if attrs["bias"] else {"weight": weight}

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        return int(attrs["kernel"]) ** 2 * size(output)

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        channels, kernel = inputs[0][0], int(attrs["kernel"])
        return nn.Conv2d(
            channels,
            channels,
            kernel,
            stride=int(attrs["stride"]),
            padding=int(attrs["dilation"]) * (kernel // 2),
            dilation=int(attrs["dilation"]),
            groups=channels,
            bias=bool(attrs["bias"]),
        )

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return _source(inputs[0][0], inputs[0][0], inputs[0][0], attrs)
