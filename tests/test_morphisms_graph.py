import json
import re

import pytest
from graphs import chain_network, graphs
from hypothesis import given

from morphisms import INPUT, GraphError, NetworkGraph, Node, graph_from_json, graph_to_json, load_graph, save_graph
from morphisms.graph import without_unread


def conv(name: str, source: str = INPUT, **attrs: object) -> Node:
    return Node(name, "conv", (source,), {"channels": 4, "kernel": 3, **attrs})


NODE_REFUSALS = {
    "unknown operation": (lambda: Node("a", "warp", (INPUT,)), r"node 'a': unknown operation 'warp'. Known: conv, "),
    "name with a dot": (lambda: conv("a.b"), r"node 'a.b': expected a name of letters, digits and _"),
    "empty name": (lambda: conv(""), r"node '': expected a name"),
    "name with a digit first": (lambda: conv("1a"), r"node '1a': expected a name"),
    "the input's name": (lambda: conv(INPUT), r"node 'input': expected a name of .* other than 'input'"),
    "missing attribute": (
        lambda: Node("a", "conv", (INPUT,), {"channels": 4}),
        r"node 'a': conv has the attributes \['bias', 'channels', 'kernel', 'stride'\], got \['bias', 'channels', ",
    ),
    "unknown attribute": (lambda: conv("a", dilation=2), r"node 'a': conv has the attributes .*'dilation'"),
    "even kernel": (lambda: conv("a", kernel=2), r"node 'a' \(conv\): kernel must be odd, got 2"),
    "no channels": (lambda: conv("a", channels=0), r"channels must be a positive whole number, got 0"),
    "half a channel": (lambda: conv("a", channels=1.5), r"channels must be a positive whole number, got 1.5"),
    "True channels": (lambda: conv("a", channels=True), r"channels must be a positive whole number, got True"),
    "negative stride": (lambda: conv("a", stride=-1), r"stride must be a positive whole number, got -1"),
    "text kernel": (lambda: conv("a", kernel="3"), r"kernel must be a positive whole number, got '3'"),
    "list channels": (lambda: conv("a", channels=[4]), r"channels must be a positive whole number, got \[4\]"),
    "bias of 1": (lambda: conv("a", bias=1), r"node 'a' \(conv\): bias must be true or false, got 1"),
    "depthwise bias": (
        lambda: Node("a", "depthwise", (INPUT,), {"kernel": 3, "bias": 0}),
        "bias must be true or false",
    ),
    "linear bias": (lambda: Node("a", "linear", (INPUT,), {"features": 3, "bias": None}), "bias must be true or false"),
    "no features": (lambda: Node("a", "linear", (INPUT,), {"features": 0}), "features must be a positive whole"),
    "groups": (
        lambda: Node("a", "grouped_conv", (INPUT,), {"channels": 4, "kernel": 3, "groups": 0}),
        "groups must be a positive whole number, got 0",
    ),
    "pool": (lambda: Node("a", "max_pool", (INPUT,), {"kernel": 0}), "kernel must be a positive whole number, got 0"),
    "scaled": (lambda: Node("a", "add", ("b", "c"), {"scaled": 1}), "scaled must be true or false, got 1"),
    "p of 1": (lambda: Node("a", "dropout", (INPUT,), {"p": 1}), r"p must lie in \[0, 1\), got 1"),
    "text p": (lambda: Node("a", "dropout", (INPUT,), {"p": "half"}), "p must be a number, got 'half'"),
    "nan p": (lambda: Node("a", "dropout", (INPUT,), {"p": float("nan")}), r"p must lie in \[0, 1\), got nan"),
    "eps of 0": (lambda: Node("a", "batch_norm", (INPUT,), {"eps": 0}), r"eps must lie in \(0, 1\), got 0"),
    "True eps": (lambda: Node("a", "batch_norm", (INPUT,), {"eps": True}), "eps must be a number, got True"),
    "two inputs for one": (lambda: Node("a", "relu", (INPUT, "b")), "node 'a': relu takes 1 inputs, got 2"),
    "no input": (lambda: Node("a", "relu", ()), "node 'a': relu takes 1 inputs, got 0"),
    "one input for a concat": (lambda: Node("a", "concat", (INPUT,)), "node 'a': concat takes 2 or more inputs, got 1"),
}


@pytest.mark.parametrize("case", NODE_REFUSALS)
def test_node_refuses(case):
    make, text = NODE_REFUSALS[case]
    with pytest.raises(GraphError, match=text):
        make()


