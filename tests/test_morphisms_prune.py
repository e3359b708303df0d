"""Pruning does what it says: planted cases where the right answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from graphs import chain_network, images, random_weights
from planted import GROUPS, error
from torch.nn import functional as F

from morphisms import (
    OPERATORS,
    NetworkGraph,
    Operator,
    Weights,
    act,
    build_module,
    flops,
    midway,
    narrowing,
    params,
    prune,
)
from morphisms.channels import channel_groups
from morphisms.importance import channel_importance
from morphisms.ops import OPS

UNREAD = [1, 3, 4]
KEPT = [0, 2, 5]


def positions(graph: NetworkGraph, reader: str, unread: list[int]) -> list[int]:
    """Where a reader's input holds the channels `unread` of `a`, found with a marked forward pass."""
    marks = {}
    for node in graph.nodes:
        for param, spec in OPS[node.op].tensors(node.attrs, graph.input_shapes(node)).items():
            marks[f"{node.name}.{param}"] = torch.zeros(spec.shape)
            if param in ("running_var", "scale") or (node.op == "batch_norm" and param == "weight"):
                marks[f"{node.name}.{param}"] += 1
            if node.op == "depthwise" and param == "weight":
                marks[f"{node.name}.{param}"] += 1
    marks["a.bias"][unread] = 9.0
    source = graph[reader].inputs[0]
    module = build_module(graph, Weights(marks)).eval()
    value = module.values(torch.zeros(1, *graph.input_shape), [source])[source][0].detach()
    return torch.nonzero(value.flatten(1).abs().amax(1) > 4 if value.ndim > 1 else value.abs() > 4)[:, 0].tolist()


def plant(graph: NetworkGraph, seed: int) -> Weights:
    """Weights whose readers ignore the channels `UNREAD`."""
    weights = random_weights(graph, seed, torch.float64)
    for node in graph.nodes:
        if node.name.startswith("z"):
            weight = weights[f"{node.name}.weight"].clone()
            weight[:, positions(graph, node.name, UNREAD)] = 0
            weights = weights.updated({f"{node.name}.weight": weight})
    return weights


@pytest.mark.parametrize("with_batch", [True, False])
@pytest.mark.parametrize("case", GROUPS)
def test_channels_that_nobody_reads_go_first(case, with_batch):
    graph = GROUPS[case]
    weights = plant(graph, 1)
    group = next(group for group in channel_groups(graph) if "a" in group.producers)
    batch = images(graph, 2, count=16, dtype=torch.float64) if with_batch else None
    scores = channel_importance(graph, weights, group, batch)
    assert scores[UNREAD] == pytest.approx(0) and (scores[KEPT] > 0).all()
    child = prune(graph, weights, "a", 3)
    assert torch.equal(child.weights["a.weight"][: len(KEPT)], weights["a.weight"][KEPT])
    assert error(graph, weights, child) <= 1e-12
    assert params(child.graph) < params(graph) and flops(child.graph) < flops(graph)


def test_groups():
    def named(case: str) -> list[tuple[tuple[str, ...], bool]]:
        return [(group.producers, bool(group.fixed)) for group in channel_groups(GROUPS[case])]

    assert named("one reader") == [(("a",), False), (("z",), True)]
    assert named("two readers") == [(("a",), False), (("z1", "z2"), True)]
    assert named("residual") == [(("a", "z1"), False), (("z2",), True)]
    assert named("stacks added") == [(("a", "c"), False), (("b", "d"), False), (("z",), True)]


def test_constant_channels_go_before_varying_ones():
    graph = GROUPS["one reader"]
    weights = random_weights(graph, 1)
    kernel, bias = weights["a.weight"].clone(), weights["a.bias"].clone()
    kernel[UNREAD], bias[UNREAD] = 0, 5.0
    child = prune(graph, weights.updated({"a.weight": kernel, "a.bias": bias}), "a", 3, batch=images(graph, count=8))
    assert torch.equal(child.weights["a.weight"], kernel[KEPT])


def test_importance_of_a_single_image():
    graph = NetworkGraph((3, 1, 1), chain_network(1).nodes, "fc")
    group = channel_groups(graph)[0]
    weights = random_weights(graph, 0)
    assert np.isfinite(channel_importance(graph, weights, group, images(graph, count=1))).all()


WIDE = chain_network(widths=(8, 16))


