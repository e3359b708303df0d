"""Approximate operators do what they say: planted cases where the right answer is known."""

import numpy as np
import pytest
import torch
from graphs import chain_network, graphs, images, random_weights, seeds
from hypothesis import given, settings
from planted import GROUPS, conv, error, in_network
from torch import Tensor

from morphisms import (
    INPUT,
    OPERATORS,
    NetworkGraph,
    Node,
    act,
    build_module,
    remove_layer,
    remove_skip,
    separable,
)
from morphisms.calibration import with_batch_statistics
from morphisms.operators.places import channel_readers
from morphisms.ops import OPS, Trait

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
