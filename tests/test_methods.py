"""One conformance suite for every search method, on a made-up error, and a golden front for LEMONADE."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gaussian_kde
from tables import architectures, by_wiring, price

from lemonade.bench.table import ON_TABLES, table_setting
from lemonade.config import SearchSettings, SpaceSettings
from lemonade.errors import LemonadeError
from lemonade.evaluate.fake import landscape
from lemonade.methods import METHODS, Family, Setting, make_search, methods_on
from lemonade.objectives import costs, resolve, vector
from lemonade.settings import make_config
from lemonade.spaces import SPACES
from lemonade.types import Candidate, Evaluation, Status
from morphisms import replay
from morphisms.weights import initial_weights

OBJECTIVES = resolve(("error", "params", "flops"), 10)
ROWS = architectures()
ERRORS = {text: by_wiring(text) for text in ROWS}
SIZES = {"cell": {"channels": 4}, "nasbench201": {"cells": 1, "channels": 2}}
PAIRS = [(name, space) for space in (*SPACES, "table") for name in methods_on(space)]


def make_setting(seed=1, limits=None, space="network", **search):
    search = {"proposals": 30, "children": 6, "population": 8, "sample": 3, **search}
    if space == "table":
        own = {f"search.{name}": value for name, value in {**ON_TABLES, **search}.items()}
        config = make_config(None, {**own, "limits": limits or {}, "seed": seed})
        return table_setting({text: {"params": price(text)} for text in ROWS}, config)
    settings = SearchSettings(**search)
    kind = SPACES[space]
    made = kind(
        (1, 8, 8),
        10,
        [name for name in kind.operators if name != "continue"],
        settings.operators_most,
        SpaceSettings(name=space, **SIZES.get(space, {})),
    )
    limits, floors = limits or {}, {"params": 100, "flops": 1000}
    return Setting(
        search=settings,
        space=made,
        family=Family.within(made, settings, lambda graph: costs(graph, OBJECTIVES), limits, floors),
        costs=lambda graph: costs(graph, OBJECTIVES),
        limits=limits,
        floors=floors,
        vector=lambda candidate, evaluation: vector({**candidate.costs, **evaluation.values}, OBJECTIVES, False),
        shown=lambda candidate, evaluation: vector({**candidate.costs, **evaluation.values}, OBJECTIVES, False),
        axes={one.name: one.axis for one in OBJECTIVES},
        seed=seed,
        child_examples=1000,
        initial_examples=3000,
    )


def evaluate(candidate, error=None):
    if error is None:
        error = ERRORS[candidate.genotype] if isinstance(candidate.genotype, str) else landscape(candidate)
    return Evaluation(candidate.id, Status.OK, {"error": error})


def drive(search, generations, fail=()):
    """Ask and tell; returns all candidates."""
    seen: list[Candidate] = []
    for _ in range(generations):
        batch = search.ask()
        seen += batch
        search.tell([evaluate(one) if one.id not in fail else Evaluation(one.id, Status.DIVERGED) for one in batch])
    return seen


def test_there_are_methods():
    assert METHODS
    assert SPACES
    assert {name for name, _ in PAIRS} == set(METHODS)


def test_a_method_that_does_not_exist_on_a_space_says_what_does():
    with pytest.raises(
        LemonadeError,
        match="method 'local' does not exist on the space 'network'. There: lemonade, random, aging, nsga2.",
    ):
        make_search("local", make_setting())
    with pytest.raises(LemonadeError, match="unknown method 'agin'. Did you mean 'aging'"):
        make_search("agin", make_setting(space="table"))


@pytest.mark.parametrize(("name", "space"), PAIRS)
class TestConformance:
    def test_asks_for_distinct_networks_with_known_costs(self, name, space):
        setting = make_setting(space=space)
        seen = drive(make_search(name, setting), 8)
        assert len({one.key for one in seen}) == len(seen) > 20
        assert [one.id for one in seen] == [f"c{k:04d}" for k in range(len(seen))]
        for one in seen:
            assert one.costs == setting.costs(one.genotype)

    def test_children_follow_from_their_parents(self, name, space):
        search = make_search(name, make_setting(space=space))
        seen = {one.id: one for one in drive(search, 6)}
        children = [one for one in seen.values() if one.parent]
        assert bool(children) == (name != "random")
        assert all(one.begins == (name != "random") for one in seen.values() if not one.parent)
        if space == "table":
            assert not any(one.morphisms for one in children)
            return
        assert bool(children) == bool(search.live())
        assert search.live() <= seen.keys()
        for one in children:
            parent = seen[one.parent].graph
            assert replay(parent, initial_weights(parent, 0), one.morphisms).graph == one.graph

    def test_parents_are_alive_when_a_child_is_asked_for(self, name, space):
        search = make_search(name, make_setting(space=space))
        kept: set[str] = set()  # what is let go once has no weights any more
        parents = 0
        for _ in range(12):
            batch = search.ask()
            parents += sum(one.parent is not None for one in batch)
            assert {one.parent for one in batch if one.parent} <= kept
            search.tell([evaluate(one) for one in batch])
            kept = (kept | {one.id for one in batch}) & (search.live() | set(search.front.ids))
        assert bool(parents) == (name != "random")

    def test_asks_nothing_while_results_are_missing(self, name, space):
        search = make_search(name, make_setting(space=space))
        assert search.ask()
        assert search.ask() == []
        assert not search.finished

    def test_same_seed_same_candidates_other_seed_others(self, name, space):
        first, again, other = (drive(make_search(name, make_setting(seed, space=space)), 5) for seed in (1, 1, 2))
        assert first == again
        assert first != other

    def test_goes_on_from_adopted_generations(self, name, space):
        whole, again = (make_search(name, make_setting(space=space)) for _ in range(2))
        seen = drive(whole, 5)
        for generation in range(5):
            batch = [one for one in seen if one.generation == generation]
            again.adopt(batch)
            again.tell([evaluate(one) for one in batch])
        assert again.front.members == whole.front.members
        assert again.live() == whole.live()
        assert again.ask() == whole.ask()

    def test_survives_failures_and_keeps_them_off_the_front(self, name, space):
        search = make_search(name, make_setting(space=space))
        failing = {"c0001", "c0005", "c0006"}
        drive(search, 8, fail=failing)
        assert len(search.front) > 3
        assert not failing & set(search.front.ids)
        assert not failing & search.live()

    def test_stays_within_limits(self, name, space):
        seen = drive(make_search(name, make_setting(space=space, limits={"params": 3000})), 6)
        assert len(seen) > 10
        assert max(one.costs["params"] for one in seen) <= 3000

    def test_a_limit_nothing_meets_is_found_out_at_once(self, name, space):
        with pytest.raises(
            LemonadeError, match=rf"no start network of the space '{space}' has params <= 10: the smallest"
        ):
            make_search(name, make_setting(space=space, limits={"params": 10})).ask()

    def test_front_holds_what_nothing_dominates(self, name, space):
        setting = make_setting(space=space)
        search = make_search(name, setting)
        points = {one.id: setting.vector(one, evaluate(one)) for one in drive(search, 8)}
        best = {
            point
            for point in points.values()
            if not any(all(np.less_equal(q, point)) and any(np.less(q, point)) for q in points.values())
        }
        assert {points[one] for one in search.front.ids} == best

    def test_reports_what_became_of_proposals(self, name, space):
        search = make_search(name, make_setting(space=space))
        drive(search, 3)
        batch = search.ask()
        total = search.report.total
        assert total.accepted == len(batch) > 0
        assert total.proposed >= total.accepted + total.duplicate + total.over_limit


GOLDEN = {
    "lemonade": ("network", {"accept": "density", "cut_starts": False}),
    "aging": ("network", {}),
    "nsga2": ("network", {}),
    "local": ("table", {}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_front(name):
    """Published algorithms change only when our reading does: then look at the difference, and write the file anew."""
    space, search = GOLDEN[name]
    made = make_search(name, make_setting(seed=7, space=space, **search))
    drive(made, 10)
    front = {name: list(point) for name, point in made.front.members.items()}
    assert front == json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())


def _channels(candidate):
    return [node.attrs["channels"] for node in candidate.graph.nodes if node.op == "conv"]


class TestLemonade:
    def test_a_limit_between_start_networks_falls_back_on_a_smaller_chain(self):
        (start,) = METHODS["lemonade"](make_setting(limits={"params": 60})).ask()
        assert start.costs["params"] <= 60

    def test_continue_is_proposed_once_per_lineage_and_keeps_the_graph(self):
        seen = drive(METHODS["lemonade"](make_setting(continue_share=0.5)), 10)
        by_id = {one.id: one for one in seen}
        continued = [one for one in seen if one.morphisms and one.morphisms[0].operator == "continue"]
        assert continued
        for one in continued:
            assert one.graph == by_id[one.parent].graph
            assert one.key.startswith(by_id[one.parent].key.partition("+")[0])
        assert len({one.parent for one in continued}) == len(continued)

    def test_nothing_is_continued_from_scratch(self):
        seen = drive(METHODS["lemonade"](make_setting(continue_share=0.9, inherit=False)), 5)
        assert all(record.operator != "continue" for one in seen for record in one.morphisms)

    def test_continue_is_an_operator_like_others_and_can_be_left_out(self):
        seen = drive(METHODS["lemonade"](make_setting(continue_share=0.9, operators=("widen", "prune"))), 5)
        assert all(record.operator != "continue" for one in seen for record in one.morphisms)

    def test_start_networks_are_cut_out_of_the_next_wider_one(self):
        setting = make_setting()
        starts = setting.space.starts()
        seen = drive(METHODS["lemonade"](setting), 4)
        assert [one.graph for one in seen] == [starts[k].genotype for k in (0, 4, 3, 2, 1)]
        assert [one.parent for one in seen] == [None, None, "c0001", "c0002", "c0003"]
        assert [one.examples for one in seen] == [1000, 3000, 1000, 1000, 1000]
        assert [[record.operator for record in one.morphisms] for one in seen] == [[], [], *[["prune"]] * 3]

    def test_several_are_trained_long_side_by_side(self):
        setting = make_setting()
        starts = setting.space.starts()
        for long, short in ((2, 1), (4, 1), (5, 0), (8, 0)):
            family = dataclasses.replace(setting.family, long=long)
            first = METHODS["lemonade"](dataclasses.replace(setting, family=family)).ask()
            assert [one.examples for one in first] == [1000] * short + [3000] * min(long, 5)
            assert [one.graph for one in first][short:] == [one.genotype for one in starts[-long:]]

    def test_then_those_halfway_between_them_are_cut_out_at_once(self):
        search = METHODS["lemonade"](make_setting(limits={"params": 50_000}))
        seen = drive(search, 3)  # the chain of 32 lies beyond the limit
        assert len(seen) == 4
        between = search.ask()
        assert [_channels(one) for one in between] == [[2, 3, 6], [3, 6, 12], [6, 12, 24], [12, 24, 48]]
        parents = [seen[int(one.parent[1:])].graph for one in between]
        assert parents == [one.genotype for one in search.setting.space.starts()][:4]
        search.tell([evaluate(one) for one in between])

    def test_then_come_the_rounds_one_by_one_and_children_at_last(self):
        search = METHODS["lemonade"](make_setting(limits={"params": 50_000}))
        drive(search, 4)
        rounds = []
        for _ in range(3):
            asked = search.ask()
            rounds.append([(len(one.morphisms), one.morphisms[0].operator, _channels(one)[-1]) for one in asked])
            assert search.live() >= {one.parent for one in asked}
            search.tell([evaluate(one, 1 / one.costs["params"]) for one in asked])  # none is beaten
        assert rounds[0] == [(1, "separable", width) for width in (6, 8, 12, 16, 24, 32, 48, 64)]
        assert rounds[1] == [(1, "prune", width) for width in (7, 10, 14, 20, 28, 40, 56)]
        assert len(rounds[2]) == 6  # children

    def test_a_round_leaves_out_what_its_parent_is_missing_for(self):
        search = METHODS["lemonade"](make_setting(limits={"params": 50_000}))
        drive(search, 3)
        between = search.ask()
        search.tell([*[evaluate(one) for one in between[:-1]], Evaluation(between[-1].id, Status.FAILED)])
        assert [_channels(one)[-1] for one in search.ask()] == [6, 8, 12, 16, 24, 32, 64]  # 48 failed

    def test_a_round_leaves_out_what_is_made_of_networks_that_others_beat(self):
        search = METHODS["lemonade"](make_setting(limits={"params": 50_000}))
        drive(search, 3)
        between = search.ask()
        beaten = between[1]  # of 12 channels in the end, as others count
        search.tell([evaluate(one, 1.0 if one is beaten else None) for one in between])
        assert [_channels(one)[-1] for one in search.ask()] == [6, 8, 16, 24, 32, 48, 64]

    def test_where_limits_leave_room_the_widest_lies_halfway_to_the_next(self):
        search = METHODS["lemonade"](make_setting(limits={"params": 20_000}))
        seen = drive(search, 3)
        wide = [next(node for node in one.graph.nodes if node.op == "conv").attrs["channels"] for one in seen]
        assert wide == [2, 12, 8, 4]
        assert [one.parent for one in seen] == [None, None, "c0001", "c0002"]
        assert [_channels(one)[-1] for one in search.ask()] == [6, 12, 24, 40]
        narrow = METHODS["lemonade"](make_setting(limits={"params": 400})).ask()
        assert [one.origin for one in narrow] == ["chain of 3 blocks, 1.5 wide"]
        whole = METHODS["lemonade"](make_setting(limits={"params": 20_000}, cut_starts=False)).ask()
        assert [one.origin[-6:] for one in whole] == ["2 wide", "4 wide", "8 wide"]

    @pytest.mark.parametrize("switch", [{"inherit": False}, {"cut_starts": False}, {"operators": ("widen",)}])
    def test_they_are_all_trained_long_where_nothing_is_cut(self, switch):
        seen = METHODS["lemonade"](make_setting(**switch)).ask()
        assert [one.examples for one in seen] == [3000] * 5
        assert not any(one.parent for one in seen)

    def test_what_was_wider_failed_the_next_start_network_begins_afresh(self):
        seen = drive(METHODS["lemonade"](make_setting()), 4, fail=("c0001", "c0002"))
        assert [one.parent for one in seen] == [None, None, None, None, "c0003"]
        assert [one.examples for one in seen] == [1000, 3000, 3000, 3000, 1000]

    def test_nothing_is_asked_once_all_start_networks_failed(self):
        search = METHODS["lemonade"](make_setting())
        for _ in range(4):
            search.tell([Evaluation(one.id, Status.FAILED) for one in search.ask()])
        assert search.ask() == []
        assert search.finished

    def test_the_best_member_teaches_all_that_inherit(self):
        search = METHODS["lemonade"](make_setting())
        for _ in range(8):
            errors = {name: point[0] for name, point in search.front.members.items()}
            best = min(errors, key=errors.get, default=None)
            batch = search.ask()
            assert [one.teacher for one in batch] == [best if one.parent else None for one in batch]
            search.tell([evaluate(one) for one in batch])
        for name, setting in (
            ("lemonade", make_setting(inherit=False)),
            ("lemonade", dataclasses.replace(make_setting(), taught=False)),
            ("aging", make_setting()),
        ):
            assert not any(one.teacher for one in drive(METHODS[name](setting), 4))

    def test_start_networks_are_cut_out_of_one_that_is_dominated_too(self):
        search = METHODS["lemonade"](make_setting())
        errors = {"c0000": 0.1, "c0001": 0.9}
        search.tell([Evaluation(one.id, Status.OK, {"error": errors[one.id]}) for one in search.ask()])
        assert search.front.ids == ("c0000",)
        assert search.live() == {"c0000", "c0001"}
        assert [one.parent for one in search.ask()] == ["c0001"]

    def test_parents_are_drawn_where_the_front_is_thin(self):
        """Equation 1: a member far from the others in its costs becomes a parent more often than uniformly."""
        setting = make_setting(proposals=400, children=400, continue_share=0.0)
        search = METHODS["lemonade"](setting)
        drive(search, 8)
        front = {one.id: one for one in search._known.values() if one.id in search.front}
        points = np.log10([list(one.costs.values()) for one in front.values()])
        points = (points - points.mean(0)) / points.std(0, ddof=1)
        density = gaussian_kde(points.T)(points.T) if len(points) >= 4 else np.ones(len(points))
        children = search.ask()
        share = {name: sum(one.parent == name for one in children) / len(children) for name in front}
        thin, thick = list(front)[int(density.argmin())], list(front)[int(density.argmax())]
        assert share[thin] > share[thick]

    @pytest.mark.parametrize("switch", [{"density_of": "proposals"}, {"sampling": "uniform"}, {"density_floor": 0.0}])
    def test_switches_change_what_is_accepted(self, switch):
        usual, other = (drive(METHODS["lemonade"](make_setting(**s)), 12) for s in ({}, switch))
        assert [one.key for one in usual] != [one.key for one in other]

    def test_candidate_seeds_do_not_depend_on_the_others(self):
        setting = make_setting()
        assert setting.candidate_seed(3) == dataclasses.replace(setting, limits={"params": 1e4}).candidate_seed(3)
        assert len({setting.candidate_seed(k) for k in range(1000)}) == 1000


@pytest.mark.parametrize("space", SPACES)
def test_a_box_that_begins_beyond_all_networks_is_found_out_at_once(space):
    """By a method that begins with networks drawn at random; start networks may lie below the floors."""
    setting = dataclasses.replace(make_setting(space=space), floors={"params": 10**9})
    with pytest.raises(LemonadeError, match=rf"'{space}' has params >= 1e\+09, where its box begins: the largest"):
        make_search("random", setting).ask()
