"""The loop: budgets, failures, outcome. Training is a formula here."""

import itertools

import pytest
from fake_runs import by_generation, config, resume, start

from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.evaluate.fake import FakeEvaluator
from lemonade.history import Run
from lemonade.journal import EXHAUSTED, INTERRUPTED, read_journal
from lemonade.loop import Stop
from lemonade.run import run_search
from lemonade.settings import make_config
from lemonade.types import Status


class Asked(FakeEvaluator):
    """Keeps the jobs in the order in which they came."""

    def __init__(self):
        super().__init__()
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)
        super().submit(job)


class TestBudgets:
    def test_evaluations_count_initial_networks_and_failures(self, tmp_path):
        run = start(tmp_path / "r", fail={"c0002": Status.FAILED, "c0009": Status.DIVERGED})
        assert run.finished
        assert run.spent.evaluations == len(run.evaluations) == 30
        assert {run.evaluations[name].status for name in ("c0002", "c0009")} == {Status.FAILED, Status.DIVERGED}
        assert not {"c0002", "c0009"} & {one.id for one in run.front}

    def test_the_generation_that_the_budget_cuts_off_is_told_too(self, tmp_path):
        events = []
        run = start(tmp_path / "r", events.append, evaluations=33)
        assert run.under_way
        assert [one.kind for one in events[-2:]] == ["generation", "end"]
        assert (events[-2].trained, events[-2].front_size) == (33, len(run.front))

    def test_examples_are_never_exceeded(self, tmp_path):
        few = {"child_examples": 4_000, "training.initial_factor": 2}
        run = start(tmp_path / "r", evaluations=None, examples=100_000, **few)
        assert 96_000 < run.spent.examples <= 100_000

    def test_start_networks_are_trained_though_no_child_would_fit(self, tmp_path):
        few = {"evaluations": None, "examples": 3_000, "training.initial_factor": 0.01}
        run = start(tmp_path / "r", **few)
        assert [one.examples for one in run.candidates.values()] == [184] * 2

    def test_children_are_sized_by_the_totals_in_force(self, tmp_path):
        short = start(tmp_path / "r", evaluations=None, examples=5_000)
        assert {one.examples for one in short.candidates.values()} == {1_000}
        longer = resume(tmp_path / "r", BudgetSettings(examples=200_000))
        assert {one.examples for one in longer.candidates.values()} == {1_000, 18_400}

    def test_time_stops_asking(self, tmp_path):
        run = start(tmp_path / "r", evaluations=None, time=0.3)
        assert run.finished
        assert 0.3 <= run.spent.seconds < 5

    def test_whichever_is_first(self, tmp_path):
        assert start(tmp_path / "r", time=600).spent.evaluations == 30

    def test_ten_minutes_if_none_is_given(self, tmp_path):
        stop = Stop(requests=1)
        run = run_search(make_config(None, {}), tmp_path / "r", None, stop, FakeEvaluator())
        assert run.budget.time == 600

    def test_first_networks_have_to_be_ready_in_time(self, tmp_path):
        def times(name, **settings):
            asked = Asked()
            run_search(config(**settings), tmp_path / name, evaluator=asked)
            return {job.candidate.id: job.seconds for job in asked.jobs}

        assert list(times("r", evaluations=6).values()) == 6 * [None]
        found = times("s", evaluations=6, time=50)
        assert [name for name, seconds in found.items() if seconds] == ["c0001"]  # the widest; others are children
        assert 0.5 * 50 < found["c0001"] <= 0.8 * 50
        found = times("t", evaluations=5, time=50, **{"search.cut_starts": False})
        shares = [found[f"c000{number}"] for number in range(5)]  # each of what is left, with those still to come
        assert shares == sorted(shares)
        assert shares[0] < 0.2 * 50 and 0.7 * 50 < shares[-1] <= 0.8 * 50

    def test_who_sees_more_images_may_take_more_time(self, tmp_path):
        asked = Asked()
        run_search(config(**{"training.child_time": 6}), tmp_path / "r", evaluator=asked)
        limits = {job.candidate.examples: job.limit for job in asked.jobs}
        child, long = sorted(limits)
        assert limits == {child: 6, long: 6 * long / child} and long >= 2 * child

    def test_late_start_networks_may_take_half_of_what_is_left(self, tmp_path, monkeypatch):
        asked = Asked()
        monkeypatch.setattr("lemonade.store.RunStore.seconds", property(lambda store: 90.0))
        run_search(config(evaluations=2, time=100), tmp_path / "r", evaluator=asked)
        assert [job.seconds for job in asked.jobs] == [None, 5.0]


