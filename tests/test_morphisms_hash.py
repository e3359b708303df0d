from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from graphs import chain_network, graphs, random_chain, seeds
from hypothesis import given, settings

from morphisms import INPUT, OPERATORS, NetworkGraph, Node, graph_hash
from morphisms.ops import OPS


def shuffled(graph: NetworkGraph, rng: np.random.Generator) -> NetworkGraph:
    """The same network with other names, independent nodes in another order and inputs of adds permuted."""
    names = dict(zip(graph.by_name, [f"n{k}" for k in rng.permutation(len(graph))], strict=True)) | {INPUT: INPUT}
    waiting, done, nodes = list(graph.nodes), {INPUT}, []
    while waiting:
        ready = [node for node in waiting if done.issuperset(node.inputs)]
        node = ready[rng.integers(len(ready))]
        waiting.remove(node)
        done.add(node.name)
        inputs = [names[name] for name in node.inputs]
        if OPS[node.op].commutative:
            rng.shuffle(inputs)
        nodes.append(replace(node, name=names[node.name], inputs=tuple(inputs)))
    return NetworkGraph(graph.input_shape, tuple(nodes), names[graph.output])


def structure(graph: NetworkGraph) -> nx.DiGraph:
    """The graph for networkx: each read is a node of its own, labelled by its position where that matters."""
    made = nx.DiGraph()
    made.add_node(INPUT, label=repr(graph.input_shape))
    for node in graph.nodes:
        made.add_node(node.name, label=node.signature)
        for position, name in enumerate(node.inputs):
            read = (node.name, position)
            made.add_node(read, label="read" if OPS[node.op].commutative else f"read {position}")
            made.add_edge(name, read)
            made.add_edge(read, node.name)
    return made


def isomorphic(a: NetworkGraph, b: NetworkGraph) -> bool:
    return nx.is_isomorphic(structure(a), structure(b), node_match=lambda x, y: x["label"] == y["label"])


@given(graphs(), seeds())
def test_names_and_order_do_not_count(graph, seed):
    other = shuffled(graph, np.random.default_rng(seed))
    assert graph_hash(other) == graph_hash(graph)


@given(graphs(most=6), seeds())
def test_equal_hash_means_isomorphic_among_children(graph, seed):
    """Children of one parent are much alike: the hardest ones to tell apart."""
    rng = np.random.default_rng(seed)
    found = {graph_hash(graph): graph}
    for _ in range(40):
        child, _ = random_chain(graph, rng, 2, [name for name in OPERATORS if name != "continue"])
        known = found.setdefault(graph_hash(child), child)
        assert known is child or isomorphic(known, child)


def test_no_collisions_among_random_small_graphs():
    """Few operations, so that many of the networks are nearly or truly the same; networkx says which."""
    rng = np.random.default_rng(0)
    found: dict[str, NetworkGraph] = {}
    by_shape: dict[tuple[str, ...], list[str]] = {}
    for _ in range(2500):
        names, nodes = [INPUT], []
        for k in range(rng.integers(3, 8)):
            if rng.random() < 0.5:
                node = Node(f"n{k}", "relu", (str(rng.choice(names)),))
            else:
                node = Node(f"n{k}", "add", tuple(map(str, rng.choice(names, 2))))
            nodes.append(node)
            names.append(node.name)
        read = {name for node in nodes for name in node.inputs}
        loose = [node.name for node in nodes if node.name not in read]
        if len(loose) > 1:
            nodes.append(Node("end", "add", tuple(loose)))
        graph = NetworkGraph((1, 2, 2), tuple(nodes), nodes[-1].name)
        key = graph_hash(graph)
        if key in found:
            assert isomorphic(graph, found[key])
        else:
            alike = by_shape.setdefault(tuple(sorted(node.op for node in nodes)), [])
            assert not any(isomorphic(graph, found[other]) for other in alike[:10])
            alike.append(key)
            found[key] = graph
    assert len(found) > 400


