"""Branches of cells: which kinds there are, where they can lead, and what becomes of their weights."""

import pytest
import torch
from graphs import images, random_weights
from planted import error

from morphisms import (
    INPUT,
    OPERATORS,
    Exactness,
    NetworkGraph,
    Node,
    SiteError,
    act,
    add_branch,
    build_module,
    change_branch,
    remove_branch,
)
from morphisms.branches import KINDS, branch, kind_of, steps
from morphisms.operators import site

PARAMETRIC = [kind for kind, made in KINDS.items() if made[-1][0] == "batch_norm"]


def cells(scaled: bool, copies: int = 2, stride: int = 1) -> NetworkGraph:
    """Copies in a row of: a (convolution), b (1x1 convolution of a), m = b + b, s = m alone, where branches may end."""
    nodes, last = [], INPUT
    for k in range(1, copies + 1):
        nodes += [
            Node(f"c{k}_a", "conv", (last,), {"channels": 4, "kernel": 3}),
            Node(f"c{k}_b", "conv", (f"c{k}_a",), {"channels": 4, "kernel": 1, "stride": stride}),
            Node(f"c{k}_m", "add", (f"c{k}_b", f"c{k}_b")),
            Node(f"c{k}_s", "add", (f"c{k}_m",), {"scaled": scaled}),
        ]
        last = f"c{k}_s"
    nodes += [Node("p", "global_avg_pool", (last,)), Node("f", "flatten", ("p",))]
    return NetworkGraph((3, 8, 8), (*nodes, Node("fc", "linear", ("f",), {"features": 5})), "fc")


BOTH = ("c1_a", "c1_s", "c2_a", "c2_s")


def both(name, graph, weights, **params):
    return act(name, graph, weights, BOTH, batch=images(graph, 3, count=16), **params)


class TestKinds:
    @pytest.mark.parametrize("stride", [1, 2])
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_branch_tells_its_kind(self, kind, stride):
        graph = cells(True, stride=stride)
        if kind == "none" and stride == 2:
            with pytest.raises(SiteError, match=r"none cannot lead from \(4, 8, 8\) to \(4, 4, 4\)"):
                add_branch(graph, random_weights(graph, 0), "c1_a", "c1_s", kind, 1)
            return
        child = add_branch(graph, random_weights(graph, 0), "c1_a", "c1_s", kind, 1).graph
        twins = {"nor_conv_1x1": "skip_connect", "skip_connect": "nor_conv_1x1"} if stride == 2 else {}
        others = [one for one in KINDS if one != twins.get(kind)]  # a strided skip is a strided 1x1 convolution
        assert kind_of(child, "c1_a", "c1_s", others) == kind
        assert kind_of(child, "c2_a", "c2_s", others) is None

    def test_nothing_is_no_kind(self):
        graph = cells(True)
        assert branch(graph, "c2_a", "c1_s") is None
        assert kind_of(graph, "c1_s", "c2_s", KINDS) is None
        assert branch(graph, "c1_m", "c1_s").nodes == ()

    def test_names_say_where_it_leads(self):
        child = both("add_branch", cells(True), random_weights(cells(True), 0), kind="sep_conv_3x3", position=1).graph
        new = [node.name for node in child.nodes if node.name not in cells(True)]
        assert [name for name in new if name.startswith("c1")] == [
            f"c1_a_s_{op}"
            for op in (
                *("relu", "depthwise", "conv", "batch_norm"),
                *("relu2", "depthwise2", "conv2", "batch_norm2"),
            )
        ]
        assert child["c2_s"].inputs == ("c2_m", "c2_a_s_batch_norm2")

    @pytest.mark.parametrize(
        ("kind", "before", "behind", "text"),
        [
            ("avg_pool_3x3", (4, 8, 8), (6, 8, 8), "avg_pool_3x3 cannot change channels from 4 to 6"),
            ("nor_conv_3x3", (4, 8, 8), (4, 3, 3), r"nor_conv_3x3 cannot lead from \(4, 8, 8\) to \(4, 3, 3\)"),
            ("nor_conv_3x3", (4, 8, 8), (4,), "expected feature maps, got shapes"),
        ],
    )
    def test_where_a_kind_cannot_lead(self, kind, before, behind, text):
        with pytest.raises(ValueError, match=text):
            steps(kind, before, behind)

    def test_the_stride_comes_once_and_channels_change_last(self):
        made = steps("sep_conv_5x5", (4, 7, 8), (6, 4, 4))
        assert [attrs["stride"] for _, attrs in made if "stride" in attrs] == [2, 1, 1, 1]
        assert [attrs["channels"] for op, attrs in made if op == "conv"] == [4, 6]
        assert [op for op, _ in steps("skip_connect", (4, 8, 8), (4, 4, 4))] == ["relu", "conv", "batch_norm"]


