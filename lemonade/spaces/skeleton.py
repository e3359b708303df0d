"""What networks of cells begin and end with."""

from __future__ import annotations

from morphisms import Node

STEM = "stem_conv"
"""The node whose channels are those of the first stage."""


def head(source: str, classes: int) -> list[Node]:
    """Global average pooling and a linear layer."""
    return [
        Node("pool", "global_avg_pool", (source,)),
        Node("flatten", "flatten", ("pool",)),
        Node("linear", "linear", ("flatten",), {"features": classes}),
    ]


def stem(channels: int) -> list[Node]:
    """A 3x3 convolution and batch norm."""
    return [
        Node(STEM, "conv", ("input",), {"channels": channels, "kernel": 3}),
        Node("stem_bn", "batch_norm", (STEM,)),
    ]


def halved(shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width behind a stride of 2."""
    return -(-shape[0] // 2), -(-shape[1] // 2)