@pytest.mark.parametrize("widths", [(1, 2), (2, 4), (6, 12), (4, 6), (8, 16), (8, 8), (16, 32)])
def test_narrowing_leads_to_a_network_that_is_narrower_in_proportion(widths):
    narrow = chain_network(widths=widths)
    found = narrowing(WIDE, narrow)
    assert (found is not None) == (widths in ((1, 2), (2, 4), (6, 12), (8, 8)))
    if found is not None:
        made = act("prune", WIDE, random_weights(WIDE, 1), found.nodes, **dict(found.params))
        assert made.graph == narrow


def test_narrowing_leads_to_no_other_family():
    assert narrowing(WIDE, chain_network(widths=(4, 8, 8))) is None
    assert narrowing(WIDE, WIDE.replacing(replace(WIDE["conv2"], attrs={**WIDE["conv2"].attrs, "kernel": 5}))) is None


@pytest.mark.parametrize(
    ("wide", "narrow", "middle"),
    [
        ((8, 16), (4, 8), (6, 12)),
        ((8, 16), None, (6, 12)),
        ((8, 16), (5, 10), (6, 12)),
        ((3, 6), (2, 4), (3, 5)),  # a channel apart
        ((3, 6), (3, 5), None),
        ((2, 2), None, None),
        ((8, 4), (4, 3), (6, 4)),
        ((8, 5), (4, 3), None),  # no 6/8 of 5 channels
        ((4, 8), (4, 8), None),
    ],
)
def test_midway_lies_in_the_middle(wide, narrow, middle):
    graph = chain_network(widths=wide)
    found = midway(graph, narrow and chain_network(widths=narrow))
    assert (found is None) == (middle is None)
    if found is not None:
        child = OPERATORS["prune"].rewrite(graph, found).child
        assert child == chain_network(widths=middle)
        assert narrowing(graph, child) == found


def test_groups_are_pruned_one_by_one_from_the_last():
    """So that a layer that loses inputs and filters is fitted in between."""
    weights, batch = random_weights(WIDE, 3), images(WIDE, count=64)
    made = act("prune", WIDE, weights, ("conv1", "conv2"), batch=batch, channels=4)
    behind = act("prune", WIDE, weights, "conv2", batch=batch, channels=8)
    step = act("prune", behind.graph, behind.weights, "conv1", batch=batch, channels=4)
    assert made.graph == step.graph
    assert all(torch.equal(made.weights[name], step.weights[name]) for name in made.weights)
    rewrite = OPERATORS["prune"].rewrite(WIDE, made.record.site)
    at_once = Operator.transfer(OPERATORS["prune"], rewrite, weights, np.random.default_rng(1), batch)
    assert error(WIDE, weights, made) < error(WIDE, weights, replace(made, weights=at_once))


def test_pruned_logits_stay_close_where_channels_repeat():
    """A planted redundancy: half of the filters are copies, and the copies are read with tiny weights."""
    graph = chain_network(widths=(8, 8))
    weights = random_weights(graph, 0)
    kernel = weights["conv2.weight"].clone()
    kernel[:, 4:] *= 1e-4
    weights = weights.updated({"conv2.weight": kernel})
    child = prune(graph, weights, "conv1", 4, batch=images(graph, count=16))
    before = build_module(graph, weights).train()(images(graph, 5, count=16))
    after = build_module(child.graph, child.weights).train()(images(graph, 5, count=16))
    assert F.mse_loss(after, before) < 1e-4


@pytest.mark.parametrize("case", ["one reader", "two readers", "concat behind another", "residual"])
def test_what_pruned_channels_told_is_told_by_those_that_stay(case):
    """Twins: of channels that come in pairs of the same filter, the less important of each pair goes without loss."""
    graph = GROUPS[case]
    weights = random_weights(graph, 1, torch.float64)
    changes = {}
    for name in ("a.weight", "a.bias"):
        changes[name] = torch.cat([weights[name][:3]] * 2)
    for node in graph.nodes:
        if node.name.startswith("z"):
            changes[f"{node.name}.weight"] = weights[f"{node.name}.weight"].clone()
            changes[f"{node.name}.weight"][:, positions(graph, node.name, [3, 4, 5])] *= 0.3
    weights = weights.updated(changes)
    batch = images(graph, 3, count=512, dtype=torch.float64)
    assert error(graph, weights, prune(graph, weights, "a", 3)) > 0.1
    if case == "residual":  # its reader loses filters as well, and is left as it is; the next one makes up for some
        assert error(graph, weights, prune(graph, weights, "a", 3, batch=batch)) < 0.5
    else:
        assert error(graph, weights, prune(graph, weights, "a", 3, batch=batch)) < 0.01
