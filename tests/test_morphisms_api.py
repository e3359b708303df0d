import json
import subprocess
import sys

import pytest
import torch
from graphs import chain_network, images, random_weights

import morphisms
from morphisms import OPERATORS, Exactness, Morphism, Site, SiteError, act, replay


def test_import_without_torch():
    code = (
        "import sys, morphisms as m; assert 'torch' not in sys.modules; m.build_module; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_proposing_needs_no_torch():
    code = (
        "import sys, numpy as np, morphisms as m;"
        "n = m.Node('c', 'conv', ('input',), {'channels': 4, 'kernel': 3}); r = m.Node('r', 'relu', ('c',));"
        "d = m.Node('d', 'conv', ('r',), {'channels': 4, 'kernel': 3}); e = m.Node('e', 'relu', ('d',));"
        "f = m.Node('f', 'conv', ('e',), {'channels': 4, 'kernel': 3});"
        "g = m.NetworkGraph((3, 8, 8), (n, r, d, e, f), 'f'); rng = np.random.default_rng(0);"
        "drawn = [o.draw(g, rng) for o in m.OPERATORS.values()]; [m.graph_hash(d[1].child) for d in drawn if d];"
        "assert sum(d is not None for d in drawn) > 5 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_names_exist():
    assert sorted(morphisms.__all__, key=str.lower) == sorted(set(morphisms.__all__), key=str.lower)
    for name in morphisms.__all__:
        assert getattr(morphisms, name) is not None
    with pytest.raises(AttributeError, match="module 'morphisms' has no attribute 'wider'"):
        _ = morphisms.wider


@pytest.fixture(scope="module")
def parent():
    graph = chain_network()
    graph = act("add_skip", graph, random_weights(graph, 0), ("act1", "act2")).graph
    return graph, random_weights(graph, 1), images(graph, count=16)


SHORTHANDS = {
    "widen": lambda *parent, **options: morphisms.widen(*parent, "conv3", channels=18, **options),
    "deepen": lambda *parent, **options: morphisms.deepen(*parent, "act3", kernel=5, **options),
    "add_skip": lambda *parent, **options: morphisms.add_skip(*parent, "act1", "act3", **options),
    "concat_skip": lambda *parent, **options: morphisms.concat_skip(*parent, "act1", "act3", **options),
    "prune": lambda *parent, **options: morphisms.prune(*parent, "conv3", channels=6, **options),
    "remove_layer": lambda *parent, **options: morphisms.remove_layer(*parent, "conv2", **options),
    "remove_skip": lambda *parent, **options: morphisms.remove_skip(*parent, "add1", **options),
    "add_branch": lambda *parent, **options: morphisms.add_branch(*parent, "bn1", "add1", "sep_conv_3x3", 1, **options),
    "remove_branch": lambda *parent, **options: morphisms.remove_branch(*parent, "act1", "add1", **options),
    "change_branch": lambda *parent, **options: morphisms.change_branch(
        *parent, "act1", "add1", "nor_conv_1x1", **options
    ),
    "separable": lambda *parent, **options: morphisms.separable(*parent, "conv2", **options),
}


def test_every_operator_has_a_shorthand():
    assert {*SHORTHANDS, "continue"} == set(OPERATORS)


@pytest.mark.parametrize("name", SHORTHANDS)
def test_shorthand_is_act(name, parent):
    graph, weights, batch = parent
    child = SHORTHANDS[name](graph, weights, seed=3, batch=batch)
    record = child.record
    assert record.operator == name and record.seed == 3
    again = act(name, graph, weights, record.site.nodes, seed=3, batch=batch, **dict(record.site.params))
    assert again.graph == child.graph and again.records == child.records and again.touched == child.touched
    assert all(torch.equal(again.weights[tensor], child.weights[tensor]) for tensor in child.weights)


def test_touched(parent):
    graph, weights, batch = parent
    touched = {name: set(SHORTHANDS[name](graph, weights, seed=0, batch=batch).touched) for name in SHORTHANDS}
    assert touched["widen"] == {"conv3", "bn3", "fc"}
    assert touched["deepen"] == {"conv4", "bn4", "fc"}
    assert touched["add_skip"] == {"conv4", "bn4", "add2", "fc"}
    assert touched["concat_skip"] == {"fc"}
    assert touched["prune"] == {"conv3", "bn3", "fc"}
    assert touched["remove_layer"] == {"add1", "conv3"}
    assert touched["remove_skip"] == {"conv3"}
    new = {f"bn1_add1_{name}" for name in ("depthwise", "conv", "batch_norm", "depthwise2", "conv2", "batch_norm2")}
    assert touched["add_branch"] == {*new, "add1"}
    assert touched["remove_branch"] == {"add1", "conv3"}
    assert touched["change_branch"] == {"act1_add1_conv", "act1_add1_batch_norm", "add1", "conv3"}
    assert touched["separable"] == {"depthwise1", "conv2"}
    assert not act("continue", graph, weights).touched


def test_unknown_operator(parent):
    graph, weights, _ = parent
    with pytest.raises(ValueError, match=r"unknown operator 'wider'\. Known: deepen, widen, add_skip"):
        act("wider", graph, weights, "conv1")
    with pytest.raises(ValueError, match="unknown operator 'wider'"):
        replay(graph, weights, [Morphism("wider", Site(), 0, Exactness.BITWISE, "?")])


def test_replay_of_a_record_that_does_not_fit(parent):
    graph, weights, _ = parent
    record = OPERATORS["widen"].record(graph, Site(("conv3",), (("channels", 20),)), 0)
    other = act("remove_layer", graph, weights, "conv3")
    with pytest.raises(SiteError, match="widen at conv3: the network has no node 'conv3'"):
        replay(other.graph, other.weights, [record])


def test_record_json(parent):
    graph, _, _ = parent
    record = OPERATORS["widen"].record(graph, Site(("conv3",), (("channels", 18),)), 5)
    assert Morphism.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.summary == "widen conv3 12 to 18" and record.exactness is Exactness.TOLERANCE
    with pytest.raises(ValueError, match="'perfect' is not a valid Exactness"):
        Morphism.from_json(record.to_json() | {"exactness": "perfect"})
    with pytest.raises(KeyError, match="seed"):
        Morphism.from_json({key: value for key, value in record.to_json().items() if key != "seed"})
    with pytest.raises(KeyError, match="kernel"):
        _ = record.site["kernel"]
