"""Making up for what a cut changed: layers that read other values than before are fitted to what they computed.

Channel pruning (He et al. 2017) reconstructs the following layer's output by least squares in the same spirit
(recalled).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from morphisms.calibration import eval_pass
from morphisms.graph import NetworkGraph, Node
from morphisms.ops import OPS, Trait
from morphisms.weights import Weights, tensor_specs

RIDGE = 0.001
"""Pull towards the weights as they are, as a share of the mean square of what a layer reads."""
SAMPLES = 16_384
"""Pixels that a layer is fitted to, at most."""
SAMPLES_PER_WEIGHT = 4
"""Pixels for each weight of a filter below which a fit would learn the images by heart."""


def repaired(parent: NetworkGraph, old: Weights, child: NetworkGraph, new: Weights, batch: Tensor) -> Weights:
    """The child's weights with those layers fitted that read other values than in the parent.

    Of the convolutions and linear layers behind a change, the nearest are given the weights that best bring back the
    parent's outputs (ridge regression on the batch, eval mode). One whose filters became fewer is left as it is; so is
    one that the batch has too few pixels for, and layers behind it do not make up for that.

    Args:
        parent: The graph before.
        old: Its weights.
        child: The graph after.
        new: Its weights; tensors that did not change are the parent's own.
        batch: Calibration images (N, C, H, W).
    """
    layers = _to_fit(parent, old, child, new)
    wanted = eval_pass(parent, old, batch, layers)
    for name in layers:
        source = child[name].inputs[0]
        read = eval_pass(child, new, batch, {source})[source]  # behind the layers fitted before
        new = new.updated(_fitted(child[name], new, read, wanted[name]))
    return new


def _to_fit(parent: NetworkGraph, old: Weights, child: NetworkGraph, new: Weights) -> list[str]:
    """Names of the layers to fit, in order; behind them all is taken to be as it was."""
    changed: set[str] = set()  # nodes whose output differs from the parent's
    layers = []
    for node in child.nodes:
        before = parent.by_name.get(node.name)
        reads_other = before is None or before.inputs != node.inputs or any(name in changed for name in node.inputs)
        fits = before is not None and before.op == node.op and parent.shape(node.name) == child.shape(node.name)
        if reads_other and fits and OPS[node.op].trait is Trait.ABSORB:
            layers.append(node.name)
        elif reads_other or any(new[full] is not old.get(full) for full in _tensors(child, node)):
            changed.add(node.name)
    return layers


def _tensors(graph: NetworkGraph, node: Node) -> list[str]:
    return [f"{node.name}.{param}" for param in tensor_specs(graph, node)]


def _fitted(node: Node, weights: Weights, read: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Weight, and bias if there is one, of a layer that reads `read` and is to compute `wanted`; empty if it cannot.

    What a constant is off is left to the bias, or to the batch norm behind the layer.
    """
    weight, bias = weights[f"{node.name}.weight"], weights.get(f"{node.name}.bias")
    inputs, outputs = _samples(node, read, wanted)
    per_filter = inputs.shape[1]
    if len(inputs) < SAMPLES_PER_WEIGHT * per_filter:
        return {}
    flat = weight.detach().cpu().double().flatten(1)
    missing = outputs - inputs @ flat.T
    middle, shift = inputs.mean(dim=0), missing.mean(dim=0)
    inputs, missing = inputs - middle, missing - shift
    gram = inputs.T @ inputs
    ridge = torch.eye(per_filter, dtype=gram.dtype) * (RIDGE * gram.trace() / per_filter + 1e-12)
    change = torch.linalg.solve(gram + ridge, inputs.T @ missing).T
    new = {f"{node.name}.weight": (flat + change).reshape(weight.shape).to(weight)}
    if bias is not None:
        new[f"{node.name}.bias"] = (shift - change @ middle).to(bias)
    return new


def _samples(node: Node, read: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """What a filter reads at each pixel, (samples, weights of a filter), and what it computed there, on the CPU."""
    if read.ndim == 2:
        return read.cpu().double(), wanted.cpu().double()
    pixels = wanted.shape[2] * wanted.shape[3]
    images = max(1, SAMPLES // pixels)
    kernel, stride = int(node.attrs["kernel"]), int(node.attrs["stride"])
    patches = F.unfold(read[:images].cpu(), kernel, padding=kernel // 2, stride=stride)
    inputs = patches.transpose(1, 2).flatten(0, 1).double()
    return inputs, wanted[:images].cpu().double().flatten(2).transpose(1, 2).flatten(0, 1)
