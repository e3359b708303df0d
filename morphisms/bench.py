"""How fast children are proposed, how cheap closed forms are, and how far children are off in training mode.

Run as ``python -m morphisms.bench``. Weights are random and images are noise: the figures are about speed and about
arithmetic, not about learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
import torch
from torch import Tensor

from morphisms.calibration import with_batch_statistics
from morphisms.cost import flops, params
from morphisms.graph import INPUT, NetworkGraph, Node
from morphisms.hashing import graph_hash
from morphisms.inheritance import replay
from morphisms.module import build_module
from morphisms.operators import OPERATORS, Operator
from morphisms.operators.branches import BranchOperator
from morphisms.reference import fvcore_costs
from morphisms.verify import deviation
from morphisms.weights import initial_weights

# those on branches of cells act where a space says
ACTING = tuple([one for one in OPERATORS.values() if one.name != "continue" and not isinstance(one, BranchOperator)])
GROWING = tuple([OPERATORS[name] for name in ("deepen", "widen", "add_skip", "concat_skip")])
LEAST_NODES = 20


def grown(rng: np.random.Generator, side: int = 16, least_nodes: int = LEAST_NODES) -> NetworkGraph:
    """A chain of two convolution blocks, grown by random enlarging operators until it has `least_nodes` nodes."""
    nodes: list[Node] = []
    last = INPUT
    for k in (1, 2):
        conv, norm, act = f"conv{k}", f"bn{k}", f"relu{k}"
        nodes.append(Node(conv, "conv", (last,), {"channels": 16, "kernel": 3, "stride": k}))
        nodes += [Node(norm, "batch_norm", (conv,)), Node(act, "relu", (norm,))]
        last = act
    nodes += [Node("pool", "global_avg_pool", (last,)), Node("flat", "flatten", ("pool",))]
    nodes.append(Node("fc", "linear", ("flat",), {"features": 10}))
    graph = NetworkGraph((3, side, side), tuple(nodes), "fc")
    while len(graph) < least_nodes:
        child = _proposal(graph, rng, 1, GROWING)
        if params(child) < 200_000:
            graph = child
    return graph


def _proposal(
    graph: NetworkGraph, rng: np.random.Generator, steps: int, operators: Sequence[Operator] = ACTING
) -> NetworkGraph:
    for _ in range(steps):
        drawn = operators[int(rng.integers(len(operators)))].draw(graph, rng)
        if drawn is not None:
            graph = drawn[1].child
    return graph


def proposals_per_second(parents: Sequence[NetworkGraph], seconds: float, seed: int = 0) -> float:
    """Children of one to three random operators, each with parameters, flops and hash, per second of processor time."""
    rng = np.random.default_rng(seed)
    made, start = 0, process_time()
    while process_time() - start < seconds:
        child = _proposal(parents[made % len(parents)], rng, int(rng.integers(1, 4)))
        params(child), flops(child), graph_hash(child)
        made += 1
    return made / (process_time() - start)


def cost_ratio(graphs: Sequence[NetworkGraph], repeats: int = 200) -> tuple[float, float]:
    """Median over networks of fvcore's time over the closed form's, for (a known network, a network made anew).

    Making a network checks it and works out shape and cost of each node; the closed form then only adds up.

    Raises:
        AssertionError: if the counts differ.
    """
    fvcore_costs(graphs[0])  # the first call imports fvcore
    known, anew = [], []
    for graph in graphs:
        start = process_time()
        reference = fvcore_costs(graph)
        slow = process_time() - start
        start = process_time()
        for _ in range(repeats):
            mine = params(graph), flops(graph)
        known.append(slow * repeats / (process_time() - start))
        assert mine == reference, f"closed form {mine}, fvcore {reference}"
        start = process_time()
        for _ in range(repeats):
            again = graph.with_nodes(graph.nodes)
            mine = params(again), flops(again)
        anew.append(slow * repeats / (process_time() - start))
    return median(known), median(anew)


@dataclass(frozen=True)
class Deviations:
    """Deviation of children from their parents, one entry a child.

    Attributes:
        training: In training mode, new batch norms calibrated; on a batch other than the calibration batch.
        uncalibrated: The same children made without a calibration batch.
        evaluating: In eval mode, calibrated.
    """

    training: tuple[float, ...]
    uncalibrated: tuple[float, ...]
    evaluating: tuple[float, ...]


def operator_deviations(operator: Operator, children: int = 30, images: int = 256, side: int = 8) -> Deviations:
    """Deviations of `children` children, of one random step each, of random networks; relative error of the logits."""
    training, uncalibrated, evaluating = [], [], []
    for seed in range(children):
        rng = np.random.default_rng(seed)
        drawn = None
        while drawn is None:
            graph = grown(rng, side, least_nodes=14)
            drawn = operator.draw(graph, rng)
        calibration, other = _noise(rng, images, graph), _noise(rng, images, graph)
        # running statistics as training would have left them
        weights = with_batch_statistics(graph, initial_weights(graph, seed), calibration)
        record = operator.record(graph, drawn[0], seed)
        parent = build_module(graph, weights)
        child, raw = (replay(graph, weights, [record], batch) for batch in (calibration, None))
        module = build_module(child.graph, child.weights)
        training.append(deviation(parent, module, other, training=True))
        evaluating.append(deviation(parent, module, other))
        uncalibrated.append(deviation(parent, build_module(raw.graph, raw.weights), other, training=True))
    return Deviations(tuple(training), tuple(uncalibrated), tuple(evaluating))


def _noise(rng: np.random.Generator, count: int, graph: NetworkGraph) -> Tensor:
    return torch.from_numpy(rng.standard_normal((count, *graph.input_shape), dtype=np.float32))


def main() -> None:
    """Print all three."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    parents = [grown(rng) for _ in range(50)]
    sizes = [len(graph) for graph in parents]
    print(f"Random weights, noise images, one thread, torch {torch.__version__}.\n")
    print(f"Proposals: 1-3 random operators on {len(parents)} networks of {min(sizes)} to {max(sizes)} nodes,")
    proposals_per_second(parents, 1.0)
    rates = [proposals_per_second(parents, 2.0, seed) for seed in range(3)]
    print(
        f"  with parameters, flops and hash: {', '.join(f'{rate:,.0f}' for rate in rates)} a second of processor time"
    )
    known, anew = cost_ratio(parents[:20])
    print("Parameters and flops, fvcore's time over the closed form's (median of 20 networks, counts equal):")
    print(f"  {known:,.0f} times for a network that is there, {anew:,.0f} times with making and checking it")
    print("\nDeviation of the logits, max|a - b| / max|a|, on 256 images other than the 256 of the calibration,")
    print("in training mode (batch statistics); median and largest of 30 children of one step each:")
    print(f"  {'operator':<14}{'calibrated':>12}{'largest':>10}{'not calibrated':>16}{'eval mode':>12}")
    for operator in ACTING:
        found = operator_deviations(operator)
        figures = median(found.training), max(found.training), median(found.uncalibrated), median(found.evaluating)
        print("  {:<14}{:>12.2%}{:>10.2%}{:>16.2%}{:>12.1e}".format(operator.name, *figures))


if __name__ == "__main__":
    main()
