"""Approximate operators do what they say: planted cases where the right answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from graphs import chain_network, graphs, images, random_weights, seeds
from hypothesis import given, settings
from torch import Tensor
from torch.nn import functional as F

from morphisms import (
    INPUT,
    OPERATORS,
    NetworkGraph,
    Node,
    Operator,
    Weights,
    act,
    build_module,
    deviation,
    flops,
    narrowing,
    params,
    prune,
    remove_layer,
    remove_skip,
    separable,
)
from morphisms.calibration import with_batch_statistics
from morphisms.channels import channel_groups
from morphisms.importance import channel_importance
from morphisms.operators.places import channel_readers
from morphisms.ops import OPS, Trait


def conv(name: str, source: str, channels: int = 6, kernel: int = 3, bias: bool = False) -> Node:
    return Node(name, "conv", (source,), {"channels": channels, "kernel": kernel, "bias": bias})


def error(graph: NetworkGraph, weights: Weights, child) -> float:
    batch = images(graph, 9, dtype=weights.example.dtype)
    return deviation(build_module(graph, weights), build_module(child.graph, child.weights), batch)


# Prune ---------------------------------------------------------------------------------------------------------------

UNREAD = [1, 3, 4]
KEPT = [0, 2, 5]


def in_network(*behind: Node) -> NetworkGraph:
    """A convolution `a` of 6 channels, then what is given, then readers."""
    return NetworkGraph((2, 3, 3), (conv("a", INPUT, bias=True), *behind), behind[-1].name)


GROUPS = {
    "one reader": in_network(Node("r", "relu", ("a",)), conv("z", "r")),
    "two readers": in_network(
        Node("r", "relu", ("a",)), conv("z1", "r"), conv("z2", "a"), Node("o", "add", ("z1", "z2"))
    ),
    "depthwise": in_network(Node("d", "depthwise", ("a",), {"kernel": 3, "bias": True}), conv("z", "d")),
    "norm": in_network(Node("n", "batch_norm", ("a",)), Node("r", "silu", ("n",)), conv("z", "r")),
    "flatten": in_network(
        Node("p", "max_pool", ("a",), {"kernel": 2, "stride": 1}), Node("f", "flatten", ("p",)),
        Node("z", "linear", ("f",), {"features": 3}),
    ),
    "concat of the same twice": in_network(
        Node("r", "relu", ("a",)), Node("c", "concat", ("r", "a", "r")), conv("z", "c")
    ),
    "concat behind another": in_network(conv("b", INPUT, 4), Node("c", "concat", ("b", "a")), conv("z", "c")),
    "add of the same twice": in_network(Node("s", "add", ("a", "a")), conv("z", "s")),
    "residual": in_network(
        Node("r", "relu", ("a",)), conv("z1", "r"), Node("s", "add", ("z1", "a"), {"scaled": True}), conv("z2", "s")
    ),
    "stacks added": in_network(
        conv("b", INPUT, 4), conv("c", INPUT, 6), conv("d", INPUT, 4), Node("x", "concat", ("a", "b")),
        Node("y", "concat", ("c", "d")), Node("s", "add", ("x", "y")), conv("z", "s"),
    ),
}  # fmt: skip


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


# Separable -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [3, 5])
def test_separable_is_the_best_fit_of_rank_one(kernel):
    graph = in_network(conv("b", "a", 5, kernel), Node("r", "relu", ("b",)), conv("z", "r"))
    weights = random_weights(graph, 0, torch.float64)
    child = separable(graph, weights, "b")
    assert child.graph["b"].attrs["kernel"] == 1 and child.graph["depthwise1"].attrs["kernel"] == kernel
    depthwise, pointwise = child.weights["depthwise1.weight"], child.weights["b.weight"]

    def fit(depthwise: Tensor, pointwise: Tensor) -> float:
        return (pointwise * depthwise.transpose(0, 1) - weights["b.weight"]).square().sum().item()

    rest = 0.0
    for channel in range(6):
        matrix = weights["b.weight"][:, channel].flatten(1)
        rest += np.square(np.linalg.svd(matrix.numpy(), compute_uv=False)[1:]).sum()  # Eckart and Young 1936
    assert fit(depthwise, pointwise) == pytest.approx(rest)
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        d = depthwise + 0.05 * torch.randn(depthwise.shape, generator=rng, dtype=torch.float64)
        p = pointwise + 0.05 * torch.randn(pointwise.shape, generator=rng, dtype=torch.float64)
        assert fit(d, p) > rest


def test_separable_is_exact_for_separable_kernels():
    node = Node("b", "conv", ("a",), {"channels": 5, "kernel": 3, "stride": 2, "bias": True})
    graph = in_network(node, Node("r", "relu", ("b",)), conv("z", "r"))
    weights = random_weights(graph, 0, torch.float64)
    rng = np.random.default_rng(0)
    left, right = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((5, 6, 1, 1), (1, 6, 3, 3)))
    weights = weights.updated({"b.weight": left * right})
    assert error(graph, weights, separable(graph, weights, "b")) <= 1e-12


# Remove layer --------------------------------------------------------------------------------------------------------


def linear_layer(*readers: Node, channels: int = 6) -> NetworkGraph:
    """A 1x1 convolution without activation, `b`, between an activation and readers: it can be folded away."""
    first = (conv("a", INPUT), Node("r", "relu", ("a",)), conv("b", "r", channels, 1))
    return NetworkGraph((2, 6, 6), (*first, *readers), readers[-1].name)


FOLDS = {
    "convolution": linear_layer(conv("z", "b")),
    "more channels": linear_layer(conv("z", "b"), channels=9),
    "fewer channels": linear_layer(conv("z", "b"), channels=2),
    "two readers": linear_layer(conv("z", "b"), conv("y", "b", 6, 1), Node("o", "add", ("z", "y"))),
    "flatten": linear_layer(
        Node("p", "avg_pool", ("b",), {"kernel": 3}), Node("f", "flatten", ("p",)),
        Node("z", "linear", ("f",), {"features": 3}),
    ),
    "global": linear_layer(
        Node("p", "global_avg_pool", ("b",)), Node("f", "flatten", ("p",)), Node("z", "linear", ("f",), {"features": 3})
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDS)
def test_removing_a_linear_layer_is_exact(case):
    graph = FOLDS[case]
    weights = random_weights(graph, 0, torch.float64)
    child = remove_layer(graph, weights, "b", batch=images(graph, 3, count=512))
    assert "b" not in child.graph and child.graph["z"].op in ("conv", "linear")
    assert error(graph, weights, child) < 0.01  # the ridge is all that is left


def test_folding_beats_passing_on_by_position():
    graph = NetworkGraph((3, 8, 8), chain_network().nodes, "fc")
    weights = random_weights(graph, 0)
    with_fit, without = [], []
    for seed in range(6):
        weights = random_weights(graph, seed)
        with_fit.append(error(graph, weights, remove_layer(graph, weights, "conv3", batch=images(graph, 3, count=64))))
        without.append(error(graph, weights, remove_layer(graph, weights, "conv3")))
    assert np.median(with_fit) < 0.7 * np.median(without)


def test_layer_before_an_add_keeps_its_channels():
    graph = act("add_skip", chain_network(), random_weights(chain_network(), 0), ("act1", "act2")).graph
    child = remove_layer(graph, random_weights(graph, 0), "conv2")
    assert child.graph["add1"].inputs == ("act1", "act1")
    assert not {"conv2", "bn2", "act2"} & set(child.graph.by_name)


def test_channel_readers():
    graph = GROUPS["flatten"]
    assert channel_readers(graph, "a") == {("z", 0): ["p", "f"]}
    doubled = GROUPS["concat of the same twice"]
    assert channel_readers(doubled, "a") == {("c", 0): ["r"], ("c", 1): [], ("c", 2): ["r"]}
    assert OPS[doubled["c"].op].trait is Trait.STACK


# Remove skip ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [(1.0, 0.0), (0.6, 0.0)])
@pytest.mark.parametrize("reader", ["conv", "pooled head", "scaled add"])
def test_removing_a_skip_of_scale_zero_is_exact(scale, reader):
    nodes = [
        conv("a", INPUT), Node("ra", "relu", ("a",)), conv("b", "ra"), Node("rb", "relu", ("b",)),
        Node("s", "add", ("rb", "ra"), {"scaled": True}),
    ]  # fmt: skip
    if reader == "conv":
        nodes += [Node("rs", "relu", ("s",)), conv("z", "rs")]
    elif reader == "pooled head":
        nodes += [Node("p", "global_avg_pool", ("s",)), Node("f", "flatten", ("p",))]
        nodes += [Node("z", "linear", ("f",), {"features": 3})]
    else:
        nodes += [conv("z", "s"), Node("t", "add", ("s", "z"), {"scaled": True})]
    graph = NetworkGraph((2, 6, 6), tuple(nodes), nodes[-1].name)
    weights = random_weights(graph, 0, torch.float64).updated({"s.scale": torch.tensor(scale, dtype=torch.float64)})
    child = remove_skip(graph, weights, "s")
    assert "s" not in child.graph and error(graph, weights, child) <= 1e-12


def test_removing_one_of_three_keeps_the_scales_of_the_others():
    nodes = (
        conv("a", INPUT), conv("b", "a"), conv("c", "b"), Node("s", "add", ("c", "a", "b"), {"scaled": True}),
        conv("z", "s"),
    )  # fmt: skip
    graph = NetworkGraph((2, 6, 6), nodes, "z")
    weights = random_weights(graph, 0).updated({"s.scale": torch.tensor([0.5, 0.0, 2.0])})
    child = remove_skip(graph, weights, "s", 1)
    assert child.graph["s"].inputs == ("c", "b") and child.weights["s.scale"].tolist() == [0.5, 2.0]
    assert error(graph, weights, child) <= 1e-5


@pytest.mark.parametrize("position", [0, 2])
def test_removing_from_a_concat_takes_the_readers_columns(position):
    nodes = (
        conv("a", INPUT, 3), conv("b", "a", 4), conv("c", INPUT, 5), Node("s", "concat", ("a", "b", "c")),
        Node("n", "batch_norm", ("s",)), conv("z", "n"),
    )  # fmt: skip
    graph = NetworkGraph((2, 6, 6), nodes, "z")
    weights = random_weights(graph, 0, torch.float64)
    start = (0, 3, 7)[position]
    width = (3, 4, 5)[position]
    kernel = weights["z.weight"].clone()
    kernel[:, start : start + width] = 0
    weights = weights.updated({"z.weight": kernel})
    child = remove_skip(graph, weights, "s", position)
    assert child.graph.shape("n")[0] == 12 - width and error(graph, weights, child) <= 1e-12
    assert ("c" in child.graph) == (position == 0), "a branch that nothing reads any more is gone"


# All -----------------------------------------------------------------------------------------------------------------


@given(graphs(heads=("global", "flatten", "two_linear")), seeds())
@settings(max_examples=15)
def test_statistics_are_recalibrated(graph, seed):
    """Behind an approximate step, running statistics are those of the batch in the child; elsewhere the parent's."""
    weights, batch = random_weights(graph, seed), images(graph, seed, count=8)
    for name in ("prune", "separable", "remove_layer", "remove_skip"):
        sites = OPERATORS[name].sites(graph)
        for where in sites[:2]:
            child = act(name, graph, weights, where.nodes, batch=batch, **dict(where.params))
            norms = [node for node in child.graph.nodes if node.op == "batch_norm"]
            module = build_module(child.graph, child.weights).train()
            for layer in module.modules():
                layer.training = layer.training and not isinstance(layer, torch.nn.Dropout)
            values = module.values(batch, [node.inputs[0] for node in norms])
            before = build_module(graph, weights).train()
            for layer in before.modules():
                layer.training = layer.training and not isinstance(layer, torch.nn.Dropout)
            for node in norms:
                read, kept = values[node.inputs[0]], child.weights[f"{node.name}.running_mean"]
                old = before.values(batch, [graph[node.name].inputs[0]])[graph[node.name].inputs[0]]
                if old.shape == read.shape and torch.equal(old, read):
                    assert kept is weights[f"{node.name}.running_mean"] or torch.allclose(
                        kept, read.mean(dim=(0, 2, 3)), atol=1e-6
                    )
                else:
                    torch.testing.assert_close(kept, read.mean(dim=(0, 2, 3)).detach())


def test_statistics_before_a_cut_are_left_alone():
    graph = chain_network()
    weights, batch = random_weights(graph, 0), images(graph, 0, count=8)
    child = act("prune", graph, weights, "conv2", channels=4, batch=batch)
    assert child.weights["bn1.running_mean"] is weights["bn1.running_mean"]
    assert child.weights["bn3.running_mean"] is not weights["bn3.running_mean"]


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


# Repair --------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("operator", ["prune", "separable", "remove_layer"])
def test_repair_brings_children_closer_to_their_parents(operator):
    graph = NetworkGraph((3, 8, 8), chain_network().nodes, "fc")
    channels = {"channels": 4} if operator == "prune" else {}
    batch = images(graph, 3, count=256)
    with_repair, without = [], []
    for seed in range(6):
        weights = with_batch_statistics(graph, random_weights(graph, seed), batch)
        with_repair.append(error(graph, weights, act(operator, graph, weights, "conv3", batch=batch, **channels)))
        without.append(error(graph, weights, act(operator, graph, weights, "conv3", **channels)))
    assert np.median(with_repair) < 0.8 * np.median(without)