class TestAdding:
    @pytest.mark.parametrize("position", [0, 1])
    @pytest.mark.parametrize("kind", KINDS)
    def test_any_kind_is_added_exactly_to_a_scaled_sum(self, kind, position):
        graph = cells(True)
        weights = random_weights(graph, 0)
        child = both("add_branch", graph, weights, kind=kind, position=position)
        assert child.record.exactness is Exactness.BITWISE
        assert child.record.summary == f"add {kind} from c1_a to c1_s (2 copies)"
        assert error(graph, weights, child) == 0
        scale = child.weights["c2_s.scale"]
        assert scale[position] == 0
        assert scale[1 - position] == weights["c2_s.scale"][0]

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_a_plain_sum_a_batch_norm_keeps_it_exact(self, kind):
        graph = cells(False)
        weights = random_weights(graph, 0)
        child = both("add_branch", graph, weights, kind=kind, position=1)
        exact = kind in (*PARAMETRIC, "none")
        assert child.record.exactness is (Exactness.BITWISE if exact else Exactness.APPROXIMATE)
        assert (error(graph, weights, child) == 0) == exact

    def test_what_starts_at_nothing_can_grow(self):
        for scaled in (True, False):
            graph = cells(scaled)
            child = both("add_branch", graph, random_weights(graph, 0), kind="nor_conv_3x3", position=1)
            module = build_module(child.graph, child.weights)
            module(images(graph, 1)).square().sum().backward()
            first = module.get_parameter("c1_s.scale" if scaled else "c1_a_s_batch_norm.weight").grad
            assert first is not None and first.abs().max() > 0


class TestChanging:
    GROWS = (("nor_conv_1x1", "nor_conv_3x3"), ("sep_conv_3x3", "sep_conv_5x5"), ("dil_conv_3x3", "dil_conv_5x5"))

    @pytest.mark.parametrize("scaled", [True, False])
    @pytest.mark.parametrize(("small", "large"), GROWS)
    def test_a_larger_kernel_is_exact_and_a_smaller_one_its_middle(self, small, large, scaled):
        graph = both("add_branch", cells(scaled), random_weights(cells(scaled), 0), kind=small, position=0).graph
        weights = random_weights(graph, 1, torch.float64)
        child = both("change_branch", graph, weights, kind=large)
        assert child.record.exactness is Exactness.TOLERANCE
        assert error(graph, weights, child) <= 1e-12
        back = act("change_branch", child.graph, child.weights, BOTH, kind=small)
        assert back.record.exactness is Exactness.APPROXIMATE
        assert back.graph == graph
        assert all(torch.equal(back.weights[name], weights[name]) for name in weights)

    def test_in_place_of_nothing_it_is_exact(self):
        graph = both("add_branch", cells(False), random_weights(cells(False), 0), kind="none", position=1).graph
        weights = random_weights(graph, 1)
        child = both("change_branch", graph, weights, kind="sep_conv_3x3")
        assert child.record.exactness is Exactness.BITWISE
        assert error(graph, weights, child) == 0

    def test_the_least_exact_place_decides(self):
        graph = cells(False)
        for source, merge, kind in (("c1_a", "c1_s", "none"), ("c2_a", "c2_s", "max_pool_3x3")):
            graph = add_branch(graph, random_weights(graph, 0), source, merge, kind, 1).graph
        changed = [OPERATORS["change_branch"].record(graph, site(*nodes, kind="nor_conv_3x3"), 0) for nodes in (
            BOTH[:2], BOTH
        )]  # fmt: skip
        assert [record.exactness for record in changed] == [Exactness.BITWISE, Exactness.APPROXIMATE]

    def test_another_kind_comes_in_its_place(self):
        graph = both("add_branch", cells(True), random_weights(cells(True), 0), kind="sep_conv_3x3", position=0).graph
        weights = random_weights(graph, 1)
        child = both("change_branch", graph, weights, kind="max_pool_3x3")
        assert child.graph["c2_s"].inputs == ("c2_a_s_max_pool", "c2_m")
        assert len(child.graph) == len(graph) - 14
        assert torch.equal(child.weights["c2_s.scale"], weights["c2_s.scale"] * torch.tensor([0.0, 1.0]))


