"""The few modules torch.nn has no class for."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
