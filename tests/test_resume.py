"""A run that was killed, stopped, or could not write, goes on to the same end. Training is a formula here."""

import time
from dataclasses import replace

import numpy as np
import pytest
from fake_runs import KilledError, config, outcome, resume, start

from lemonade.assembly import Assembly
from lemonade.config import BudgetSettings
from lemonade.data import load_dataset
from lemonade.environment import environment
from lemonade.errors import LemonadeError
from lemonade.evaluate.fake import FakeEvaluator
from lemonade.history import Run
from lemonade.loop import Stop
from lemonade.run import resume_search, run_search
from lemonade.store import RunStore
from lemonade.types import RUN_FAULT, Status
from morphisms import initial_weights, save_weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return outcome(start(tmp_path_factory.mktemp("whole") / "r"))


def test_children_stopped_early_are_counted_and_a_killed_run_stops_the_same(tmp_path):
    stops = {"search.stop_chance": 0.05}
    whole = start(tmp_path / "whole", evaluations=120, **stops)
    stopped = [name for name, one in whole.evaluations.items() if one.status is Status.STOPPED]
    assert stopped
    assert whole.spent.evaluations == len(whole.evaluations) == 120
    assert whole.spent.examples == sum(one.examples for one in whole.evaluations.values())
    assert all(whole.evaluations[name].weights is None and whole.evaluations[name].examples for name in stopped)

    def kill(event):
        if event.trained == 90:
            raise KilledError

    with pytest.raises(KilledError):
        start(tmp_path / "killed", kill, evaluations=120, **stops)
    again = resume(tmp_path / "killed")
    assert outcome(again) == outcome(whole)
    assert [name for name, one in again.evaluations.items() if one.status is Status.STOPPED] == stopped


@pytest.mark.parametrize(
    ("method", "space"),
    [
        *((method, "network") for method in ("aging", "nsga2", "random")),
        *((method, "cell") for method in ("lemonade", "nsga2")),
        *((method, "nasbench201") for method in ("local", "nsga2")),
    ],
)
def test_every_method_goes_on_as_if_it_had_not_been_killed(tmp_path, method, space):
    more = {"method": method, "space": space, "search.population": 8, "search.sample": 3}
    more |= {"space.cells": 1, "space.channels": 4} if space != "network" else {}
    events, later = [], []
    whole = start(tmp_path / "whole", events.append, **more)

    def kill(event):
        if event.trained == 17:
            raise KilledError

    with pytest.raises(KilledError):
        start(tmp_path / "killed", kill, **more)
    assert outcome(resume(tmp_path / "killed", on_event=later.append)) == outcome(whole)
    assert later[-1].proposed == events[-1].proposed
    assert any(one.parent for one in whole.candidates.values()) == (method != "random")


class TestResume:
    @pytest.mark.parametrize("after", [1, 3, 4, 5, 9, 17, 29])
    def test_a_run_killed_at_any_instant_goes_on_to_the_same_front(self, tmp_path, whole, after):
        seen = []

        def kill(event):
            seen.append(event)
            if sum(one.kind == "evaluated" for one in seen) == after:
                raise KilledError

        with pytest.raises(KilledError):
            start(tmp_path / "r", kill)
        assert not Run.load(tmp_path / "r").finished
        run = resume(tmp_path / "r")
        assert run.finished
        assert outcome(run) == whole

    def test_killed_while_a_generation_is_written(self, tmp_path, whole):
        start(tmp_path / "r")
        path = tmp_path / "r" / "journal.jsonl"
        text = path.read_text()
        last = text.rindex('"candidates"')
        path.write_text(text[: last + 200])
        assert outcome(resume(tmp_path / "r")) == whole

    def test_stopped_twice_over_and_resumed(self, tmp_path, whole):
        stop = Stop()

        def ask_to_stop(event):
            stop.requests = int(event.trained >= 7)

        run = start(tmp_path / "r", ask_to_stop, stop)
        assert not run.finished
        assert run.spent.evaluations < 30
        events = []
        again = resume(tmp_path / "r", on_event=events.append)
        assert outcome(again) == whole
        assert next(one for one in events if one.kind == "start").trained == run.spent.evaluations

    def test_a_finished_run_is_returned_as_it_is(self, tmp_path):
        run = start(tmp_path / "r")
        before = (tmp_path / "r" / "journal.jsonl").read_bytes()
        assert outcome(resume(tmp_path / "r")) == outcome(run)
        assert (tmp_path / "r" / "journal.jsonl").read_bytes() == before

    def test_a_larger_budget_goes_further_as_one_run_would(self, tmp_path):
        start(tmp_path / "r")
        longer = resume(tmp_path / "r", BudgetSettings(evaluations=50))
        assert longer.spent.evaluations == 50
        assert outcome(longer) == outcome(start(tmp_path / "s", evaluations=50))
        assert Run.load(tmp_path / "r").budget == BudgetSettings(evaluations=50)

    def test_reading_the_data_again_is_no_active_time(self, tmp_path, monkeypatch):
        seconds = start(tmp_path / "r").spent.seconds

        def slowly(*arguments):
            time.sleep(3)
            return load_dataset(*arguments)

        monkeypatch.setattr("lemonade.data.load_dataset", slowly)
        longer = resume(tmp_path / "r", BudgetSettings(evaluations=31)).spent.seconds
        assert seconds < longer < seconds + 3

    def test_another_plug_in_is_refused(self, tmp_path):
        plugin = tmp_path / "mine.py"
        plugin.write_text("x = 1\n")
        start(tmp_path / "r", plugins=(str(plugin),))
        plugin.write_text("x = 2\n")
        with pytest.raises(LemonadeError, match="mine.py is not what it was when the run began"):
            resume(tmp_path / "r", BudgetSettings(evaluations=40))

    def test_other_images_are_refused(self, tmp_path):
        start(tmp_path / "r")
        lines = (tmp_path / "r" / "journal.jsonl").read_text()
        split = Run.load(tmp_path / "r").facts.split_hash
        (tmp_path / "r" / "journal.jsonl").write_text(lines.replace(split, "0" * len(split)))
        with pytest.raises(LemonadeError, match="the images of 'digits' are not those the run began with"):
            resume(tmp_path / "r", BudgetSettings(evaluations=40))