def test_thousands_of_drawn_graphs():
    found: dict[str, NetworkGraph] = {}

    @given(graphs())
    @settings(max_examples=400)
    def collect(graph):
        known = found.setdefault(graph_hash(graph), graph)
        assert known is graph or isomorphic(known, graph)
        rng = np.random.default_rng(len(found))
        for _ in range(6):
            child, _ = random_chain(graph, rng, 1, ["widen", "prune", "deepen", "add_skip", "separable"])
            known = found.setdefault(graph_hash(child), child)
            assert known is child or isomorphic(known, child)

    collect()
    assert len(found) > 1000


def conv(name: str, source: str, channels: int = 4) -> Node:
    return Node(name, "conv", (source,), {"channels": channels, "kernel": 3})


def network(*nodes: Node) -> NetworkGraph:
    return NetworkGraph((4, 8, 8), nodes, nodes[-1].name)


def adds(pairs: tuple[tuple[int, int], tuple[int, int]]) -> NetworkGraph:
    """Two equal convolutions, two readers of each, and sums of pairs of the readers."""
    nodes = [conv("c0", INPUT), conv("c1", INPUT)]
    nodes += [conv(f"r{k}", f"c{k // 2}") for k in range(4)]
    nodes += [Node(f"s{k}", "add", (f"r{a}", f"r{b}")) for k, (a, b) in enumerate(pairs)]
    return network(*nodes, conv("t0", "s0"), conv("t1", "s1"), Node("end", "add", ("t0", "t1")))


DIFFERENT = {
    "an attribute": (network(conv("a", INPUT)), network(conv("a", INPUT, channels=5))),
    "a default": (
        network(conv("a", INPUT)),
        network(Node("a", "conv", (INPUT,), {"channels": 4, "kernel": 3, "bias": True})),
    ),
    "add(c, c) and two equal convolutions": (
        network(conv("a", INPUT), Node("s", "add", ("a", "a"))),
        network(conv("a", INPUT), conv("b", INPUT), Node("s", "add", ("a", "b"))),
    ),
    "order of a concat": (
        network(conv("a", INPUT), conv("b", INPUT, 5), Node("s", "concat", ("a", "b"))),
        network(conv("a", INPUT), conv("b", INPUT, 5), Node("s", "concat", ("b", "a"))),
    ),
    "wiring of the same nodes": (
        network(conv("a", INPUT), conv("b", "a"), conv("c", "b"), Node("s", "add", ("a", "c"))),
        network(conv("a", INPUT), conv("b", "a"), conv("c", "b"), Node("s", "add", ("b", "c"))),
    ),
    "which equal convolution feeds which equal sum": (adds(((0, 1), (2, 3))), adds(((0, 2), (1, 3)))),
    "scaled or not": (
        network(conv("a", INPUT), Node("s", "add", ("a", INPUT))),
        network(conv("a", INPUT), Node("s", "add", ("a", INPUT), {"scaled": True})),
    ),
    "input shape": (network(conv("a", INPUT)), NetworkGraph((4, 8, 7), (conv("a", INPUT),), "a")),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_different(case):
    a, b = DIFFERENT[case]
    assert graph_hash(a) != graph_hash(b)


def test_form():
    """The hash names files in run folders: a change of it orphans them."""
    assert graph_hash(chain_network()) == "6ed85fc0f442082055881c146e07918c"


def test_attributes_that_came_later_are_seen_where_they_differ():
    def hashed(op, **attrs):
        return graph_hash(NetworkGraph((2, 8, 8), (Node("a", op, ("input",), attrs),), "a"))

    plain = hashed("depthwise", kernel=3)
    assert plain == hashed("depthwise", kernel=3, dilation=1) != hashed("depthwise", kernel=3, dilation=2)
    mean = hashed("avg_pool", kernel=3)
    assert mean == hashed("avg_pool", kernel=3, count_include_pad=True)
    assert mean != hashed("avg_pool", kernel=3, count_include_pad=False)
