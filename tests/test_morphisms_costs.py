import numpy as np
import pytest
import torch
from graphs import graphs, images, random_chain, seeds
from hypothesis import given, settings

from morphisms import INPUT, OPERATORS, NetworkGraph, Node, activation_bytes, build_module, flops, params
from morphisms.cost import node_shares
from morphisms.ops import OPS
from morphisms.reference import fvcore_costs


def real_shapes(graph: NetworkGraph) -> dict[str, tuple[int, ...]]:
    module = build_module(graph).eval()
    with torch.no_grad():
        values = module.values(images(graph, count=2), [node.name for node in graph.nodes])
    return {name: tuple(value.shape[1:]) for name, value in values.items()}


def simulated_bytes(graph: NetworkGraph) -> int:
    """Peak of a forward pass that frees a value as soon as no node still to come reads it."""
    sizes = {INPUT: int(np.prod(graph.input_shape))} | {
        name: int(np.prod(shape)) for name, shape in real_shapes(graph).items()
    }
    alive, peak = {INPUT}, 0
    for position, node in enumerate(graph.nodes):
        alive.add(node.name)
        peak = max(peak, sum(sizes[name] for name in alive))
        still_read = {name for later in graph.nodes[position + 1 :] for name in later.inputs}
        alive = {name for name in alive if name in still_read or name == graph.output}
    return 4 * peak


@given(graphs())
def test_shapes_and_memory_are_the_built_modules(graph):
    assert real_shapes(graph) == {node.name: graph.shape(node.name) for node in graph.nodes}
    assert activation_bytes(graph) == simulated_bytes(graph)


@given(graphs())
@settings(max_examples=60)
def test_costs_are_fvcores_exactly(graph):
    assert (params(graph), flops(graph)) == fvcore_costs(graph)


@given(graphs(most=6), seeds())
@settings(max_examples=15)
def test_costs_of_children_are_fvcores_exactly(graph, seed):
    child, _ = random_chain(graph, np.random.default_rng(seed), 6, list(OPERATORS))
    assert (params(child), flops(child)) == fvcore_costs(child)


def test_drawn_networks_cover_all_operations():
    seen: set[str] = set()

    @given(graphs())
    @settings(max_examples=150)
    def collect(graph):
        seen.update(node.op for node in graph.nodes)

    collect()
    assert seen == set(OPS)


def test_by_hand():
    graph = NetworkGraph(
        (3, 8, 6),
        (
            Node("c", "conv", (INPUT,), {"channels": 5, "kernel": 3, "stride": 2, "bias": True}),
            Node("b", "batch_norm", ("c",)),
            Node("s", "add", ("b", "c"), {"scaled": True}),
            Node("p", "global_avg_pool", ("s",)),
            Node("f", "flatten", ("p",)),
            Node("l", "linear", ("f",), {"features": 7}),
        ),
        "l",
    )
    assert graph.shape("c") == (5, 4, 3)
    assert params(graph) == (5 * 3 * 9 + 5) + (2 * 5) + 2 + (5 * 7 + 7)
    assert flops(graph) == 5 * 3 * 9 * 12 + 2 * 5 * 12 + 5 * 12 + 5 * 7
    assert activation_bytes(graph) == 4 * (3 * 8 * 6 + 60)
    shares = node_shares(graph)
    assert sum(shares.values()) == pytest.approx(1) and shares["s"] == 0 and INPUT not in shares
