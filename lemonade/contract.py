"""The input contract of every network that leaves lemonade: images as they are, the normalisation inside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalised(nn.Module):
    """A network that takes plain images: float32 (N, C, H, W) in [0, 1] in, logits (N, classes) out.

    Attributes:
        network: Takes standardised images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        """Wrap a network; `mean` and `std` hold one number per channel of images in [0, 1]."""
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W), float32 in [0, 1].

        Raises:
            TypeError: for images of whole numbers, whose values would lie between 0 and 255.
        """
        if not images.is_floating_point():
            raise TypeError(f"expected float32 images in [0, 1], got {images.dtype}; divide them by 255")
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits
