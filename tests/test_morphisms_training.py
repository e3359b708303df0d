"""What training meets right after a rewrite: outputs in training mode, and gradients."""

from statistics import median

import numpy as np
import pytest
import torch
from graphs import ACTIVATIONS, chain_network, images, random_weights

from morphisms import (
    INPUT,
    OPERATORS,
    NetworkGraph,
    Node,
    add_skip,
    build_module,
    concat_skip,
    deepen,
    deviation,
    widen,
)
from morphisms.bench import grown, operator_deviations, proposals_per_second


def gradients(child, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    module = build_module(child.graph, child.weights)
    module(batch).square().mean().backward()
    return {name: parameter.grad for name, parameter in module.named_parameters()}


@pytest.fixture(scope="module")
def parent():
    graph = chain_network()
    return graph, random_weights(graph, 0)


def test_deepening_is_nearly_exact_in_training_mode_too():
    """On a batch other than the calibration batch. Measured over 30 children: 0.3 % calibrated, 12 % not."""
    found = operator_deviations(OPERATORS["deepen"], children=11, images=128)
    assert median(found.training) < 0.02
    assert median(found.uncalibrated) > 5 * median(found.training)
    assert median(found.evaluating) < 1e-5


@pytest.mark.parametrize("name", ["widen", "add_skip", "concat_skip"])
def test_other_exact_operators_are_exact_in_training_mode(name):
    assert max(operator_deviations(OPERATORS[name], children=5, images=32).training) < 1e-5


def test_deviation_puts_everything_back(parent):
    module = build_module(*parent).train()
    module.bn1.eval()
    before = module.weights()
    deviation(module, module, images(parent[0]), training=True)
    assert module.training and not module.bn1.training and module.bn2.training
    after = module.weights()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_new_columns_of_a_widened_network_get_gradients(parent):
    found = gradients(widen(*parent, "conv2", 12), images(parent[0], count=8))
    assert found["conv3.weight"][:, 8:].abs().amax(dim=(0, 2, 3)).gt(0).all()
    appended = gradients(concat_skip(*parent, "act1", "act2"), images(parent[0], count=8))
    assert appended["conv3.weight"][:, 8:].abs().amax(dim=(0, 2, 3)).gt(0).any()


def test_a_projection_behind_a_zero_scale_learns_after_its_scale(parent):
    batch = images(parent[0], count=8)
    child = add_skip(*parent, "act1", "act3", batch=batch)
    found = gradients(child, batch)
    assert found["add1.scale"].ne(0).all() and found["conv4.weight"].eq(0).all()
    moved = child.weights.updated({"add1.scale": child.weights["add1.scale"] - 0.1 * found["add1.scale"]})
    module = build_module(child.graph, moved)
    module(batch).square().mean().backward()
    assert module.conv4.weight.grad.ne(0).any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_new_block_learns(activation):
    graph = chain_network(activation=activation)
    found = gradients(deepen(graph, random_weights(graph, 0), "act2", batch=images(graph, 1, 16)), images(graph, 2, 16))
    assert all(gradient.isfinite().all() for gradient in found.values())
    key = "conv4.weight" if activation in ("relu", "relu6") else "add1.scale"
    assert found[key].ne(0).any()


def test_proposals_are_counted():
    assert proposals_per_second([grown(np.random.default_rng(0))], 0.05) > 50


@pytest.mark.parametrize("channels", [1, 3, 5, 7, 8, 12])
@pytest.mark.parametrize("filters", [3, 8])
def test_gradients_of_a_strided_1x1_convolution_are_right(channels, filters):
    """As torch lays images out in training on a CPU; oneDNN's own gradient breaks the heap under AVX2."""
    nodes = (Node("skip", "conv", (INPUT,), {"channels": filters, "kernel": 1, "stride": 2}),)
    layer = build_module(NetworkGraph((channels, 8, 8), nodes, "skip")).to(memory_format=torch.channels_last).skip
    generator = torch.Generator().manual_seed(channels)
    images = torch.randn(50, channels, 8, 8, generator=generator).to(memory_format=torch.channels_last)
    towards = torch.randn(50, filters, 4, 4, generator=generator)
    trained = layer.train()(images)
    (trained * towards).sum().backward()
    wanted = torch.einsum("nihw,nohw->oi", images[:, :, ::2, ::2].double(), towards.double())
    assert torch.allclose(layer.weight.grad[:, :, 0, 0].double(), wanted, rtol=1e-4, atol=1e-3)
    assert torch.allclose(trained, layer.eval()(images), rtol=1e-5, atol=1e-6)
