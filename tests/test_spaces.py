"""One conformance suite for every space."""

import numpy as np
import pytest
from graphs import images, random_weights

from lemonade.config import SearchSettings, SpaceSettings
from lemonade.methods.family import CUT, Family
from lemonade.spaces import SPACES, GridSpace
from lemonade.spaces.cell import Cell
from lemonade.spaces.nasbench201 import NasBench201
from lemonade.spaces.network import chain
from lemonade.spaces.table import split_architecture
from morphisms import (
    Exactness,
    build_module,
    deviation,
    graph_from_json,
    graph_to_json,
    initial_weights,
    params,
    replay,
)
from morphisms.branches import kind_of

SHAPES = [(1, 8, 8), (3, 32, 32), (3, 5, 64), (3, 130, 97)]


GRIDS = [name for name in SPACES if name != "network"]
SMALL = {"network": {}, "cell": {"channels": 4}, "nasbench201": {"cells": 1, "channels": 2}}


def make(name, shape=(1, 8, 8), most=3, **sizes):
    kind = SPACES[name]
    operators = [one for one in kind.operators if one != "continue"]
    return kind(shape, 7, operators, most, SpaceSettings(name=name, **{**SMALL[name], **sizes}))


def test_start_networks_are_as_wide_as_asked():
    starts = make("network", widths=(64, 4, 64)).starts()
    assert [one.origin for one in starts] == ["chain of 3 blocks, 4 wide", "chain of 3 blocks, 64 wide"]
    assert [params(one.genotype) for one in starts] == [params(chain((1, 8, 8), 7, width, 3)) for width in (4, 64)]


def test_one_lies_below_the_narrowest_unless_that_has_a_single_channel():
    assert _widths(_family(make("network")).rounds[0]) == [(2, 3, 6), *[(w, 2 * w, 4 * w) for w in (3, 6, 12, 24)]]
    single = make("network", widths=(1,))
    assert single.between(None, single.starts()[0].genotype) is None
    (middle,) = _family(make("cell", channels=4)).rounds[0].made  # of 1, 2 and 4 channels
    assert make("cell", channels=4).channels(middle.graph) == 3


def test_a_round_lies_halfway_between_what_there_is_then():
    _, second = _family(make("network"), cut_rounds=("halfway", "halfway")).rounds
    assert [widths[-1] for widths in _widths(second)] == [7, 10, 14, 20, 28, 40, 56, 80, 112]
    (one,) = _family(make("network", widths=(4, 8)), cut_rounds=("halfway",)).rounds
    assert _widths(one) == [(3, 6, 12), (6, 12, 24)]


def test_a_round_makes_the_largest_convolution_separable():
    family = _family(make("network"))
    first, second, third = family.rounds
    assert [one.kind for one in (first, second, third)] == ["halfway", "separable", "halfway"]
    assert [one.parent for one in second.made[-2:]] == [
        first.made[-1].graph,
        _family(make("network")).starts[-1].genotype,
    ]
    for one in second.made:
        (depthwise,) = [node for node in one.graph.nodes if node.op == "depthwise"]
        assert one.graph.consumers[depthwise.name][0].name == "conv3"
    # those between have one too
    assert all(any(node.op == "depthwise" for node in one.graph.nodes) for one in third.made)
    assert len(third.made) == len(second.made) - 1
    without = _family(make("network"), operators=("prune", "widen")).rounds
    assert [one.kind for one in without] == ["halfway", "halfway"]
    assert [one.kind for one in _family(make("cell", channels=16)).rounds] == ["halfway", "halfway"]


@pytest.mark.parametrize("name", ["network", "cell"])
def test_what_rounds_make_follows_from_their_parents(name):
    family = _family(make(name, **{"channels": 16} if name == "cell" else {}))
    there = {start.genotype for start in family.starts}
    for one in family.rounds:
        for made in one.made:
            assert made.parent in there
            assert made.operator.rewrite(made.parent, made.site).child == made.graph
        assert not there & {made.graph for made in one.made}
        there |= {made.graph for made in one.made}


def test_one_below_the_floors_is_enough():
    family = _family(make("network"), floors={"params": 800})
    assert [params(one.genotype) for one in family.starts[:2]] == [469, 1651]
    for one in family.rounds:
        assert sum(params(made.graph) < 800 for made in one.made) <= 1
        assert all(params(made.parent) >= 800 for made in one.made)


