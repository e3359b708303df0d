"""Operations that networks are made of. To add one: a class in the file of its family, and its name in `OPS`."""

from __future__ import annotations

from morphisms.ops.activations import ACTIVATIONS
from morphisms.ops.base import Attrs, Op, Shape, Source, TensorSpec, Trait
from morphisms.ops.convolution import Conv, Depthwise, GroupedConv
from morphisms.ops.heads import Dropout, Flatten, Identity, Linear, Zero
from morphisms.ops.merging import Add, Concat
from morphisms.ops.normalisation import BatchNorm
from morphisms.ops.pooling import AvgPool, GlobalAvgPool, MaxPool

__all__ = ["OPS", "Attrs", "Op", "Shape", "Source", "TensorSpec", "Trait"]

_KINDS: tuple[type[Op], ...] = (
    Conv,
    GroupedConv,
    Depthwise,
    BatchNorm,
    *ACTIVATIONS,
    MaxPool,
    AvgPool,
    GlobalAvgPool,
    Add,
    Concat,
    Flatten,
    Linear,
    Dropout,
    Identity,
    Zero,
)

OPS: dict[str, Op] = {kind.name: kind() for kind in _KINDS}