class TestRemoving:
    def test_what_has_no_weight_is_removed_exactly(self):
        graph = both("add_branch", cells(True), random_weights(cells(True), 0), kind="sep_conv_3x3", position=0).graph
        weights = random_weights(graph, 1, torch.float64)
        for merge in ("c1_s", "c2_s"):
            scale = torch.tensor([0.0, 0.7], dtype=torch.float64)
            weights = weights.updated({f"{merge}.scale": scale})
        child = act("remove_branch", graph, weights, BOTH)
        assert child.graph == cells(True)
        assert error(graph, weights, child) <= 1e-12
        assert child.weights["c1_s.scale"].tolist() == [0.7]


GRAPH = add_branch(cells(True), random_weights(cells(True), 0), "c1_a", "c1_s", "skip_connect", 1).graph
REFUSALS = {
    "odd": ("add_branch", ("c1_a", "c1_s", "c2_a"), {"kind": "none", "position": 0}, "expected 2 nodes, got 3"),
    "unknown kind": ("change_branch", ("c1_a", "c1_s"), {"kind": "conv"}, "unknown kind 'conv'. Known: none, skip_con"),
    "no add": ("add_branch", ("c1_a", "c1_b"), {"kind": "none", "position": 0}, "end in an add, got conv 'c1_b'"),
    "backwards": ("remove_branch", ("c2_a", "c1_s"), {}, "'c2_a' is not before 'c1_s'"),
    "twice": ("remove_branch", ("c1_a", "c1_s", "c1_a", "c1_s"), {}, "expected each merge once"),
    "there": ("add_branch", ("c1_a", "c1_s"), {"kind": "none", "position": 0}, "a branch from 'c1_a' to 'c1_s'"),
    "place": ("add_branch", ("c1_s", "c2_s"), {"kind": "none", "position": 2}, "'c2_s' has 1 inputs, got position 2"),
    "not there": ("remove_branch", ("c1_s", "c2_s"), {}, "there is no branch from 'c1_s' to 'c2_s'"),
    "nothing to change": ("change_branch", ("c1_s", "c2_s"), {"kind": "none"}, "there is no branch from 'c1_s' to"),
    "the last": ("remove_branch", ("c2_m", "c2_s"), {}, "it is all that 'c2_s' reads"),
    "one of two": ("remove_branch", BOTH, {}, "there is no branch from 'c2_a' to 'c2_s'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    name, nodes, params, text = REFUSALS[case]
    with pytest.raises(SiteError, match=text):
        OPERATORS[name].rewrite(GRAPH, site(*nodes, **params))


def test_a_branch_is_not_changed_into_itself():
    graph = remove_branch(GRAPH, random_weights(GRAPH, 0), "c1_a", "c1_s").graph
    graph = add_branch(graph, random_weights(graph, 0), "c1_s", "c2_s", "nor_conv_1x1", 1).graph
    with pytest.raises(SiteError, match="the branch from 'c1_s' to 'c2_s' is nor_conv_1x1 already"):
        change_branch(graph, random_weights(graph, 0), "c1_s", "c2_s", "nor_conv_1x1")
