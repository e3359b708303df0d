"""How much each channel of a group matters to those who read it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from morphisms.calibration import eval_pass
from morphisms.channels import ChannelGroup, Reindex, follow
from morphisms.graph import NetworkGraph
from morphisms.ops import OPS, Trait
from morphisms.weights import Weights


def channel_importance(
    graph: NetworkGraph, weights: Weights, group: ChannelGroup, batch: Tensor | None
) -> NDArray[np.float64]:
    """Importance of each channel of a group, shape (group.size,): its share in what its readers compute.

    Over all absorbing readers: the norm of the weights that read the channel, times the standard deviation of the
    channel's values where it is read (a constant can be made up for by the reader's batch norm). Without a batch, the
    norm of the weights alone. Each reader's scores are divided by their sum, so that readers count alike.
    """
    # each channel is passed off as new, under a label of its own, which `follow` carries even through a concat
    labels = Reindex(-1 - np.arange(group.size), group.size)
    touched = follow(graph, nodes=dict.fromkeys(group.producers, labels))
    reads = {
        name: inputs[0].sources
        for name, (inputs, _) in touched.items()
        if OPS[graph[name].op].trait is Trait.ABSORB and inputs[0] is not None
    }
    sources = {graph[name].inputs[0] for name in reads}
    values = eval_pass(graph, weights, batch, sources) if batch is not None else {}
    total = torch.zeros(group.size, dtype=torch.float64)
    for name, label in reads.items():
        score = weights[f"{name}.weight"].cpu().double().transpose(0, 1).flatten(1).norm(dim=1)
        if values:
            value = values[graph[name].inputs[0]].cpu().double()
            score = score * value.std(dim=[axis for axis in range(value.ndim) if axis != 1], correction=0)
        mine = torch.from_numpy(label < 0)
        by_channel = torch.zeros(group.size, dtype=torch.float64)
        by_channel.index_add_(0, torch.from_numpy(-1 - label[label < 0]), score[mine])
        total += by_channel / by_channel.sum().clamp(min=1e-12)
    return total.numpy()
