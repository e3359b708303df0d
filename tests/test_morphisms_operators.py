"""The contract that every operator keeps; registering one in `OPERATORS` enrols it here."""

import json

import numpy as np
import pytest
import torch
from graphs import ACTIVATIONS, chain_network, graphs, images, random_chain, random_weights, seeds
from hypothesis import given, settings

from morphisms import (
    INPUT,
    OPERATORS,
    Exactness,
    GraphError,
    Morphism,
    NetworkGraph,
    Node,
    Site,
    SiteError,
    build_module,
    deviation,
    flops,
    graph_hash,
    graph_to_json,
    params,
    replay,
)
from morphisms.operators import site
from morphisms.verify import TOLERANCE


def test_there_are_operators():
    assert len(OPERATORS) >= 9 and all(name == operator.name for name, operator in OPERATORS.items())


def few(sites: tuple[Site, ...], seed: int, count: int = 4) -> list[Site]:
    """Some of the sites; trying all of them with weights would take minutes."""
    return [sites[k] for k in np.random.default_rng(seed).permutation(len(sites))[:count]]


@pytest.mark.parametrize("name", OPERATORS)
class TestOperator:
    """On random networks with random weights and random batch-norm statistics."""

    @given(graph=graphs(), seed=seeds())
    @settings(max_examples=25)
    def test_sites_are_legal(self, name, graph, seed):
        operator = OPERATORS[name]
        before, sites = graph_to_json(graph), operator.sites(graph)
        assert len(set(sites)) == len(sites)
        for where in sites:
            rewrite = operator.rewrite(graph, where)
            child = rewrite.child
            assert rewrite.parent is graph and rewrite.site == where
            assert child.input_shape == graph.input_shape
            assert child.shape(child.output) == graph.shape(graph.output)
            assert name == "continue" or graph_hash(child) != graph_hash(graph)
            record = operator.record(graph, where, seed)
            assert record.summary and record.exactness in Exactness and record.operator == name
            if name == "prune":
                assert params(child) < params(graph) and flops(child) <= flops(graph)
            if name == "separable":
                assert params(child) < params(graph)
        assert graph_to_json(graph) == before
        drawn = operator.draw(graph, np.random.default_rng(seed))
        assert (drawn is None) == (not sites) and (drawn is None or drawn[0] in sites)

    @given(graph=graphs(), seed=seeds())
    @settings(max_examples=25)
    def test_sites_that_are_not_listed_are_refused_with_a_reason(self, name, graph, seed):
        operator = OPERATORS[name]
        for where in few(tuple(operator.possible_sites(graph)), seed, 30):
            objection = operator.objection(graph, where)
            if where not in operator.sites(graph):
                assert len(objection) > 20 and objection.startswith(f"{name} at ")
                with pytest.raises(SiteError):
                    operator.rewrite(graph, where)

    @given(graph=graphs(), seed=seeds())
    @settings(max_examples=10)
    def test_any_site_of_the_right_form_is_done_or_refused(self, name, graph, seed):
        """Sites from a file or a person: nothing but SiteError may come of them."""
        operator, rng = OPERATORS[name], np.random.default_rng(seed)
        for _ in range(30):
            nodes = tuple(str(n) for n in rng.choice(list(graph.by_name), operator.arity))
            where = Site(nodes, tuple((key, int(rng.integers(-1, 9))) for key in operator.parameters))
            try:
                child = operator.rewrite(graph, where).child
            except SiteError as error:
                assert str(error).startswith(f"{name} at ")
            else:
                assert child.shape(child.output) == graph.shape(graph.output)

    @given(graph=graphs(), seed=seeds())
    @settings(max_examples=20)
    def test_transfer(self, name, graph, seed):
        """Weights fit the child, the parent stays as it was, the record replays bit for bit, the level holds."""
        operator, weights, batch = OPERATORS[name], random_weights(graph, seed), images(graph, seed + 1, count=6)
        before = {key: tensor.clone() for key, tensor in weights.items()}
        parent = build_module(graph, weights)
        for where in few(operator.sites(graph), seed):
            record = Morphism.from_json(json.loads(json.dumps(operator.record(graph, where, seed).to_json())))
            child = replay(graph, weights, [record], batch)
            again = replay(graph, weights, [record], batch)
            module = build_module(child.graph, child.weights)  # refuses weights that do not fit
            assert child.records == (record,) and again.graph == child.graph
            assert all(torch.equal(child.weights[key], again.weights[key]) for key in child.weights)
            assert all(torch.isfinite(tensor).all() for tensor in child.weights.values())
            assert all(child.weights[key] is weights[key] for key in child.weights if unchanged(child, graph, key))
            error = deviation(parent, module, images(graph, seed + 2))
            assert error <= allowed(record.exactness, torch.float32) or is_dead(parent, images(graph, seed + 2))
        assert weights.keys() == before.keys()
        assert all(torch.equal(weights[key], before[key]) for key in before)

    @given(graph=graphs(), seed=seeds())
    @settings(max_examples=10)
    def test_level_in_double_precision_without_a_batch(self, name, graph, seed):
        operator, weights = OPERATORS[name], random_weights(graph, seed, torch.float64)
        for where in few(operator.sites(graph), seed):
            record = operator.record(graph, where, seed)
            child = replay(graph, weights, [record])
            assert all(tensor.dtype == torch.float64 for tensor in child.weights.values())
            pair = build_module(graph, weights), build_module(child.graph, child.weights)
            batch = images(graph, seed + 2, dtype=torch.float64)
            assert deviation(*pair, batch) <= allowed(record.exactness, torch.float64) or is_dead(pair[0], batch)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_a_training_step_of_the_child_leaves_the_parent_alone(self, name, activation):
        graph = with_skip(activation)
        weights, batch = random_weights(graph, 0), images(graph, count=8)
        before = {key: tensor.clone() for key, tensor in weights.items()}
        for where in few(OPERATORS[name].sites(graph), 0, 3):
            child = replay(graph, weights, [OPERATORS[name].record(graph, where, 1)], batch)
            module = build_module(child.graph, child.weights)
            start = module.weights()
            optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
            module(batch).square().mean().backward()
            assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())
            optimiser.step()
            assert any(not torch.equal(start[key], tensor) for key, tensor in module.weights().items())
        assert all(torch.equal(weights[key], before[key]) for key in before)

    def test_malformed_sites(self, name):
        operator, graph = OPERATORS[name], with_skip("relu")
        good = operator.sites(graph)[0]
        if not operator.repeats or operator.arity > 1:
            with pytest.raises(
                SiteError, match=rf"{name} at .*: expected {operator.arity} nodes, got {operator.arity + 1}"
            ):
                operator.rewrite(graph, Site((*good.nodes, "conv1"), good.params))
        with pytest.raises(SiteError, match=r"expected the parameters .*, got .*'depth'"):
            operator.rewrite(graph, Site(good.nodes, (*good.params, ("depth", 1))))
        if operator.arity:
            with pytest.raises(SiteError, match="the network has no node 'nowhere'"):
                operator.rewrite(graph, Site(("nowhere",) * operator.arity, good.params))
            with pytest.raises(SiteError, match="the network has no node 'input'"):
                operator.rewrite(graph, Site((INPUT,) * operator.arity, good.params))
        for key, kind in operator.parameters.items():
            wrong = {**dict(good.params), key: 3.5}
            with pytest.raises(SiteError, match=f"{key}: expected {kind.__name__}, got 3.5"):
                operator.rewrite(graph, Site(good.nodes, tuple(wrong.items())))


