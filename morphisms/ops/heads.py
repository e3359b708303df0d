"""What ends a network: flatten, linear, and the operations that leave values alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from morphisms.ops.base import Attrs, Op, Shape, Source, TensorSpec, Trait, feature_map, flag, number, positive, size

if TYPE_CHECKING:
    from torch import nn


class Flatten(Op):
    """(C, H, W) to (C * H * W,), channel after channel."""

    name = "flatten"

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return (size(feature_map(inputs[0])),)

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.Flatten()

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, "torch.flatten({0}, 1)")


class Linear(Op):
    """Affine map of features: (F,) to (features,)."""

    name = "linear"
    trait = Trait.ABSORB
    required = ("features",)
    defaults = {"bias": True}  # noqa: RUF012  (declared ClassVar in Op)

    def check(self, attrs: Attrs) -> None:
        positive(attrs, "features")
        flag(attrs, "bias")

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 1:
            raise ValueError(f"expected features behind a flatten, got shape {inputs[0]}")
        return (int(attrs["features"]),)

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        out = int(attrs["features"])
        weight = TensorSpec((out, inputs[0][0]), "normal", out_axis=0, in_axis=1, gain=1.0)
        return {"weight": weight, "bias": TensorSpec((out,), out_axis=0)} if attrs["bias"] else {"weight": weight}

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[0][0] * output[0]

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.Linear(inputs[0][0], int(attrs["features"]), bias=bool(attrs["bias"]))

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(f"nn.Linear({inputs[0][0]}, {attrs['features']}{'' if attrs['bias'] else ', bias=False'})")


class Identity(Op):
    """Passes its input on."""

    name = "identity"

    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.Identity()

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, "{0}")


class Zero(Identity):
    """Zeros in its input's shape: what it reads plays no part, but stays in the network."""

    name = "zero"

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from morphisms.ops.layers import Zeros

        return Zeros()

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(None, "torch.zeros_like({0})")


class Dropout(Identity):
    """Sets a share `p` of the values to zero in training mode; passes its input on in eval mode."""

    name = "dropout"
    required = ("p",)

    def check(self, attrs: Attrs) -> None:
        if not 0 <= number(attrs, "p") < 1:
            raise ValueError(f"p must lie in [0, 1), got {attrs['p']!r}")

    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        from torch import nn

        return nn.Dropout(float(attrs["p"]))

    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        return Source(f"nn.Dropout({attrs['p']})")
