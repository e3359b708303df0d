"""Exact operators, one and many in a row, and where deepening is an identity and where a residual."""

import numpy as np
import pytest
import torch
from graphs import ACTIVATIONS, chain_network, graphs, images, random_chain, random_weights, seeds
from hypothesis import given, settings

from morphisms import (
    INPUT,
    OPERATORS,
    Exactness,
    NetworkGraph,
    Node,
    SiteError,
    Weights,
    act,
    add_skip,
    build_module,
    concat_skip,
    deepen,
    deviation,
    replay,
    widen,
)
from morphisms.operators import site
from morphisms.operators.places import bounding_activation
from morphisms.verify import TOLERANCE

EXACT = ("deepen", "widen", "add_skip", "concat_skip", "continue")


def logits(graph: NetworkGraph, weights: Weights, batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return build_module(graph, weights).eval()(batch)


@given(graphs(), seeds())
@settings(max_examples=25)
def test_exact_chains(graph, seed):
    """Twenty exact rewrites in a row, with scales, statistics and channels of skips as training would leave them."""
    child, records = random_chain(graph, np.random.default_rng(seed), 20, EXACT)
    for dtype in (torch.float32, torch.float64):
        weights, batch = random_weights(graph, seed, dtype), images(graph, seed + 1, dtype=dtype)
        made = replay(graph, weights, records, images(graph, seed + 2, count=8))
        assert made.graph == child
        parent, module = build_module(graph, weights), build_module(made.graph, made.weights)
        steps = sum(record.exactness is Exactness.TOLERANCE for record in records)
        dead = logits(graph, weights, batch).abs().max() < 1e-3  # a relative error says nothing then
        assert dead or deviation(parent, module, batch) <= TOLERANCE[dtype] * steps


def test_chains_are_long():
    """The test above would prove little if most chains ended early."""
    lengths = []

    @given(graphs(), seeds())
    @settings(max_examples=25)
    def collect(graph, seed):
        lengths.append(len(random_chain(graph, np.random.default_rng(seed), 20, EXACT)[1]))

    collect()
    assert np.median(lengths) == 20


@given(graphs(most=6, heads=("global", "flatten")), seeds())
@settings(max_examples=15)
def test_exact_steps_behind_changed_weights(graph, seed):
    """Each of several steps is exact when all weights, new scales included, have moved since the last one."""
    rng = np.random.default_rng(seed)
    for step in range(8):
        weights = random_weights(graph, seed + step)
        child, records = random_chain(graph, rng, 1, EXACT[:4])
        if not records:
            break
        made = replay(graph, weights, records, images(graph, count=8))
        error = deviation(build_module(graph, weights), build_module(made.graph, made.weights), images(graph, seed))
        assert error <= (TOLERANCE[torch.float32] if records[0].exactness is Exactness.TOLERANCE else 0)
        graph = child


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_deepen(activation, kernel, calibrated):
    graph = chain_network(activation=activation)
    weights, batch = random_weights(graph, 0), images(graph, 1)
    child = deepen(graph, weights, "act2", kernel, batch=images(graph, 2, count=16) if calibrated else None)
    residual = activation not in ("relu", "relu6")
    assert ("add1" in child.graph) == residual == ("residual" in child.record.summary)
    assert child.record.exactness is (Exactness.BITWISE if residual else Exactness.TOLERANCE)
    a, b = logits(graph, weights, batch), logits(child.graph, child.weights, batch)
    if residual:
        assert torch.equal(a, b)
        assert child.weights["add1.scale"].tolist() == [1, 0]
    else:
        assert ((a - b).abs().max() / a.abs().max()).item() <= TOLERANCE[torch.float32]
        assert not any(node.op == "add" for node in child.graph.nodes)


def behind(*ops: Node) -> NetworkGraph:
    """relu6 activations, scaled far into its upper bound, then `ops`, then a head."""
    first = (Node("c", "conv", (INPUT,), {"channels": 4, "kernel": 3}), Node("r", "relu6", ("c",)))
    head = (Node("end", "flatten", (ops[-1].name,)), Node("fc", "linear", ("end",), {"features": 3}))
    return NetworkGraph((2, 7, 7), (*first, *ops, *head), "fc")


POOLS = {
    "avg_pool": (behind(Node("p", "avg_pool", ("r",), {"kernel": 3, "stride": 2})), "relu6"),
    "max_pool": (behind(Node("p", "max_pool", ("r",), {"kernel": 3, "stride": 1})), "relu6"),
    "pool and dropout": (
        behind(Node("d", "dropout", ("r",), {"p": 0.5}), Node("p", "avg_pool", ("d",), {"kernel": 5, "stride": 1})),
        "relu6",
    ),
    "norm": (behind(Node("p", "batch_norm", ("r",))), ""),
    "add": (behind(Node("p", "add", ("r", "r"))), ""),
    "concat": (behind(Node("p", "concat", ("r", "c"))), ""),
    "depthwise": (behind(Node("p", "depthwise", ("r",), {"kernel": 3})), ""),
    "silu": (behind(Node("p", "silu", ("r",))), ""),
}


@pytest.mark.parametrize("case", POOLS)
def test_bounding_activation(case):
    """Padded average pooling brings in zeros, which lie in the range of both idempotent activations."""
    graph, activation = POOLS[case]
    assert bounding_activation(graph, "p") == activation
    weights = random_weights(graph, 0)
    weights = weights.updated({"c.weight": 10 * weights["c.weight"]})
    module, batch = build_module(graph, weights).eval(), images(graph, 1)
    values = module.values(batch, ["r"])["r"]
    assert values.eq(6).float().mean() > 0.2
    if case in ("avg_pool", "max_pool", "add", "concat", "silu"):
        after = deepen(graph, weights, "p", batch=batch)
        error = deviation(module, build_module(after.graph, after.weights), batch)
        assert error <= (TOLERANCE[torch.float32] if activation else 0)


def test_no_activation_at_all():
    graph = NetworkGraph((1, 4, 4), (Node("p", "max_pool", (INPUT,), {"kernel": 2}),), "p")
    assert bounding_activation(graph, "p") == ""
    child = deepen(graph, Weights({}), "p")
    assert [node.op for node in child.graph.nodes] == ["max_pool", "conv", "batch_norm", "relu", "add"]
    batch = images(graph)
    assert torch.equal(logits(graph, Weights({}), batch), logits(child.graph, child.weights, batch))


def test_deepen_behind_relu6_twice():
    """The name of relu6 ends in a digit, which once made the second block's name collide."""
    graph = chain_network(activation="relu6")
    one = deepen(graph, random_weights(graph, 0), "act1")
    two = deepen(one.graph, one.weights, "act1")
    assert {"relu6_1", "relu6_2"} <= set(two.graph.by_name)


def test_maps_as_output():
    """Networks without a head: their last channels are fixed, all else may act, at the very end too."""
    graph = NetworkGraph((3, 6, 6), chain_network(6).nodes[:9], "act3")
    weights, batch = random_weights(graph, 0), images(graph)
    end = deepen(graph, weights, "act3", batch=batch)
    skip = add_skip(graph, weights, "act1", "act3", batch=batch)
    assert end.graph.output == "relu1" and skip.graph.output == "add1"
    for child in (end, skip, widen(graph, weights, "conv2", 12)):
        assert deviation(build_module(graph, weights), build_module(child.graph, child.weights), batch) <= 1e-5


def test_widen_whole_groups():
    """Residual groups, depthwise layers, a producer read twice by a concat, and a flatten of several pixels."""
    nodes = (
        Node("a", "conv", (INPUT,), {"channels": 4, "kernel": 3, "bias": True}),
        Node("ra", "relu", ("a",)),
        Node("b", "conv", ("ra",), {"channels": 4, "kernel": 3}),
        Node("n", "batch_norm", ("b",)),
        Node("s", "add", ("n", "ra"), {"scaled": True}),
        Node("d", "depthwise", ("s",), {"kernel": 3, "bias": True}),
        Node("cat", "concat", ("d", "s", "d")),
        Node("both", "add", ("cat", "cat")),
        Node("flat", "flatten", ("both",)),
        Node("l1", "linear", ("flat",), {"features": 6}),
        Node("rl", "silu", ("l1",)),
        Node("l2", "linear", ("rl",), {"features": 3}),
    )
    graph = NetworkGraph((2, 3, 5), nodes, "l2")
    weights, batch = random_weights(graph, 0, torch.float64), images(graph, dtype=torch.float64)
    child = act("widen", graph, weights, "a", channels=7)
    assert child.graph["a"].attrs["channels"] == child.graph["b"].attrs["channels"] == 7
    assert child.record.summary == "widen a (with b) 4 to 7"
    assert child.graph.shape("flat") == (3 * 7 * 15,)
    again = act("widen", child.graph, child.weights, "l1", channels=11)
    parent = build_module(graph, weights)
    assert deviation(parent, build_module(again.graph, again.weights), batch) <= 2e-12
    assert act("widen", graph, weights, "b", channels=7).graph == child.graph  # any member names the group


def test_concat_skip_starts_with_zeros():
    graph = chain_network()
    weights = random_weights(graph, 0)
    child = concat_skip(graph, weights, "act1", "act2")
    assert child.weights["conv3.weight"][:, 8:].eq(0).all()
    assert torch.equal(child.weights["conv3.weight"][:, :8], weights["conv3.weight"])
    assert child.graph["concat1"].inputs == ("act2", "act1")


def test_add_skip_projects():
    graph = chain_network(widths=(4, 6))
    graph = OPERATORS["deepen"].rewrite(graph, site("act1", kernel=3)).child
    weights, batch = random_weights(graph, 0), images(graph, count=8)
    child = add_skip(graph, weights, "act1", "act2", batch=batch)
    assert child.record.summary == "skip act1 to act2 by addition, projected"
    assert torch.equal(logits(graph, weights, batch), logits(child.graph, child.weights, batch))
    norm = next(name for name in child.graph.by_name if name not in graph and name.startswith("bn"))
    assert not child.weights[f"{norm}.running_mean"].eq(0).any(), "its statistics are those of the batch"


def test_widen_several_groups_in_proportion():
    graph = chain_network(widths=(8, 12, 4))
    weights = random_weights(graph, 0)
    child = act("widen", graph, weights, ("conv1", "conv2", "conv3"), channels=10)
    assert [child.graph.shape(f"conv{k}")[0] for k in (1, 2, 3)] == [10, 15, 5]
    assert child.record.summary == "widen conv1 8 to 10, all 3 groups alike"
    assert deviation(build_module(graph, weights), build_module(child.graph, child.weights), images(graph)) <= 1e-5
    with pytest.raises(SiteError, match="4 channels cannot change in proportion, from 8 to 9"):
        act("widen", graph, weights, ("conv1", "conv3"), channels=9)
