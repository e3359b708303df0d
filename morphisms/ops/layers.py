"""The few modules torch.nn has no class for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Norm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` without its counter of batches, which only a momentum of None reads.

    Counting costs a kernel a layer and step.
    """

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps=eps)
        self.num_batches_tracked = None

    def _load_from_state_dict(self, *args: Any) -> None:
        # BatchNorm2d's own adds the counter to a plain dict of tensors, and then refuses it as unexpected
        nn.Module._load_from_state_dict(self, *args)


class Sum(nn.Module):
    """Sum of the inputs, each (N, C, H, W), optionally times one learned scale each, of shape (inputs,)."""

    def __init__(self, inputs: int, scaled: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(inputs)) if scaled else None

    def forward(self, *inputs: Tensor) -> Tensor:
        terms = inputs if self.scale is None else [value * self.scale[k] for k, value in enumerate(inputs)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


class Concatenation(nn.Module):
    """Concatenation along the channels."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=1)


class Zeros(nn.Module):
    """Zeros in the input's shape; nothing flows back."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.zeros_like(values)
