"""Making up for what a cut removed: least squares on calibration images, folded into the weights of those who read it.

What is no longer there is predicted, channel by channel and pixel by pixel, from what still is (He et al. 2017, channel
pruning, reconstruct the following layer's output in the same spirit; recalled).
"""

from __future__ import annotations

import torch
from torch import Tensor

from morphisms.weights import Weights

RIDGE = 1e-3
"""Weight of the ridge, in samples for each channel: it steadies a fit of many channels to few pixels, and no other."""


def linear_fit(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The linear map and the shift that best predict the channels of `target` from those of `source`.

    Args:
        source: Values (N, C, ...).
        target: Values (N, D, ...) at the same pixels.

    Returns:
        The matrix (D, C) and the shift (D,), in `source`'s format.
    """
    x, y = (values.detach().cpu().double().transpose(0, 1).flatten(1) for values in (source, target))
    x_mean, y_mean = x.mean(dim=1, keepdim=True), y.mean(dim=1, keepdim=True)
    x, y = x - x_mean, y - y_mean
    gram = x @ x.T
    gram = gram + torch.eye(len(gram)).to(gram) * (RIDGE * gram.trace() / x.shape[1] + 1e-12)
    matrix = torch.linalg.solve(gram, x @ y.T).T
    shift = (y_mean - matrix @ x_mean)[:, 0]
    return matrix.to(source), shift.to(source)


def repaired(reader: str, weights: Weights, matrix: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Tensors of a layer that read y and now reads x, where y is nearly ``matrix @ x + shift``.

    A layer without a bias leaves the shift to the batch norm behind it.

    Args:
        reader: Name of the layer.
        weights: The network's; the layer's own are (filters, D * p, ...), with each of y's D channels in p neighbouring
            places (1, or pixels behind a flatten).
        matrix: (D, C).
        shift: (D,).
    """
    weight = weights[f"{reader}.weight"]
    by_channel = weight.reshape(weight.shape[0], matrix.shape[0], -1)
    made = (by_channel.transpose(1, 2) @ matrix).transpose(1, 2)
    new = {f"{reader}.weight": made.reshape(weight.shape[0], -1, *weight.shape[2:]).contiguous()}
    if (bias := weights.get(f"{reader}.bias")) is not None:
        new[f"{reader}.bias"] = bias + by_channel.sum(dim=2) @ shift
    return new
