import os
import stat
import sys
import weakref

import numpy as np
import pytest
import torch
from graphs import chain_network, graphs, images, random_weights, seeds
from hypothesis import given, settings
from torch import nn

from morphisms import GraphError, NetworkGraph, Node, Weights, build_module, initial_weights, load_weights, save_weights


def by_hand() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 8), (8, 12)):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5))


@pytest.mark.parametrize("training", [False, True])
def test_equals_a_hand_written_network(training):
    graph = chain_network()
    weights = random_weights(graph, 1)
    sequential = by_hand()
    names = [node.name for node in graph.nodes]
    state = {f"{names.index(name.split('.')[0])}.{name.split('.')[1]}": tensor for name, tensor in weights.items()}
    sequential.load_state_dict(state, strict=False)  # the hand-written norms count batches
    module, batch = build_module(graph, weights), images(graph)
    assert torch.equal(module.train(training)(batch), sequential.train(training)(batch))


@given(graphs(most=8), seeds())
@settings(max_examples=8)
def test_exports_and_agrees(graph, seed):
    module = build_module(graph, random_weights(graph, seed)).eval()
    program = torch.export.export(module, (images(graph, count=2),), strict=False)
    batch = images(graph, seed=3, count=2)
    torch.testing.assert_close(program.module()(batch), module(batch))


@given(graphs(), seeds())
def test_weights_go_in_and_come_out(graph, seed):
    weights = random_weights(graph, seed)
    again = build_module(graph, weights).weights()
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_training_never_writes_to_the_weights():
    graph = chain_network()
    weights = random_weights(graph, 0)
    before = {name: tensor.clone() for name, tensor in weights.items()}
    module = build_module(graph, weights)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.9)
    module(images(graph)).square().sum().backward()
    optimiser.step()
    after = module.weights()
    assert all(not torch.equal(after[name], before[name]) for name in before), "the step changed nothing"
    assert all(torch.equal(weights[name], before[name]) for name in before)


def test_a_plain_state_dict_loads():
    """What an exported safetensors file holds is a dict without torch's metadata."""
    module = build_module(chain_network(), seed=1)
    other = build_module(chain_network(), seed=2)
    other.load_state_dict(dict(module.state_dict()))
    batch = images(chain_network())
    assert torch.equal(module.eval()(batch), other.eval()(batch))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    state = np.random.get_state()[1].copy()  # noqa: NPY002  (that nobody used it is the point)
    graph = chain_network()
    build_module(graph, seed=3)
    build_module(graph, initial_weights(graph, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_fresh_weights_follow_the_seed():
    a, b, c = (initial_weights(chain_network(), seed) for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["conv1.weight"], c["conv1.weight"])
    assert a["conv2.weight"].std().item() == pytest.approx((2 / 72) ** 0.5, rel=0.1)
    assert a["bn1.weight"].eq(1).all() and a["bn1.running_var"].eq(1).all() and a["bn1.bias"].eq(0).all()


def without(weights: Weights, name: str) -> Weights:
    return Weights({other: tensor for other, tensor in weights.items() if other != name})


WRONG_WEIGHTS = {
    "missing": (
        lambda w: without(w, "bn2.running_var"),
        r"weights: 'bn2.running_var' is missing; the graph wants shape \(8,\)",
    ),
    "shape": (
        lambda w: w.updated({"fc.weight": torch.zeros(5, 11)}),
        r"weights: 'fc.weight' has shape \(5, 11\), expected \(5, 12\)",
    ),
    "extra": (lambda w: w.updated({"fc.scale": torch.zeros(1)}), "weights: 'fc.scale' belongs to no node of the graph"),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_weights_are_named(case):
    wrong, text = WRONG_WEIGHTS[case]
    with pytest.raises(ValueError, match=text):
        build_module(chain_network(), wrong(initial_weights(chain_network(), 0)))


@pytest.mark.parametrize("name", ["train", "forward", "weights", "graph", "training", "_plan", "_modules", "values"])
def test_names_of_module_attributes_are_refused(name):
    graph = NetworkGraph((3, 4, 4), (Node(name, "relu", ("input",)),), name)
    with pytest.raises(GraphError, match=f"node '{name}': a module has an attribute of that name"):
        build_module(graph)


def test_values_are_freed_after_their_last_reader():
    graph = chain_network()
    module = build_module(graph).eval()
    alive: list[int] = []
    references = []

    def watch(layer, inputs, output):
        references.append(weakref.ref(output))
        alive.append(sum(reference() is not None for reference in references))

    for layer in module.children():
        layer.register_forward_hook(watch)
    with torch.no_grad():
        module(images(graph))
    assert len(alive) == len(graph) and max(alive) <= 3  # a flatten's output is a view that keeps its input


def test_weights_mapping():
    weights = initial_weights(chain_network(), 0)
    changed = weights.updated({"fc.bias": torch.ones(5)})
    assert changed["fc.weight"] is weights["fc.weight"] and weights["fc.bias"].eq(0).all()
    assert weights.to(dtype=torch.float64)["fc.bias"].dtype == torch.float64
    assert repr(weights).startswith("Weights(17 tensors, ")
    with pytest.raises(TypeError):
        weights["fc.bias"] = torch.ones(5)  # type: ignore[index]
    assert Weights({}).example.shape == ()


def test_weights_files(tmp_path):
    graph = chain_network()
    weights, path = random_weights(graph, 0), tmp_path / "7.safetensors"
    mask = os.umask(0o027)
    try:
        save_weights(weights, path)
    finally:
        os.umask(mask)
    assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o640
    again = load_weights(path)
    assert again.keys() == weights.keys() and all(torch.equal(again[name], weights[name]) for name in weights)
    assert [p.name for p in tmp_path.iterdir()] == ["7.safetensors"]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(GraphError, match=r"7\.safetensors: the weights cannot be read"):
        load_weights(path)
    with pytest.raises(GraphError, match=r"8\.safetensors: the weights cannot be read"):
        load_weights(tmp_path / "8.safetensors")