def unchanged(child, graph, key: str) -> bool:
    """Whether a node is exactly what it was, so that its tensors have to be the parent's own."""
    name = key.split(".")[0]
    return name not in child.touched and key.split(".")[1] not in ("running_mean", "running_var")


def is_dead(module: torch.nn.Module, batch: torch.Tensor) -> bool:
    """Whether all logits are next to zero, as behind a last ReLU that never fires: a relative error says nothing."""
    with torch.no_grad():
        return module.eval()(batch).abs().max().item() < 1e-3


def allowed(level: Exactness, dtype: torch.dtype) -> float:
    """Largest deviation that a level permits."""
    return {Exactness.BITWISE: 0.0, Exactness.TOLERANCE: TOLERANCE[dtype], Exactness.APPROXIMATE: 1e6}[level]


def with_skip(activation: str) -> NetworkGraph:
    """A chain with a scaled add and a concat in it: every operator finds a site."""
    graph = chain_network(activation=activation)
    graph = OPERATORS["add_skip"].rewrite(graph, site("act1", "act2")).child
    return OPERATORS["concat_skip"].rewrite(graph, site("add1", "act3")).child


def maps(*nodes: Node) -> NetworkGraph:
    return NetworkGraph((4, 8, 8), nodes, nodes[-1].name)