def _family(space, floors=None, **settings):
    return Family.within(space, SearchSettings(**settings), lambda graph: {"params": params(graph)}, {}, floors or {})


def _widths(stage):
    return [tuple(node.attrs["channels"] for node in one.graph.nodes if node.op == "conv") for one in stage.made]


@pytest.mark.parametrize("widths", [(3,), (2, 3), (5, 7, 200), (4, 6, 9), (2, 5, 6)])
def test_networks_halfway_can_be_cut_whatever_the_widths(widths):
    family = _family(make("network", widths=widths))
    first = family.rounds[0].made
    assert [one.parent for one in first] == [one.genotype for one in family.starts]
    assert all(CUT.rewrite(one.parent, one.site).child == one.graph for one in first)


@pytest.mark.parametrize("name", SPACES)
class TestConformance:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_starts_fit_the_images_and_grow(self, name, shape):
        starts = make(name, shape).starts()
        sizes = [params(one.genotype) for one in starts]
        assert sizes == sorted(set(sizes))
        assert len(sizes) >= 3
        for one in starts:
            assert one.genotype.input_shape == shape
            assert one.genotype.shape(one.genotype.output) == (7,)
            assert one.origin

    @pytest.mark.parametrize("shape", SHAPES)
    def test_what_lies_halfway_is_cut_out_of_the_next_start_network(self, name, shape):
        family = _family(make(name, shape, **{"channels": 16} if name == "cell" else {}))
        first = family.rounds[0].made if family.are_cut else []
        assert len(first) == (0 if name == "nasbench201" else len(family.starts))
        for narrow, one, wide in zip([None, *family.starts], first, family.starts, strict=False):
            assert one.parent == wide.genotype
            assert params(one.graph) < params(wide.genotype)
            assert narrow is None or params(narrow.genotype) < params(one.graph)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_smaller_networks_are_smaller(self, name, shape):
        space = make(name, shape)
        sizes = [params(one.genotype) for one in space.smallest()]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < params(space.starts()[0].genotype)

    def test_a_child_follows_from_its_records(self, name):
        space, rng = make(name), np.random.default_rng(1)
        parent = space.starts()[1].genotype
        for _ in range(30):
            child, records = space.mutate(parent, rng)
            assert 1 <= len(records) <= 3
            assert replay(parent, initial_weights(parent, 0), records).graph == child
            assert child.shape(child.output) == (7,)

    def test_same_generator_same_child(self, name):
        space = make(name)
        parent = space.starts()[0].genotype
        first, again = (space.mutate(parent, np.random.default_rng(5)) for _ in range(2))
        assert first == again

    def test_random_networks_differ_and_fit(self, name):
        space, rng = make(name), np.random.default_rng(2)
        drawn = [space.random(rng) for _ in range(30)]
        assert len({space.key(graph) for graph in drawn}) > 20
        assert all(graph.shape(graph.output) == (7,) for graph in drawn)

    def test_a_graph_from_a_file_is_the_same_network(self, name):
        space, rng = make(name), np.random.default_rng(3)
        for graph in (space.random(rng), space.mutate(space.starts()[0].genotype, rng)[0]):
            again = graph_from_json(graph_to_json(graph))
            assert make(name).key(again) == space.key(graph)
            assert make(name).mutate(again, np.random.default_rng(4)) == space.mutate(graph, np.random.default_rng(4))

    def test_keys_tell_networks_apart(self, name):
        space, rng = make(name), np.random.default_rng(5)
        graphs = [space.random(rng) for _ in range(40)] + [start.genotype for start in space.starts()]
        keys: dict[str, list] = {}
        for graph in graphs:
            keys.setdefault(space.key(graph), []).append(params(graph))
        assert len(keys) > 25
        assert all(len(set(sizes)) == 1 for sizes in keys.values())

    def test_features_are_always_as_many_as_told(self, name):
        space, rng = make(name), np.random.default_rng(6)
        for graph in (space.starts()[0].genotype, *[space.random(rng) for _ in range(5)]):
            found = space.features(graph)
            assert len(found) == sum(space.groups())
            assert np.isfinite(found).all()

    def test_only_operators_that_are_asked_for_act(self, name):
        used = next(one for one in SPACES[name].operators if one != "continue")
        space = SPACES[name]((1, 8, 8), 7, [used], 3, SpaceSettings(name=name, **SMALL[name]))
        made = space.mutate(space.starts()[1].genotype, np.random.default_rng(0))
        assert {record.operator for record in made[1]} == {used}


