"""Weights beside a graph: a read-only mapping of tensors, and what is done to them when channels come and go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor

from morphisms.channels import Reindex
from morphisms.graph import NetworkGraph, Node
from morphisms.ops import OPS, TensorSpec


class Weights(Mapping[str, Tensor]):
    """Tensors by ``"node.parameter"``, buffers included. Read-only; a child shares the tensors it did not change.

    Nothing may write to the tensors: `build_module` clones them before training does.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"Weights({len(self)} tensors, {sum(tensor.numel() for tensor in self.values()):,} values)"

    @property
    def example(self) -> Tensor:
        """Any one tensor, for its dtype and device; a float32 zero on the CPU if there is none."""
        return next(iter(self._tensors.values()), torch.zeros(()))

    def updated(self, changes: Mapping[str, Tensor]) -> Weights:
        """The same with some tensors replaced."""
        return Weights({**self._tensors, **changes})

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Weights:
        """The same values in another number format or on another device."""
        return Weights({name: tensor.to(device=device, dtype=dtype) for name, tensor in self.items()})


def tensor_specs(graph: NetworkGraph, node: Node) -> Mapping[str, TensorSpec]:
    """The tensors a node has in a graph, by parameter name."""
    return OPS[node.op].tensors(node.attrs, graph.input_shapes(node))


def fresh(spec: TensorSpec, rng: np.random.Generator, like: Tensor | None = None) -> Tensor:
    """A newly drawn tensor; `rng` is used for random ones only, so that numbers are the same on every device."""
    if spec.init == "normal":
        fan_in = prod(spec.shape[1:])
        values = rng.standard_normal(spec.shape, dtype=np.float32) * np.float32(sqrt(spec.gain / fan_in))
    elif spec.init == "first":
        values = np.eye(1, spec.shape[0], dtype=np.float32)[0]
    else:
        values = np.full(spec.shape, 1 if spec.init == "ones" else 0, dtype=np.float32)
    tensor = torch.from_numpy(values)
    return tensor if like is None else tensor.to(like)


def fresh_node(
    graph: NetworkGraph, name: str, rng: np.random.Generator, like: Tensor | None = None
) -> dict[str, Tensor]:
    """Newly drawn tensors of one node, by full name."""
    specs = tensor_specs(graph, graph[name])
    return {f"{name}.{param}": fresh(spec, rng, like) for param, spec in specs.items()}


def initial_weights(graph: NetworkGraph, seed: int) -> Weights:
    """Fresh float32 weights for a whole network on the CPU; the same for the same seed everywhere."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Tensor] = {}
    for node in graph.nodes:
        tensors.update(fresh_node(graph, node.name, rng))
    return Weights(tensors)


def carried(
    child: NetworkGraph,
    weights: Weights,
    changes: Mapping[str, tuple[list[Reindex | None], Reindex | None]],
    rng: np.random.Generator,
    new: Mapping[str, Tensor] | None = None,
) -> Weights:
    """Weights of a child: its parent's, re-indexed where channels changed.

    A new output channel gets fresh values, a new input channel zeros: so the child computes what its parent did
    (network morphism of type II, NASH), while a removed channel is left out on both sides.

    Args:
        child: Graph of the child.
        weights: Weights of the parent.
        changes: What `morphisms.channels.follow` found.
        rng: Draws the fresh values.
        new: Tensors of nodes that the parent does not have, by full name.
    """
    new = new or {}
    tensors: dict[str, Tensor] = {}
    for node in child.nodes:
        specs = tensor_specs(child, node)
        inputs, output = changes.get(node.name, ([None], None))
        for param, spec in specs.items():
            name = f"{node.name}.{param}"
            if name in new:
                tensors[name] = new[name]
                continue
            tensor = weights[name]
            if output is not None and spec.out_axis is not None:
                tensor = _reindexed(tensor, spec.out_axis, output, fresh(_widened(spec, tensor), rng, tensor))
            if inputs[0] is not None and spec.in_axis is not None:
                tensor = _reindexed(tensor, spec.in_axis, inputs[0], None)
            tensors[name] = tensor
    return Weights(tensors)


def _widened(spec: TensorSpec, tensor: Tensor) -> TensorSpec:
    """The spec with the tensor's own shape, but for the output axis."""
    shape = list(tensor.shape)
    assert spec.out_axis is not None
    shape[spec.out_axis] = spec.shape[spec.out_axis]
    return TensorSpec(tuple(shape), spec.init, gain=spec.gain)


def _reindexed(tensor: Tensor, axis: int, index: Reindex, filler: Tensor | None) -> Tensor:
    """The tensor with an axis re-indexed; new entries come from `filler` (same shape as the result) or are zero."""
    sources = torch.from_numpy(index.sources).to(tensor.device)
    taken = tensor.index_select(axis, sources.clamp(min=0))
    shape = [1] * tensor.ndim
    shape[axis] = -1
    is_new = (sources < 0).view(shape)
    if not bool(is_new.any()):
        return taken
    return torch.where(is_new, torch.zeros_like(taken) if filler is None else filler, taken)