def network(*nodes: Node, output: str = "", shape: tuple[object, ...] = (3, 8, 8)) -> NetworkGraph:
    return NetworkGraph(shape, nodes, output or nodes[-1].name)  # type: ignore[arg-type]


GRAPH_REFUSALS = {
    "flat input": (lambda: network(conv("a"), shape=(3, 64)), r"input shape: expected \(channels, height, width\)"),
    "no pixels": (lambda: network(conv("a"), shape=(3, 0, 8)), r"input shape: .*got \(3, 0, 8\)"),
    "text size": (lambda: network(conv("a"), shape=(3, "8", 8)), "input shape: "),
    "no nodes": (lambda: NetworkGraph((3, 8, 8), (), "a"), "output: there is no node 'a'"),
    "the input as output": (lambda: NetworkGraph((3, 8, 8), (), INPUT), "output: there is no node 'input'"),
    "unknown output": (lambda: network(conv("a"), output="b"), "output: there is no node 'b'"),
    "same name twice": (lambda: network(conv("a"), conv("a", "a")), "node 'a': the name is used twice"),
    "reads a later node": (lambda: network(conv("a", "b"), conv("b")), "node 'a': its input 'b' is no node before it"),
    "reads itself": (lambda: network(conv("a", "a")), "node 'a': its input 'a' is no node before it"),
    "unread node": (lambda: network(conv("a"), conv("b")), "node 'a': nothing reads it; remove it with `without_un"),
    "output before the end": (lambda: network(conv("a"), conv("b", "a"), output="a"), "node 'b': nothing reads it"),
    "unequal add": (
        lambda: network(conv("a"), conv("b", channels=5), Node("s", "add", ("a", "b"))),
        r"node 's' \(add\): expected inputs of one shape, got \(4, 8, 8\), \(5, 8, 8\)",
    ),
    "unequal concat": (
        lambda: network(conv("a"), conv("b", stride=2), Node("s", "concat", ("a", "b"))),
        r"node 's' \(concat\): expected inputs of one height and width, got \(4, 8, 8\), \(4, 4, 4\)",
    ),
    "linear on a map": (
        lambda: network(Node("l", "linear", (INPUT,), {"features": 3})),
        r"node 'l' \(linear\): expected features behind a flatten, got shape \(3, 8, 8\)",
    ),
    "convolution on features": (
        lambda: network(Node("f", "flatten", (INPUT,)), conv("a", "f")),
        r"node 'a' \(conv\): expected a feature map \(channels, height, width\), got shape \(192,\)",
    ),
    "concat of features": (
        lambda: network(Node("f", "flatten", (INPUT,)), Node("s", "concat", ("f", "f"))),
        r"node 's' \(concat\): expected a feature map",
    ),
    "flatten twice": (
        lambda: network(Node("f", "flatten", (INPUT,)), Node("g", "flatten", ("f",))),
        r"node 'g' \(flatten\): expected a feature map",
    ),
    "norm of features": (
        lambda: network(Node("f", "flatten", (INPUT,)), Node("g", "batch_norm", ("f",))),
        r"node 'g' \(batch_norm\): expected a feature map",
    ),
    "pool too large": (
        lambda: network(Node("p", "max_pool", (INPUT,), {"kernel": 10})),
        r"node 'p' \(max_pool\): a window of 10 does not fit on 8 pixels",
    ),
    "groups do not divide": (
        lambda: network(Node("g", "grouped_conv", (INPUT,), {"channels": 4, "kernel": 1, "groups": 2})),
        r"node 'g' \(grouped_conv\): 2 groups do not divide 3 input and 4 output channels",
    ),
}


@pytest.mark.parametrize("case", GRAPH_REFUSALS)
def test_graph_refuses(case):
    make, text = GRAPH_REFUSALS[case]
    with pytest.raises(GraphError, match=text):
        make()


def test_defaults_are_filled_in():
    assert conv("a").attrs == {"channels": 4, "kernel": 3, "stride": 1, "bias": False}
    assert conv("a") == conv("a", stride=1)


def test_edits_leave_the_graph_alone():
    graph = chain_network()
    before = graph_to_json(graph)
    extra = conv("new", "act1", channels=8)
    wider = graph.inserting("act1", [extra])
    beside = graph.inserting("act1", [Node("both", "add", ("act1", "bn1"))])
    behind_all = graph.inserting("fc", [Node("last", "identity", ("fc",))])
    shorter = graph.bypassing("conv2", "act2")
    renamed = graph.replacing(conv("conv1", channels=8, kernel=5))
    assert wider["conv2"].inputs == ("new",) and wider["new"].inputs == ("act1",)
    assert beside["both"].inputs == ("act1", "bn1") and beside["conv2"].inputs == ("both",)
    assert behind_all.output == "last"
    assert shorter["conv3"].inputs == ("act1",) and "bn2" not in shorter and len(shorter) == len(graph) - 3
    assert renamed["conv1"].attrs["kernel"] == 5 and renamed["conv3"] is graph["conv3"]
    assert graph_to_json(graph) == before


