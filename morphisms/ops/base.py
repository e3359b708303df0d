"""What an operation is: its attributes, shape, tensors, cost and how its channels hang together.

torch is imported only where a module is built, so that reading a run's front does not wait seconds for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]
"""Shape without the batch dimension: (channels, height, width), or (features,) behind a flatten."""

Attribute = int | float | bool
Attrs = Mapping[str, Attribute]


class Trait(Enum):
    """How the number of output channels of an operation depends on its input.

    The vocabulary is NaiveNASlib's: an *absorb* operation chooses its own number (convolution, linear), an *invariant*
    one passes the input's on (norm, activation, pooling, depthwise, add), a *stack* one strings its inputs' together
    (concat), and a *fixed* one lets neither side change (grouped convolution).
    """

    ABSORB = "absorb"
    INVARIANT = "invariant"
    STACK = "stack"
    FIXED = "fixed"


@dataclass(frozen=True)
class Source:
    """An operation as a line of Python, for a reader who has torch alone.

    Attributes:
        layer: Expression that makes the layer it needs, ``"nn.Linear(16, 10)"``; None if it needs none.
        call: What it returns, with ``{layer}`` for that layer and ``{0}``, ``{1}``, ... for its inputs.
    """

    layer: str | None
    call: str = "{layer}({0})"


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of an operation.

    Attributes:
        shape: Its full shape.
        init: ``"normal"`` (He et al. 2015: standard deviation sqrt(gain / fan-in)), ``"zeros"``, ``"ones"`` or
            ``"first"`` (1 for the first entry, 0 for the rest).
        out_axis: Axis that runs along the node's output channels; None if there is none.
        in_axis: Axis that runs along the node's input channels; None if there is none.
        trained: False for buffers, which count as no parameter.
        gain: 2 in front of a rectifier, 1 for a layer whose output is used as it is.
    """

    shape: Shape
    init: str = "zeros"
    out_axis: int | None = None
    in_axis: int | None = None
    trained: bool = True
    gain: float = 2.0


class Op(ABC):
    """One operation; stateless, one instance each in the registry `morphisms.ops.OPS`.

    Attributes:
        name: What graphs and files call it.
        trait: How output channels depend on input channels.
        defaults: Attributes with a default value; all others are required.
        later: Attributes with a default that came after hashes were written down: at their default no hash sees them.
        required: Attributes that a node has to give.
        inputs: Least and largest number of inputs; None for any number.
        commutative: Whether the order of inputs is without meaning.
    """

    name: ClassVar[str]
    trait: ClassVar[Trait] = Trait.INVARIANT
    defaults: ClassVar[Attrs] = {}
    later: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    commutative: ClassVar[bool] = False

    @abstractmethod
    def shape(self, attrs: Attrs, inputs: Sequence[Shape]) -> Shape:
        """Output shape.

        Raises:
            ValueError: if the inputs do not fit; the message says what was expected and what was found.
        """

    @abstractmethod
    def build(self, attrs: Attrs, inputs: Sequence[Shape]) -> nn.Module:
        """A module whose forward takes the inputs in order; its tensors carry the names of `tensors`."""

    @abstractmethod
    def source(self, attrs: Attrs, inputs: Sequence[Shape]) -> Source:
        """The same as `build`, as Python: `nn` is `torch.nn`, `F` its functional; tensors have the same names."""

    def check(self, attrs: Attrs) -> None:  # noqa: B027  (most operations have nothing to refuse)
        """Refuse attribute values without meaning.

        Raises:
            ValueError: naming attribute and value.
        """

    def tensors(self, attrs: Attrs, inputs: Sequence[Shape]) -> Mapping[str, TensorSpec]:
        """Parameters and buffers by name; none unless overridden."""
        return {}

    def flops(self, attrs: Attrs, inputs: Sequence[Shape], output: Shape) -> int:
        """Multiply-adds at batch 1 in eval mode, as fvcore counts them; 0 where fvcore counts nothing."""
        return 0


def feature_map(shape: Shape) -> Shape:
    """The shape itself if it is (C, H, W).

    Raises:
        ValueError: otherwise.
    """
    if len(shape) != 3:
        raise ValueError(f"expected a feature map (channels, height, width), got shape {shape}")
    return shape


def window(size: int, kernel: int, stride: int, padding: int) -> int:
    """Output length of a sliding window along an axis of length `size`.

    Raises:
        ValueError: if the window does not fit.
    """
    length = (size + 2 * padding - kernel) // stride + 1
    if length < 1:
        raise ValueError(f"a window of {kernel} does not fit on {size} pixels")
    return length


def positive(attrs: Attrs, *names: str) -> None:
    """Refuse attributes that are no positive whole number.

    Raises:
        ValueError: naming the first such attribute.
    """
    for name in names:
        value = attrs[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive whole number, got {value!r}")


def flag(attrs: Attrs, *names: str) -> None:
    """Refuse attributes that are neither True nor False.

    Raises:
        ValueError: naming the first such attribute.
    """
    for name in names:
        if not isinstance(attrs[name], bool):
            raise ValueError(f"{name} must be true or false, got {attrs[name]!r}")


def number(attrs: Attrs, name: str) -> float:
    """An attribute that has to be a number.

    Raises:
        ValueError: if it is none, naming it.
    """
    value = attrs[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return value


def size(shape: Shape) -> int:
    """Number of entries."""
    return prod(shape)
