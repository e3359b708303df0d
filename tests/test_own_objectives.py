"""Objectives of a user's own in a whole search: what becomes of those that fail, on proposals, children and starts."""

import pytest
from fake_runs import start

import lemonade
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.objectives import OBJECTIVES, Kind, Objective


class TestOwnObjectives:
    """A cheap objective of the user's that fails on some networks."""

    @pytest.fixture
    def broken(self, monkeypatch):
        def at_most(count):
            def measure(graph):
                if len(graph) > count:
                    raise RuntimeError("too many nodes")
                return len(graph)

            own = Objective("nodes", "nodes", Kind.CHEAP, (1, 100), measure=measure)
            monkeypatch.setitem(OBJECTIVES, "nodes", own)
            return {"objectives": ("error", "params", "nodes")}

        return at_most

    def test_proposals_it_fails_on_are_left_out_and_told(self, tmp_path, broken):
        events = []
        rounds = {"search.cut_rounds": ["halfway", "separable"]}  # of those the second has 15 nodes
        run = start(tmp_path / "r", events.append, **broken(14), **rounds)
        assert run.spent.evaluations == 30
        assert max(len(one.graph) for one in run.candidates.values()) <= 14
        (note,) = {
            one.message.partition(" left out: ")[2] for one in events if one.message and one.kind == "generation"
        }
        assert note == "objective 'nodes' failed: RuntimeError: too many nodes"

    def test_one_that_fails_now_and_then_leaves_a_run_that_can_be_read(self, tmp_path, monkeypatch):
        asked = []

        def now_and_then(graph):
            asked.append(graph)
            if len(asked) > 40 and len(asked) % 3 == 0:
                raise RuntimeError("busy")
            return len(graph)

        own = Objective("nodes", "nodes", Kind.CHEAP, (1, 100), measure=now_and_then)
        monkeypatch.setitem(OBJECTIVES, "nodes", own)
        start(tmp_path / "r", objectives=("error", "params", "nodes"))
        assert len(asked) > 60 and Run.load(tmp_path / "r").spent.evaluations == 30

    def test_a_member_that_costs_nothing_stands_at_the_end_of_a_log_axis(self, tmp_path, monkeypatch):
        def merges(graph):
            return sum(node.op in ("add", "concat") for node in graph.nodes)

        own = Objective("merges", "nodes", Kind.CHEAP, (1, 100), measure=merges)
        monkeypatch.setitem(OBJECTIVES, "merges", own)
        run = start(tmp_path / "r", objectives=("error", "params", "merges"), **{"search.gain_box": "front"})
        assert run.spent.evaluations == 30 and min(one.values["merges"] for one in run.front) == 0

    def test_one_that_fails_on_a_start_network_is_told_before_there_is_a_folder(self, tmp_path, broken):
        with pytest.raises(LemonadeError, match="objective 'nodes' failed: RuntimeError: too many nodes"):
            start(tmp_path / "r", **broken(3))
        assert not (tmp_path / "r").exists()

    def test_an_objective_of_ones_own_that_fails_is_a_failed_child(self, tmp_path, monkeypatch):
        def broken(graph, objectives, dataset, device, settings):
            raise ZeroDivisionError("in the plug-in")

        monkeypatch.setattr("lemonade.evaluate.measured.measure", broken)
        with pytest.raises(LemonadeError, match="c0000 failed: ZeroDivisionError: in the plug-in"):
            start(tmp_path / "r", objectives=("error", "params", "latency_ms"))


def test_a_cheap_one_of_a_script_needs_no_plug_in_file(tmp_path, monkeypatch):
    own = Objective("nodes", "nodes", Kind.CHEAP, (1, 100), measure=len)
    monkeypatch.setitem(OBJECTIVES, "nodes", own)
    few = {"evaluations": 1, "child_examples": 200, "training.initial_factor": 1, "workers": 1}
    run = lemonade.search(objectives=["error", "nodes"], out=tmp_path / "r", **few)
    assert [one.values["nodes"] for one in run.front] == [len(one.graph) for one in run.front]