def test_the_key_of_a_free_network_is_free_of_names():
    space = make("network")
    graph = space.starts()[0].genotype
    renamed = graph.with_nodes(
        [
            type(node)(
                f"x_{node.name}", node.op, tuple(i if i == "input" else f"x_{i}" for i in node.inputs), node.attrs
            )
            for node in graph.nodes
        ],
        f"x_{graph.output}",
    )
    assert space.key(renamed) == space.key(graph)
    assert space.key(graph) != space.key(space.starts()[1].genotype)


@pytest.mark.parametrize("name", GRIDS)
class TestGrids:
    def test_crossover_takes_each_edge_from_a_parent_and_weights_from_the_first(self, name):
        space, rng = make(name), np.random.default_rng(1)
        assert isinstance(space, GridSpace)
        for _ in range(8):
            one, other = space.random(rng), space.random(rng)
            child, records = space.crossover(one, other, rng)
            rows = space.row(one), space.row(other), space.row(child)
            assert all(c in (a, b) for a, b, c in zip(*rows, strict=True))
            assert len(records) == sum(a != c for a, _, c in zip(*rows, strict=True))
            made = replay(one, initial_weights(one, 0), records)
            assert made.graph == child
            assert space.channels(child) == space.channels(one)

    def test_neighbours_differ_at_one_edge(self, name):
        space, rng = make(name), np.random.default_rng(2)
        graph = space.random(rng)
        around = space.neighbours(graph, rng)
        assert len({space.key(one) for one, _ in around}) == len(around) > 20
        for one, records in around:
            assert sum(a != b for a, b in zip(space.row(graph), space.row(one), strict=True)) == len(records) == 1
        child, records = around[3]
        assert replay(graph, initial_weights(graph, 0), records).graph == child

    def test_all_copies_are_alike(self, name):
        space, rng = make(name, (3, 32, 32), cells=2), np.random.default_rng(3)
        graph, _ = space.mutate(space.random(rng), rng, most=10)
        for place, kind in zip(space.places, space.row(graph), strict=True):
            found = [kind_of(graph, *ends, place.kinds) or "none" for ends in space._ends(place)]
            assert found == [kind] * len(found)
            assert len(found) == len(space.copies[place.cell]) > 1


class TestCell:
    def test_every_cell_is_allowed(self):
        space, rng = make("cell"), np.random.default_rng(0)
        for _ in range(20):
            graph = space.random(rng)
            for _ in range(5):
                graph, _ = space.mutate(graph, rng)
                assert space.allows(space.row(graph))

    @pytest.mark.parametrize(("operator", "exact"), [("widen", True), ("prune", False)])
    def test_widths_change_in_proportion_and_weights_come_along(self, operator, exact):
        space = Cell((1, 8, 8), 7, [operator], 1, SpaceSettings(name="cell", channels=12))
        graph = space.starts()[-1].genotype
        for seed in range(4):
            child, (record,) = space.mutate(graph, np.random.default_rng(seed))
            width = space.channels(child)
            assert (width > 12) == exact
            assert child == space.network(space.row(graph), width)
            weights, batch = random_weights(graph, seed), images(graph, 1)
            made = replay(graph, weights, [record], images(graph, 2, count=8))
            assert made.graph == child
            if exact:
                assert record.exactness is Exactness.TOLERANCE
                assert deviation(build_module(graph, weights), build_module(child, made.weights), batch) < 1e-5

    def test_a_widened_network_goes_on_as_a_cell(self):
        space, rng = make("cell"), np.random.default_rng(0)
        graph, widths = space.starts()[0].genotype, set()
        for _ in range(40):
            graph, _ = space.mutate(graph, rng)
            widths.add(space.channels(graph))
            assert space.channels(graph) == int(space.key(graph).split()[0]) == graph.shape("s1c1_n2")[0]
            assert graph.shape("s2c1_n2")[0] == 2 * space.channels(graph)
        assert len(widths) > 3

    def test_sizes(self):
        shapes = [make("cell", (3, side, side), **sizes).starts()[-1].genotype for side, sizes in (
            (8, {}), (16, {}), (16, {"cells": 2}), (16, {"nodes": 4}), (16, {"channels": 8})
        )]  # fmt: skip
        cells = [sum(node.op == "concat" for node in graph.nodes) for graph in shapes]
        assert cells == [3, 5, 8, 5, 5]
        assert [graph.shape("pool")[0] for graph in shapes] == [3 * 8, 3 * 16, 3 * 16, 4 * 16, 3 * 32]

    def test_stages_halve_the_map_and_double_the_channels(self):
        graph = make("cell", (3, 20, 17)).starts()[0].genotype
        assert [graph.shape(f"s{stage}c1_n2") for stage in (1, 2, 3)] == [(1, 20, 17), (2, 10, 9), (4, 5, 5)]