class TestHopeless:
    def test_a_budget_spent_on_failures_alone_is_no_success(self, tmp_path):
        fail = {f"c{k:04d}": Status.DIVERGED for k in range(30)}
        with pytest.raises(LemonadeError, match="no network could be trained; the first failure: c0000 diverged"):
            start(tmp_path / "r", fail=fail, evaluations=2)
        assert Run.load(tmp_path / "r").ended == INTERRUPTED  # it can go on, and was not ended by force

    def test_a_run_whose_start_networks_all_fail_says_so(self, tmp_path):
        fail = {f"c{k:04d}": Status.OUT_OF_MEMORY for k in range(5)}
        with pytest.raises(LemonadeError, match="no network could be trained; the first failure: c000. out of memory"):
            start(tmp_path / "r", fail=fail)
        assert Run.load(tmp_path / "r").ended == EXHAUSTED  # none is tried twice, so there is nothing to go on with

    def test_a_run_whose_children_all_fail_ends(self, tmp_path):
        fail = {f"c{k:04d}": Status.FAILED for k in range(5, 100)}
        with pytest.raises(LemonadeError, match="the last 40 children all failed; the last one: asked to fail"):
            start(tmp_path / "r", fail=fail, evaluations=None, examples=10**9)
        assert len(Run.load(tmp_path / "r").front) == 5
        assert Run.load(tmp_path / "r").ended == INTERRUPTED
        # once the cause is mended, the run goes on
        assert resume(tmp_path / "r", BudgetSettings(evaluations=60)).spent.evaluations == 60


class Two(Asked):
    """Trains two at a time."""

    @property
    def room(self):
        return 2 - len(self._done)


@pytest.mark.parametrize(
    ("workers", "cut", "order"),
    [(1, False, [0, 1, 2, 3, 4]), (2, False, [4, 0, 1, 2, 3]), (1, True, [0, 1, 2, 3, 4]), (2, True, [1, 0, 2, 3, 4])],
)
def test_small_start_networks_come_first_but_the_largest_has_a_worker_to_itself(tmp_path, workers, cut, order):
    evaluator = Two()
    run_search(config(workers=workers, **{"search.cut_starts": cut}), tmp_path / "r", None, None, evaluator)
    assert [job.candidate.id for job in evaluator.jobs[:5]] == [f"c{number:04d}" for number in order]


class SlowToBegin(FakeEvaluator):
    """Has no room at first, as when the only worker is being replaced."""

    asked = 0

    @property
    def room(self):
        self.asked += 1
        return int(self.asked > 5)


def test_no_room_is_no_reason_to_end(tmp_path):
    assert run_search(config(), tmp_path / "r", None, None, SlowToBegin()).spent.evaluations == 30