class FullDisk(FakeEvaluator):
    """Answers like a worker that could not write the weights of its seventh child."""

    def poll(self, timeout):
        done = super().poll(timeout)
        return [
            replace(one, status=Status.FAILED, values={}, weights=None, payload={RUN_FAULT: "No space left on device."})
            if one.id == "c0007"
            else one
            for one in done
        ]


class TestFullDisk:
    def test_ends_the_run_in_one_line_and_loses_nothing(self, tmp_path, whole):
        with pytest.raises(LemonadeError, match="No space left on device. The run is intact.*lemonade resume"):
            run_search(config(), tmp_path / "r", None, None, FullDisk())
        assert "c0007" not in Run.load(tmp_path / "r").evaluations
        assert outcome(resume(tmp_path / "r")) == whole


class TestDamage:
    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda path, graph: path.write_bytes(b"junk"), "the weights cannot be read"),
            (lambda path, graph: save_weights(initial_weights(graph, 1), path), "the weights are not those that were"),
        ],
    )
    def test_damaged_weights_of_a_parent_end_the_run_and_spend_nothing(self, tmp_path, damage, said):
        from lemonade.evaluate.inline import InlineEvaluator

        start(tmp_path / "r")
        before = Run.load(tmp_path / "r").spent.evaluations
        for path in (tmp_path / "r" / "weights").iterdir():
            damage(path, Run.load(tmp_path / "r").candidates[path.stem].graph)
        message = rf"weights/c\d+\.safetensors: {said} .*The run is intact.*lemonade resume"
        with pytest.raises(LemonadeError, match=message):
            resume_search(tmp_path / "r", BudgetSettings(evaluations=40), evaluator=InlineEvaluator(digits_bench()))
        assert Run.load(tmp_path / "r").spent.evaluations == before

    def test_other_images_of_a_further_set_are_refused(self, tmp_path):
        rng = np.random.default_rng(0)
        images, labels = rng.integers(0, 255, (100, 8, 8), dtype=np.uint8), np.arange(100) % 10
        further = tmp_path / "further.npz"
        np.savez(further, images=images, labels=labels)
        settings = config(objectives=("error", "params", f"error@{further}"))
        with Assembly(settings, FakeEvaluator()) as parts:
            RunStore.create(tmp_path / "r", settings, parts.facts, parts.other_splits).close()
        run = Run.load(tmp_path / "r")
        Assembly.again(run, FakeEvaluator()).close()
        np.savez(further, images=255 - images, labels=labels)
        with pytest.raises(
            LemonadeError, match=r"the images of 'error@.*further.npz' are not those the run began with"
        ):
            Assembly.again(run, FakeEvaluator())

    def test_a_generation_without_its_end_is_named_as_damaged(self, tmp_path):
        start(tmp_path / "r")
        path = tmp_path / "r" / "journal.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        first = next(line for line in lines if '"type":"generation"' in line)
        path.write_text("".join(line for line in lines if line is not first))
        with pytest.raises(LemonadeError, match="the journal is damaged; it lacks the end of generation 0"):
            resume(tmp_path / "r", BudgetSettings(evaluations=40))

    def test_a_journal_without_an_evaluation_is_named_as_damaged(self, tmp_path):
        start(tmp_path / "r")
        path = tmp_path / "r" / "journal.jsonl"
        lines = [line for line in path.read_text().splitlines(keepends=True) if '"id":"c0002","status"' not in line]
        path.write_text("".join(lines))
        with pytest.raises(LemonadeError, match="the journal is damaged; it lacks the evaluation of c0002"):
            resume(tmp_path / "r", BudgetSettings(evaluations=40))

    def test_other_code_is_noted(self, tmp_path, monkeypatch):
        start(tmp_path / "r")
        now = {**environment(), "lemonade": "9.9", "commit": "x", "packages": {"torch": "9"}, "usable_cores": 99}
        monkeypatch.setattr("lemonade.loop.environment", lambda: now)
        events = []
        resume(tmp_path / "r", BudgetSettings(evaluations=31), on_event=events.append)
        notes = [one.message for one in events if one.kind == "start"]
        assert notes == [
            "note: lemonade, lemonade's code, torch, the number of cores changed since the run began; it goes on, but "
            "not as it would have"
        ]


def digits_bench():
    import torch

    from lemonade.config import DataSettings
    from lemonade.data import load_dataset
    from lemonade.evaluate.child import Bench
    from lemonade.objectives import resolve

    return Bench(load_dataset("digits", DataSettings()), {}, resolve(("error", "params"), 10)[:1], torch.device("cpu"))
