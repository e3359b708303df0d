"""One conformance suite for every search method, on a made-up error, and a golden front for LEMONADE."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from lemonade.config import SearchSettings
from lemonade.errors import LemonadeError
from lemonade.evaluate.fake import landscape
from lemonade.methods import METHODS, Setting
from lemonade.objectives import costs, resolve, vector
from lemonade.spaces import SPACES
from lemonade.types import Candidate, Evaluation, Status
from morphisms import OPERATORS, replay
from morphisms.weights import initial_weights

OBJECTIVES = resolve(("error", "params", "flops"), 10)
OPERATORS_USED = [name for name in OPERATORS if name != "continue"]


def make_setting(seed=1, limits=None, space="network", **search):
    settings = SearchSettings(**{"proposals": 30, "children": 6, **search})
    return Setting(
        search=settings,
        space=SPACES[space]((1, 8, 8), 10, OPERATORS_USED, settings.operators_most),
        costs=lambda graph: costs(graph, OBJECTIVES),
        limits=limits or {},
        floors={"params": 100, "flops": 1000},
        vector=lambda candidate, evaluation: vector({**candidate.costs, **evaluation.values}, OBJECTIVES, False),
        shown=lambda candidate, evaluation: vector({**candidate.costs, **evaluation.values}, OBJECTIVES, False),
        axes={one.name: one.axis for one in OBJECTIVES},
        seed=seed,
        child_examples=1000,
        initial_examples=3000,
    )


def evaluate(candidate):
    return Evaluation(candidate.id, Status.OK, {"error": landscape(candidate)})


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


@pytest.mark.parametrize("name", METHODS)
class TestConformance:
    def test_asks_for_distinct_networks_with_known_costs(self, name):
        seen = drive(METHODS[name](make_setting()), 8)
        assert len({one.key for one in seen}) == len(seen) > 20
        assert [one.id for one in seen] == [f"c{k:04d}" for k in range(len(seen))]
        for one in seen:
            assert one.costs == costs(one.graph, OBJECTIVES)

    def test_children_replay_from_their_parents(self, name):
        search = METHODS[name](make_setting())
        seen = {one.id: one for one in drive(search, 6)}
        children = [one for one in seen.values() if one.parent]
        assert bool(children) == bool(search.live())
        for one in children:
            parent = seen[one.parent].graph
            assert replay(parent, initial_weights(parent, 0), one.morphisms).graph == one.graph

    def test_asks_nothing_while_results_are_missing(self, name):
        search = METHODS[name](make_setting())
        assert search.ask()
        assert search.ask() == []
        assert not search.finished

    def test_same_seed_same_candidates_other_seed_others(self, name):
        first, again, other = (drive(METHODS[name](make_setting(seed)), 5) for seed in (1, 1, 2))
        assert first == again
        assert first != other

    def test_goes_on_from_adopted_generations(self, name):
        whole, again = METHODS[name](make_setting()), METHODS[name](make_setting())
        seen = drive(whole, 5)
        for generation in range(5):
            batch = [one for one in seen if one.generation == generation]
            again.adopt(batch)
            again.tell([evaluate(one) for one in batch])
        assert again.front.members == whole.front.members
        assert again.live() == whole.live()
        assert again.ask() == whole.ask()

    def test_survives_failures_and_keeps_them_off_the_front(self, name):
        search = METHODS[name](make_setting())
        failing = {"c0001", "c0005", "c0006"}
        drive(search, 6, fail=failing)
        assert len(search.front) > 3
        assert not failing & set(search.front.ids)

    def test_stays_within_limits(self, name):
        seen = drive(METHODS[name](make_setting(limits={"params": 3000})), 6)
        assert max(one.costs["params"] for one in seen) <= 3000

    def test_a_limit_nothing_meets_is_found_out_at_once(self, name):
        with pytest.raises(
            LemonadeError, match=r"no start network of the space 'network' has params <= 10: the smallest"
        ):
            METHODS[name](make_setting(limits={"params": 10})).ask()

    def test_front_holds_what_nothing_dominates(self, name):
        search = METHODS[name](make_setting())
        seen = drive(search, 8)
        points = {one.id: vector({**one.costs, **evaluate(one).values}, OBJECTIVES, False) for one in seen}
        best = {
            point
            for point in points.values()
            if not any(all(np.less_equal(q, point)) and any(np.less(q, point)) for q in points.values())
        }
        assert {points[one] for one in search.front.ids} == best

    def test_reports_what_became_of_proposals(self, name):
        search = METHODS[name](make_setting())
        drive(search, 4)
        total = search.report.total
        assert total.accepted == 6
        assert total.proposed >= total.accepted + total.duplicate + total.over_limit


class TestLemonade:
    def test_golden_front(self):
        """The paper's algorithm; changes only when that does: then look at the difference, and write the file anew."""
        search = METHODS["lemonade"](make_setting(seed=7, accept="density"))
        drive(search, 10)
        front = {name: list(point) for name, point in search.front.members.items()}
        assert front == json.loads((Path(__file__).parent / "golden" / "lemonade.json").read_text())

    def test_a_limit_between_start_networks_falls_back_on_a_smaller_chain(self):
        (start,) = METHODS["lemonade"](make_setting(limits={"params": 60})).ask()
        assert start.costs["params"] <= 60

    def test_continue_is_proposed_once_per_lineage_and_keeps_the_graph(self):
        seen = drive(METHODS["lemonade"](make_setting(continue_share=0.5)), 6)
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

    def test_a_failed_initial_population_ends_the_search(self):
        search = METHODS["lemonade"](make_setting())
        search.tell([Evaluation(one.id, Status.FAILED) for one in search.ask()])
        assert search.ask() == []
        assert search.finished

    def test_parents_are_drawn_where_the_front_is_thin(self):
        """Equation 1: a member far from the others in its costs becomes a parent more often than uniformly."""
        setting = make_setting(proposals=400, children=400, continue_share=0.0)
        search = METHODS["lemonade"](setting)
        drive(search, 3)
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
        usual, other = (drive(METHODS["lemonade"](make_setting(**s)), 4) for s in ({}, switch))
        assert [one.key for one in usual] != [one.key for one in other]

    def test_candidate_seeds_do_not_depend_on_the_others(self):
        setting = make_setting()
        assert setting.candidate_seed(3) == dataclasses.replace(setting, limits={"params": 1e4}).candidate_seed(3)
        assert len({setting.candidate_seed(k) for k in range(1000)}) == 1000