# params and multiply-adds of cells for CIFAR-10, as in the table that `lemonade bench table` is measured on
PUBLISHED = {
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": (73_306, 7_783_050),
    "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|": (559_386, 78_561_930),
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|": (
        1_531_546,
        220_119_690,
    ),
    "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_3x3~2|": (316_346, 43_172_490),
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|skip_connect~2|": (587_386, 82_494_090),
    "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|none~0|nor_conv_3x3~1|none~2|": (344_346, 47_104_650),
    "|avg_pool_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|": (372_346, 51_036_810),
    "|none~0|+|skip_connect~0|nor_conv_3x3~1|+|nor_conv_1x1~0|nor_conv_1x1~1|none~2|": (372_346, 51_036_810),
    "|skip_connect~0|+|skip_connect~0|avg_pool_3x3~1|+|avg_pool_3x3~0|none~1|none~2|": (73_306, 7_783_050),
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|": (
        559_386,
        78_561_930,
    ),
    "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|none~2|": (400_346, 54_968_970),
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|avg_pool_3x3~0|avg_pool_3x3~1|none~2|": (344_346, 47_104_650),
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|avg_pool_3x3~0|nor_conv_3x3~1|none~2|": (559_386, 78_561_930),
}


def row_of(text):
    return tuple(edge.rpartition("~")[0] for node in split_architecture(text) for edge in node)


class TestNasBench201:
    @pytest.mark.parametrize("text", PUBLISHED)
    def test_counts_are_the_published_ones(self, text):
        """Disconnected edges count; multiply-adds are of convolutions and the linear layer, with its bias."""
        space = NasBench201((3, 32, 32), 10, ["change_branch"], 3, SpaceSettings(name="nasbench201"))
        graph = space.network(row_of(text), 16)
        assert space.key(graph) == text
        counted = sum(graph.facts[node.name].flops for node in graph.nodes if node.op in ("conv", "linear"))
        assert (params(graph), counted + 10) == PUBLISHED[text]

    def test_what_leads_nowhere_plays_no_part(self):
        """Edges into a node that nothing but `none` leaves change no logit."""
        dead = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
        graph = make("nasbench201").network(row_of(dead), 2)
        weights, batch = random_weights(graph, 0), images(graph)
        other = {name: tensor + 1 for name, tensor in weights.items() if "_n0_n2_conv" in name}
        assert other
        changed = build_module(graph, weights.updated(other))
        assert deviation(build_module(graph, weights), changed, batch) == 0

    def test_an_edge_in_place_of_none_is_added_exactly(self):
        space = make("nasbench201")
        graph = space.starts()[1].genotype
        weights, batch = random_weights(graph, 0), images(graph)
        for kind in ("nor_conv_1x1", "nor_conv_3x3"):
            _, record = space._changed(graph, 1, kind, np.random.default_rng(0))
            child = replay(graph, weights, [record], images(graph, 1, count=8))
            assert record.exactness is Exactness.BITWISE
            assert deviation(build_module(graph, weights), build_module(child.graph, child.weights), batch) == 0

    def test_odd_maps(self):
        graph = make("nasbench201", (3, 5, 64)).starts()[0].genotype
        assert [graph.shape(f"s{stage}c1_n3") for stage in (1, 2, 3)] == [(2, 5, 64), (4, 3, 32), (8, 2, 16)]
