"""Batch-norm statistics over a calibration batch, so that a fresh layer is right in training mode as well."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from morphisms.graph import NetworkGraph
from morphisms.module import build_module
from morphisms.ops.normalisation import BatchNorm
from morphisms.weights import Weights, tensor_specs


def training_pass(graph: NetworkGraph, weights: Weights, batch: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """Values of some nodes in a forward pass in training mode: batch statistics upstream, no dropout.

    Statistics from an eval-mode pass would describe inputs that training never shows (measured: 8 % deviation in
    training mode instead of 0.7 %). The parent's buffers are not updated.
    """
    module = build_module(graph, weights).train()
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    with torch.no_grad():
        return dict(module.values(batch, names))


def eval_pass(graph: NetworkGraph, weights: Weights, batch: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """Values of some nodes in a forward pass in eval mode."""
    with torch.no_grad():
        return dict(build_module(graph, weights).eval().values(batch, names))


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance by channel, shape (C,) each, of values (N, C, H, W)."""
    variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
    return mean, variance


def identity_norm(name: str, values: Tensor | None, eps: float, channels: int, like: Tensor) -> dict[str, Tensor]:
    """Tensors of a batch norm that passes its input on in eval mode, and nearly so in training mode.

    gamma = sqrt(v + eps), beta = m with the mean m and variance v of its input (EAS; Wei 2017 Eq. 9). Exact in eval
    mode for any m and v.

    Args:
        name: Name of the batch-norm node.
        values: What it will normalise, (N, C, H, W), from `training_pass`; None takes mean 0 and variance 1.
        eps: Its epsilon.
        channels: Number of channels.
        like: A tensor of the wanted dtype and device.
    """
    if values is None:
        mean, variance = torch.zeros(channels).to(like), torch.ones(channels).to(like)
    else:
        mean, variance = moments(values)
    return {
        f"{name}.weight": torch.sqrt(variance + eps),
        f"{name}.bias": mean.clone(),
        f"{name}.running_mean": mean,
        f"{name}.running_var": variance,
    }


def reading_other_values(parent: NetworkGraph, old: Weights, child: NetworkGraph, new: Weights) -> set[str]:
    """Names of the child's nodes that may read other values than the nodes of the same names in the parent did.

    Args:
        parent: The graph before.
        old: Its weights.
        child: The graph after.
        new: Its weights; tensors that did not change are the parent's own.
    """
    changed: set[str] = set()  # nodes whose output may differ
    reading: set[str] = set()
    for node in child.nodes:
        before = parent.by_name.get(node.name)
        if before is None or before.inputs != node.inputs or any(name in changed for name in node.inputs):
            reading.add(node.name)
        kept = before == node
        tensors = [f"{node.name}.{param}" for param in tensor_specs(child, node)]
        if node.name in reading or not kept or any(new[name] is not old.get(name) for name in tensors):
            changed.add(node.name)
    return reading


def with_batch_statistics(
    graph: NetworkGraph, weights: Weights, batch: Tensor, only: Collection[str] | None = None
) -> Weights:
    """The weights with running statistics of batch norms taken anew from the batch, scale and shift unchanged.

    Args:
        graph: The network.
        weights: Its weights.
        batch: Calibration images (N, C, H, W).
        only: Names of batch-norm nodes; None means all of them.
    """
    norms = [node for node in graph.nodes if node.op == BatchNorm.name and (only is None or node.name in only)]
    values = training_pass(graph, weights, batch, {node.inputs[0] for node in norms})
    changes = {}
    for node in norms:
        mean, variance = moments(values[node.inputs[0]])
        changes[f"{node.name}.running_mean"], changes[f"{node.name}.running_var"] = mean, variance
    return weights.updated(changes)
