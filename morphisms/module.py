"""From graph and weights to a plain `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from morphisms.graph import INPUT, GraphError, NetworkGraph
from morphisms.ops import OPS
from morphisms.weights import Weights, initial_weights


class GraphModule(nn.Module):
    """A network that runs its graph's nodes in order; parameters are named ``"node.parameter"`` as in `Weights`.

    Raises:
        GraphError: for a node called like an attribute of a module, such as ``"train"``.
    """

    def __init__(self, graph: NetworkGraph) -> None:
        super().__init__()
        self.graph = graph
        # (name, layer, what it reads, what is read for the last time there)
        self._plan: list[tuple[str, nn.Module, tuple[str, ...], list[str]]] = []
        last_reader = {source: node.name for node in graph.nodes for source in node.inputs}
        for node in graph.nodes:
            if hasattr(self, node.name):
                raise GraphError(f"node '{node.name}': a module has an attribute of that name; give it another")
            layer = OPS[node.op].build(node.attrs, graph.input_shapes(node))
            self.add_module(node.name, layer)
            finished = [source for source in dict.fromkeys(node.inputs) if last_reader[source] == node.name]
            self._plan.append((node.name, layer, node.inputs, finished))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W)."""
        values = {INPUT: images}
        for name, layer, inputs, finished in self._plan:
            values[name] = layer(*[values[source] for source in inputs])
            for source in finished:  # so that memory holds what `activation_bytes` counts
                del values[source]
        return values[self.graph.output]

    def values(self, images: Tensor, names: Collection[str]) -> Mapping[str, Tensor]:
        """The values of some nodes (or `INPUT`) for images (N, C, H, W), each with the batch dimension first."""
        values = {INPUT: images}
        for name, layer, inputs, _ in self._plan:
            values[name] = layer(*[values[source] for source in inputs])
        return {name: values[name] for name in names}

    def weights(self) -> Weights:
        """A copy of the current weights, detached."""
        return Weights({name: tensor.detach().clone() for name, tensor in self.state_dict().items()})


def build_module(graph: NetworkGraph, weights: Weights | None = None, seed: int = 0) -> GraphModule:
    """A module for a graph, in training mode, whose tensors are its own.

    Args:
        graph: The network.
        weights: Its weights, cloned, so that training the module never touches them; None draws fresh ones.
        seed: For fresh weights. torch's global generator is neither read nor moved.

    Raises:
        ValueError: if the weights are not the graph's, naming the first tensor that does not fit.
    """
    given = initial_weights(graph, seed) if weights is None else weights
    with torch.device("meta"):  # no memory and no random numbers for values that are replaced at once
        module = GraphModule(graph)
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in given:
            raise ValueError(f"weights: '{name}' is missing; the graph wants shape {tuple(tensor.shape)}")
        if given[name].shape != tensor.shape:
            raise ValueError(f"weights: '{name}' has shape {tuple(given[name].shape)}, expected {tuple(tensor.shape)}")
        node, _, param = name.partition(".")
        own = given[name].detach().clone()
        layer = module.get_submodule(node)
        setattr(layer, param, nn.Parameter(own) if isinstance(getattr(layer, param), nn.Parameter) else own)
    if extra := sorted(given.keys() - wanted.keys()):
        raise ValueError(f"weights: '{extra[0]}' belongs to no node of the graph")
    return module