def conv(name: str, source: str, channels: int = 4, kernel: int = 3, stride: int = 1) -> Node:
    return Node(name, "conv", (source,), {"channels": channels, "kernel": kernel, "stride": stride})


RESIDUAL = maps(
    conv("c1", INPUT), Node("r1", "relu", ("c1",)), conv("c2", "r1"), Node("s", "add", ("c2", "r1")), conv("c3", "s")
)
GROUPED = maps(
    conv("c1", INPUT),
    Node("r1", "relu", ("c1",)),
    conv("c2", "r1"),
    Node("r2", "relu", ("c2",)),
    Node("g", "grouped_conv", ("r2",), {"channels": 4, "kernel": 3, "groups": 2}),
    conv("c3", "g"),
)
HEADED = chain_network()
TWO_CUTS = maps(
    conv("a", INPUT, 2), conv("b", INPUT, 4), Node("cat", "concat", ("a", "b")), conv("c", INPUT, 6),
    Node("s", "add", ("cat", "c")), conv("end", "s"),
)  # fmt: skip
STRIDED = maps(conv("c1", INPUT), Node("r1", "relu", ("c1",)), conv("c2", "r1", stride=2), Node("r2", "relu", ("c2",)))

REFUSALS = {
    "deepen features": ("deepen", HEADED, site("fc", kernel=3), "expected a feature map before the head's pooling"),
    "deepen pooled": ("deepen", HEADED, site("pool", kernel=3), r"before the head's pooling, got shape \(12, 1, 1\)"),
    "deepen even": ("deepen", HEADED, site("act1", kernel=2), "expected an odd kernel, got 2"),
    "deepen negative": ("deepen", HEADED, site("act1", kernel=-1), "kernel must be a positive whole number, got -1"),
    "widen norm": ("widen", HEADED, site("bn1", channels=9), "expected a convolution or linear layer, which alone"),
    "widen to fewer": ("widen", HEADED, site("conv1", channels=8), "expected more than its 8 channels, got 8"),
    "widen output": ("widen", HEADED, site("fc", channels=9), "its channels cannot change: they are the network's out"),
    "widen into input": (
        "widen",
        maps(conv("a", INPUT), Node("s", "add", ("a", INPUT)), conv("b", "s")),
        site("a", channels=9),
        "its channels cannot change: they are the network's input",
    ),
    "widen into groups": ("widen", GROUPED, site("c2", channels=8), "they are tied to grouped_conv 'g'"),
    "widen groups": ("widen", GROUPED, site("g", channels=8), "they are tied to grouped_conv 'g'"),
    "widen other cut": ("widen", TWO_CUTS, site("a", channels=8), "cannot change: 's' adds stacks of different cut"),
    "widen other cut, whole": ("widen", TWO_CUTS, site("c", channels=8), "'s' adds stacks of different cut"),
    "widen a group twice": ("widen", HEADED, site("conv1", "conv1", channels=16), "a producer of each group once"),
    "prune to more": ("prune", HEADED, site("conv1", channels=9), "expected 1 to 7 channels, got 9"),
    "prune to none": ("prune", HEADED, site("conv1", channels=0), "expected 1 to 7 channels, got 0"),
    "skip backwards": ("add_skip", HEADED, site("act2", "act1"), "'act2' is not before 'act1'"),
    "skip nowhere": ("add_skip", HEADED, site("act1", "act1"), "'act1' is not before 'act1'"),
    "skip to features": ("add_skip", HEADED, site("act1", "fc"), "'fc': expected a feature map before the head's"),
    "skip again": ("add_skip", RESIDUAL, site("r1", "s"), "'s' merges 'r1' already"),
    "concat of other size": ("concat_skip", STRIDED, site("r1", "r2"), r"height and width differ: \(4, 8, 8\)"),
    "concat into an add": (
        "concat_skip", RESIDUAL, site("c1", "c2"), r"node 's' \(add\): expected inputs of one shape, got \(8, 8, 8\), "
    ),
    "concat into groups": ("concat_skip", GROUPED, site("r1", "r2"), "grouped_conv 'g' cannot take other channels"),
    "concat at the output": ("concat_skip", STRIDED, site("c2", "r2"), "would reach the network's output 'concat1'"),
    "remove a norm": ("remove_layer", HEADED, site("bn1"), "expected a convolution, got batch_norm"),
    "remove a stride": ("remove_layer", STRIDED, site("c2"), r"changes height and width, from \(8, 8\) to \(4, 4\)"),
    "remove the output": ("remove_layer", RESIDUAL, site("c3"), "it is the network's output"),
    "remove channels before an add": (
        "remove_layer",
        maps(conv("a", INPUT, 6), conv("b", "a", 4), Node("s", "add", ("b", INPUT)), conv("c", "s")),
        site("b"),
        "it changes channels from 6 to 4, and not everyone who reads it mixes channels",
    ),
    "remove main path": ("remove_skip", RESIDUAL, site("s", position=0), "input 0 is its main path, not a skip"),
    "remove third of two": ("remove_skip", RESIDUAL, site("s", position=2), "it has inputs 0 to 1, got 2"),
    "remove skip of a norm": ("remove_skip", HEADED, site("bn1", position=0), "expected an add or concat, got batch_"),
    "remove skip at the output": (
        "remove_skip",
        maps(conv("a", INPUT), conv("b", "a"), Node("s", "concat", ("a", "b"))),
        site("s", position=0),
        r"the network's output would change its shape from \(8, 8, 8\) to \(4, 8, 8\)",
    ),
    "separable linear": ("separable", HEADED, site("fc"), "expected a convolution, got linear"),
    "separable 1x1": (
        "separable", maps(conv("a", INPUT, kernel=1)), site("a"), "it would save nothing: kernel 1, 4 filters"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    name, graph, where, text = REFUSALS[case]
    with pytest.raises(SiteError, match=text):
        OPERATORS[name].rewrite(graph, where)
    assert where not in OPERATORS[name].sites(graph)


def test_skip_without_a_stride():
    graph = maps(
        conv("a", INPUT), Node("p", "max_pool", ("a",), {"kernel": 3, "stride": 1}),
        Node("q", "max_pool", ("p",), {"kernel": 2, "stride": 1}),
    )  # fmt: skip
    with pytest.raises(SiteError, match=r"add_skip at p, q: no stride takes \(4, 8, 8\) to \(4, 7, 7\)"):
        OPERATORS["add_skip"].rewrite(graph, site("p", "q"))


def test_refusal_is_no_graph_error():
    with pytest.raises(SiteError) as caught:
        OPERATORS["deepen"].rewrite(HEADED, site("act1", kernel=-1))
    assert not isinstance(caught.value, GraphError)


@given(graphs(), seeds())
@settings(max_examples=15)
def test_long_chains_of_any_operators_stay_sound(graph, seed):
    rng = np.random.default_rng(seed)
    child, records = random_chain(graph, rng, 20, list(OPERATORS))
    weights, batch = random_weights(graph, seed), images(graph, count=6)
    made = replay(graph, weights, records, batch)
    assert made.graph == child
    logits = build_module(made.graph, made.weights).eval()(images(graph))
    assert logits.shape[1:] == graph.shape(graph.output) and torch.isfinite(logits).all()
