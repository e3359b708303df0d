"""How far a child is from its parent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
"""Relative error of the logits that one operator of level `tolerance` may cause, by number format."""


def deviation(parent: nn.Module, child: nn.Module, batch: Tensor, training: bool = False) -> float:
    """Relative error of the child's logits, max|a - b| / max|a| over the batch; 0 means equal.

    Args:
        parent: Gives a.
        child: Gives b.
        batch: Images (N, C, H, W).
        training: Compare in training mode (batch statistics; running ones are put back after) instead of eval mode.
    """
    a, b = (_logits(module, batch, training) for module in (parent, child))
    return relative_error(a, b)


def relative_error(a: Tensor, b: Tensor) -> float:
    """max|a - b| / max|a|; 0 means equal."""
    return float((a - b).abs().max() / a.abs().max().clamp(min=torch.finfo(a.dtype).tiny))


def _logits(module: nn.Module, batch: Tensor, training: bool) -> Tensor:
    modes = [(layer, layer.training) for layer in module.modules()]
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    module.train(training)
    if training:
        for layer in module.modules():
            if isinstance(layer, nn.Dropout):
                layer.eval()
    with torch.no_grad():
        logits: Tensor = module(batch)
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
    for layer, was_training in modes:
        layer.training = was_training
    return logits