def test_insert_beside_keeps_readers():
    graph = chain_network().inserting("act1", [Node("mid", "identity", ("act1",))])
    twice = without_unread(graph.input_shape, [*graph.nodes, Node("stray", "relu", ("act3",))], "fc")
    assert "stray" not in twice and twice == graph


def test_lookups():
    graph = chain_network()
    assert "conv1" in graph and INPUT not in graph and len(graph) == 12
    assert [node.name for node in graph.consumers["act1"]] == ["conv2"]
    assert graph.consumers["fc"] == () and graph.shape(INPUT) == (3, 8, 8)
    assert graph.input_shapes(graph["fc"]) == ((12,),)
    with pytest.raises(KeyError, match="nowhere"):
        graph["nowhere"]
    doubled = network(conv("a"), Node("s", "add", ("a", "a")))
    assert [node.name for node in doubled.consumers["a"]] == ["s"]


def test_fresh_names():
    graph = network(conv("conv"), conv("conv7", "conv"), Node("relu6_3", "relu6", ("conv7",)), conv("x12", "relu6_3"))
    assert graph.fresh_names("conv", "conv", "bn") == ["conv8", "conv9", "bn1"]
    assert graph.fresh_names("relu6", "relu6", "x") == ["relu6_4", "relu6_5", "x13"]


@given(graphs())
def test_fresh_names_are_free(graph):
    stems = [re.sub(r"\d+$", "", node.name) or "n" for node in graph.nodes] + ["relu6", "relu6", "conv"]
    names = graph.fresh_names(*stems)
    assert len({*names, *graph.by_name}) == len(names) + len(graph)


@given(graphs())
def test_json_round_trip(graph):
    data = json.loads(json.dumps(graph_to_json(graph)))
    again = graph_from_json(data)
    assert again == graph and graph_to_json(again) == data


DAMAGE = {
    "newer schema": (lambda data: data | {"schema": 2}, "graph schema 2: this version reads up to 1; a newer lemonade"),
    "no schema": (lambda data: {k: v for k, v in data.items() if k != "schema"}, "expected a schema number, got None"),
    "text schema": (lambda data: data | {"schema": "1"}, "expected a schema number, got '1'"),
    "schema 0": (lambda data: data | {"schema": 0}, "expected a schema number, got 0"),
    "no nodes": (
        lambda data: {k: v for k, v in data.items() if k != "nodes"},
        r"missing or of the wrong kind \('nodes'",
    ),
    "nodes of text": (lambda data: data | {"nodes": ["conv"]}, "a field is missing or of the wrong kind"),
    "attrs of text": (
        lambda data: data | {"nodes": [data["nodes"][0] | {"attrs": "wide"}]},
        "a field is missing or of the wrong kind",
    ),
    "no input shape": (lambda data: data | {"input_shape": None}, "a field is missing or of the wrong kind"),
    "input shape of text": (lambda data: data | {"input_shape": ["a", 8, 8]}, "input shape: expected"),
    "half a pixel": (lambda data: data | {"input_shape": [3, 8, 7.5]}, "input shape: expected"),
    "impossible": (lambda data: data | {"output": "act1"}, "node 'conv2': nothing reads it|node .*: nothing reads it"),
    "no object": (lambda data: [data], "expected a JSON object with a graph, got list"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_json(case):
    damage, text = DAMAGE[case]
    with pytest.raises(GraphError, match=text):
        graph_from_json(damage(graph_to_json(chain_network())))


def test_files(tmp_path):
    path = tmp_path / "a.graph.json"
    save_graph(chain_network(), path)
    assert load_graph(path) == chain_network() and [p.name for p in tmp_path.iterdir()] == ["a.graph.json"]
    path.write_text(path.read_text()[:-40])
    with pytest.raises(GraphError, match=r"a\.graph\.json: the graph cannot be read \(.*"):
        load_graph(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GraphError, match=r"a\.graph\.json: the graph cannot be read"):
        load_graph(path)
    with pytest.raises(GraphError, match=r"missing\.json: the graph cannot be read \(.*No such file"):
        load_graph(tmp_path / "missing.json")