class TestOutcome:
    def test_weights_are_kept_for_the_front_alone(self, tmp_path):
        run = start(tmp_path / "r")
        kept = {path.stem for path in (tmp_path / "r" / "weights").glob("*.safetensors")}
        late = {name for name in run.evaluations if run.candidates[name].generation == len(run.generations)}
        # members that children of the last, unfinished generation dominate are still there
        assert {one.id for one in run.front} <= kept <= set(run.generations[-1].front) | late

    def test_all_weights_are_kept_if_so_wished(self, tmp_path):
        run = start(tmp_path / "r", keep="all")
        assert len(list((tmp_path / "r" / "weights").glob("*.safetensors"))) == len(run.evaluations)

    def test_limits_hold_on_the_front(self, tmp_path):
        run = start(tmp_path / "r", limits={"params": 5000.0})
        assert max(one.values["params"] for one in run.front) <= 5000

    def test_nothing_beyond_the_box_is_trained(self, tmp_path):
        run = start(tmp_path / "r", boxes={"params": (100, 5_000)})
        sizes = [run.values(name)["params"] for name in run.evaluations]
        assert len(sizes) == 30
        assert max(sizes) <= 5_000

    def test_an_impossible_limit_leaves_no_folder(self, tmp_path):
        with pytest.raises(LemonadeError, match="has params <= 10: the smallest has"):
            start(tmp_path / "r", limits={"params": 10.0})
        assert not (tmp_path / "r").exists()

    def test_a_folder_with_a_run_is_left_alone(self, tmp_path):
        start(tmp_path / "r")
        with pytest.raises(LemonadeError, match="holds a run. Go on with: lemonade resume"):
            start(tmp_path / "r")

    def test_latency_is_measured_once_and_may_reject_untrained(self, tmp_path):
        settings = {"objectives": ("error", "params", "latency_ms"), "limits": {"latency_ms": 1e-6}, "evaluations": 4}
        with pytest.raises(LemonadeError, match=r"first failure: c000. rejected: .* Loosen it, or begin with smaller"):
            start(tmp_path / "r", **settings)
        run = Run.load(tmp_path / "r")
        assert {one.status for one in run.evaluations.values()} == {Status.REJECTED}
        assert run.spent.evaluations == 0
        run = start(tmp_path / "s", **{**settings, "limits": {}})
        assert all(one.values["latency_ms"] > 0 for one in run.front)
        assert run.front[0].evaluation.payload["latency"]["batch"] == 1

    def test_a_generation_rejected_whole_is_no_reason_to_end(self, tmp_path, monkeypatch):
        def slow_children(graph, objectives, dataset, device, settings):
            return {"latency_ms": 1.0 if graph.nodes[0].name == "conv1" and len(graph) in (14, 15) else 9.0}, {}

        monkeypatch.setattr("lemonade.evaluate.measured.measure", slow_children)
        settings = {"objectives": ("error", "params", "latency_ms"), "limits": {"latency_ms": 5.0}, "evaluations": 16}
        run = start(tmp_path / "r", **{**settings, "search.continue_share": 0.0})
        statuses = [
            [run.evaluations[name].status for name in ids if name in run.evaluations] for ids in by_generation(run)
        ]
        assert run.spent.evaluations == 16
        assert any(set(one) == {Status.REJECTED} for one in statuses)

    @pytest.mark.parametrize("method", ["random", "aging", "nsga2"])
    def test_a_limit_that_nothing_meets_ends_the_search(self, tmp_path, monkeypatch, method):
        """Rejections spend no budget, so that nothing else would end it."""
        times = itertools.chain([1.0] * 3, itertools.repeat(9.0))
        monkeypatch.setattr("lemonade.loop.MOST_REJECTIONS", 20)
        monkeypatch.setattr("lemonade.evaluate.measured.measure", lambda *_: ({"latency_ms": next(times)}, {}))
        settings = {"objectives": ("error", "params", "latency_ms"), "limits": {"latency_ms": 5.0}, "method": method}
        events = []
        run = start(tmp_path / "r", events.append, **settings)
        assert run.finished and run.ended == "exhausted"
        assert run.spent.evaluations == 3
        assert "networks were all rejected; the last one: latency_ms is 9, beyond its limit of 5" in events[-1].message
        assert resume(tmp_path / "r", BudgetSettings(evaluations=60)).spent.evaluations == 3
        with pytest.raises(LemonadeError, match="no network could be trained; the first failure: c0000 rejected"):
            start(tmp_path / "s", **settings)

    def test_what_is_still_to_be_evaluated_is_measured_on_resume(self, tmp_path):
        settings = {"objectives": ("error", "params", "latency_ms")}
        stop = Stop()

        def ask_to_stop(event):
            stop.requests = int(event.trained >= 6)

        start(tmp_path / "r", ask_to_stop, stop, **settings)
        run = resume(tmp_path / "r")
        assert run.finished
        assert all(one.values["latency_ms"] > 0 for one in run.front)

    def test_a_network_trained_further_keeps_its_latency(self, tmp_path):
        settings = {"objectives": ("error", "params", "latency_ms"), "search.continue_share": 0.9, "evaluations": 24}
        run = start(tmp_path / "r", **settings)
        pairs = [
            (evaluation.values["latency_ms"], run.evaluations[run.candidates[name].parent].values["latency_ms"])
            for name, evaluation in run.evaluations.items()
            if [one.operator for one in run.candidates[name].morphisms] == ["continue"]
        ]
        assert pairs
        assert all(own == parents for own, parents in pairs)
        assert all(one.payload["latency"]["passes"] >= 50 for one in run.evaluations.values())

    def test_events_tell_the_story(self, tmp_path):
        events = []
        start(tmp_path / "r", events.append)
        kinds = [one.kind for one in events]
        assert kinds[:2] == ["loading", "loading"]
        assert kinds[2] == "start"
        assert kinds[-1] == "end"
        assert kinds.count("evaluated") == 30
        volumes = [one.hypervolume for one in events if one.kind == "generation"]
        assert volumes == sorted(volumes)

    def test_generations_are_written_with_what_became_of_proposals(self, tmp_path):
        assert start(tmp_path / "r").generations[6].proposed == 20
        lines = read_journal(tmp_path / "r" / "journal.jsonl")
        totals = {line["generation"]: line["total"] for line in lines if line["type"] == "candidates"}
        assert (totals[6]["accepted"], totals[6]["proposed"]) == (4, 20)

    def test_front_csv_is_the_front_also_of_a_generation_cut_off(self, tmp_path):
        for evaluations in (29, 30, 31):
            run = start(tmp_path / str(evaluations), evaluations=evaluations)
            rows = (tmp_path / str(evaluations) / "front.csv").read_text().splitlines()[1:]
            assert [row.partition(",")[0] for row in rows] == [one.id for one in run.front]

    def test_nothing_is_left_lying_about(self, tmp_path):
        start(tmp_path / "r")
        names = {path.name for path in (tmp_path / "r").iterdir()}
        assert names == {".lock", "config.yaml", "environment.json", "journal.jsonl", "graphs", "weights", "front.csv"}

    def test_the_config_is_stored_whole(self, tmp_path):
        start(tmp_path / "r", seed=5)
        text = (tmp_path / "r" / "config.yaml").read_text()
        assert "seed: 5" in text
        assert "density_floor: 0.05" in text


def test_a_budget_too_small_for_a_start_network_is_said_at_once(tmp_path):
    with pytest.raises(LemonadeError, match="a start network sees 1,000 training images, got a budget of 50"):
        start(tmp_path / "r", evaluations=None, examples=50)
    few = {"evaluations": None, "child_examples": 24_000, "training.initial_factor": 16}
    text = "a start network sees 384,000 training images after another 24,000, got a budget of 400,000"
    with pytest.raises(LemonadeError, match=text):
        start(tmp_path / "r", **few, examples=400_000)
    assert not (tmp_path / "r").exists()
