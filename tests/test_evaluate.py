"""One child's evaluation, and the packed data and the device that it is given."""

import dataclasses
import math
import os
import re
from types import SimpleNamespace

import joblib
import pytest
import torch
from jobs import CPU, GRAPH, bench_on, child_job, start_job, trained_parent

from lemonade.config import DataSettings, TrainingSettings
from lemonade.data import Split, load_dataset
from lemonade.data.packed import pack, unpack
from lemonade.errors import LemonadeError
from lemonade.evaluate.child import Bench, evaluate_child, inherited_rate
from lemonade.evaluate.devices import resolve_device, worker_count
from lemonade.objectives import Kind, Objective, resolve
from lemonade.spaces.network import chain
from lemonade.types import EARLY_LOSS, RESTARTED, RUN_FAULT, Hurdle, Status, Stored
from morphisms import build_module, initial_weights, load_weights
from morphisms.operators import site


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("digits", DataSettings())


@pytest.fixture(scope="module")
def bench(dataset):
    return bench_on(dataset)


@pytest.fixture(scope="module")
def parent(dataset, tmp_path_factory):
    return trained_parent(dataset, tmp_path_factory.mktemp("parent") / "p.safetensors")


class TestChild:
    def test_a_start_network_is_trained_on_its_whole_budget(self, bench, tmp_path):
        result = evaluate_child(start_job(tmp_path / "w", examples=1_030), bench)
        assert result.status is Status.OK
        assert list(result.stages) == ["trained"]
        assert result.examples == 1_000  # whole batches of 50
        assert result.stages["trained"].images == 287
        assert set(result.values) == {"error", "error_smoothed"}
        assert load_weights(tmp_path / "w").keys() == initial_weights(GRAPH, 0).keys()

    def test_an_exact_child_begins_where_its_parent_ended(self, bench, parent, tmp_path):
        before = evaluate_child(child_job(tmp_path / "w", parent, "widen", site("conv1", channels=6)), bench)
        assert list(before.stages) == ["inherited", "trained"]
        plain = build_module(GRAPH, load_weights(parent))
        from lemonade.training import read_error

        reading = read_error(plain, bench.dataset.validation, bench.dataset, CPU)
        assert before.stages["inherited"].error == reading.error
        assert math.isclose(before.stages["inherited"].error_smoothed, reading.error_smoothed, abs_tol=1e-6)

    def test_an_approximate_child_may_be_distilled_first_and_it_counts(self, bench, parent, tmp_path):
        job = child_job(tmp_path / "w", parent, "prune", site("conv3", channels=4))
        assert list(evaluate_child(job, bench).stages) == ["inherited", "trained"]
        distilling = dataclasses.replace(job, training=TrainingSettings(distill_share=0.15))
        result = evaluate_child(distilling, bench)
        assert list(result.stages) == ["inherited", "distilled", "trained"]
        assert result.stages["distilled"].examples == 300
        assert result.examples == 2_000
        assert result.stages["distilled"].error_smoothed < result.stages["inherited"].error_smoothed

    def test_what_distillation_leaves_near_guessing_starts_afresh(self, bench, parent, tmp_path):
        wrecking = TrainingSettings(distill_share=0.15, distill_rate=30, clip_norm=1e4)
        job = child_job(tmp_path / "w", parent, "prune", site("conv3", channels=8), 6_000, training=wrecking)
        result = evaluate_child(dataclasses.replace(job, training=wrecking), bench)
        assert result.payload[RESTARTED]
        assert result.stages["distilled"].error_smoothed > 0.5
        assert result.values["error_smoothed"] < 0.5
        kept = evaluate_child(dataclasses.replace(job, training=TrainingSettings()), bench)
        assert RESTARTED not in kept.payload

    def test_a_child_that_does_not_pass_its_hurdle_ends_there(self, bench, tmp_path):
        def trained(hurdle):
            job = start_job(tmp_path / "w", examples=6_000)
            return evaluate_child(
                dataclasses.replace(job, candidate=dataclasses.replace(job.candidate, hurdle=hurdle)), bench
            )

        whole = trained(None)
        loss = Hurdle(0.3, 0.0).reading(whole.curve, 6_000)
        assert trained(Hurdle(0.3, 1.01 * loss)).values == whole.values  # passing changes nothing
        stopped = trained(Hurdle(0.3, 0.99 * loss))
        assert stopped.status is Status.STOPPED
        assert stopped.curve == whole.curve[: len(stopped.curve)] and stopped.curve[-1][0] == stopped.examples
        assert 1_800 <= stopped.examples <= 2_200
        assert stopped.payload[EARLY_LOSS] == pytest.approx(loss)
        assert stopped.weights is None and not stopped.values
        assert re.match(r"loss \d\.\d+ after 1,800 examples, more than \d\.\d+", stopped.message)

    def test_inherits_more_than_it_learns_anew(self, bench, parent, tmp_path):
        job = child_job(tmp_path / "w", parent, "widen", site("conv1", channels=6))
        fresh = evaluate_child(dataclasses.replace(job, inherit=False), bench)
        inherited = evaluate_child(job, bench)
        assert list(fresh.stages) == ["trained"]
        assert inherited.values["error_smoothed"] < fresh.values["error_smoothed"] - 0.05

    def test_the_parents_file_is_left_alone(self, bench, parent, tmp_path):
        before = parent.read_bytes()
        evaluate_child(child_job(tmp_path / "w", parent, "prune", site("conv3", channels=4)), bench)
        assert parent.read_bytes() == before

    def test_same_job_same_bits(self, bench, parent, tmp_path):
        results = []
        for name in "ab":
            job = child_job(tmp_path / name, parent, "deepen", site("relu1", kernel=3))
            results.append((evaluate_child(job, bench).values, (tmp_path / name).read_bytes()))
        assert results[0] == results[1]

    def test_divergence_is_recorded_and_leaves_no_weights(self, bench, tmp_path):
        wild = TrainingSettings(peak_rate=1e30, clip_norm=1e30)
        result = evaluate_child(start_job(tmp_path / "w", training=wild), bench)
        assert result.status is Status.DIVERGED
        assert "stopped being finite while training" in result.message
        assert result.weights is None
        assert 0 < result.examples <= 1_000  # paid for all the same
        assert not (tmp_path / "w").exists()

    @pytest.mark.parametrize(("width", "rate"), [(1, 0.3), (4, 0.1555), (32, 0.0571)])
    def test_large_networks_inherit_at_a_finer_rate_and_none_above_that_of_fresh_ones(self, width, rate):
        assert inherited_rate(TrainingSettings(), chain((1, 8, 8), 10, width, 3)) == pytest.approx(rate, rel=1e-2)
        assert inherited_rate(TrainingSettings(inherited_rate=9), chain((1, 8, 8), 10, 1, 3)) == 9

    def test_only_what_inherits_is_trained_at_the_inherited_rate(self, bench, parent, tmp_path):
        wild = TrainingSettings(inherited_rate=1e30, clip_norm=1e30)
        child = child_job(tmp_path / "w", parent, "deepen", site("relu1", kernel=3), training=wild)
        assert evaluate_child(child, bench).status is Status.DIVERGED
        assert evaluate_child(start_job(tmp_path / "v", training=wild), bench).status is Status.OK

    def test_weights_that_cannot_be_written_are_no_fault_of_the_child(self, bench, tmp_path):
        result = evaluate_child(start_job(tmp_path / "no such folder" / "w"), bench)
        assert result.status is Status.FAILED
        assert "No such file" in result.payload[RUN_FAULT]

    def test_a_missing_parent_is_a_failure_that_names_the_file(self, bench, tmp_path):
        result = evaluate_child(child_job(tmp_path / "w", tmp_path / "gone", "continue", site()), bench)
        assert result.status is Status.FAILED
        assert "gone: the weights cannot be read" in result.message

    def test_a_child_learns_what_its_teacher_thinks(self, dataset, bench, parent, tmp_path):
        """Where labels say nothing, a child that is cut forgets with them, and learns it all again from a teacher."""
        labels = torch.randint(10, dataset.train.labels.shape, generator=torch.Generator().manual_seed(1))
        guessed = dataclasses.replace(dataset, train=Split(dataset.train.images, labels))
        unlabelled = Bench(guessed, {}, bench.objectives, CPU)
        job = child_job(tmp_path / "w", parent, "prune", site("conv3", channels=8), 6_000)
        taught = dataclasses.replace(job, teacher=Stored(GRAPH, str(parent)))
        alone, after = evaluate_child(job, unlabelled), evaluate_child(taught, unlabelled)
        assert alone.values["error"] > 0.4 > 0.2 > after.values["error"]
        assert list(unlabelled.teachers) == [str(parent)]
        again = evaluate_child(taught, unlabelled)  # the teacher, asked for all images before, says the same
        assert again.values == after.values

    def test_a_missing_teacher_is_a_failure_that_names_the_file(self, bench, parent, tmp_path):
        job = child_job(tmp_path / "w", parent, "continue", site())
        result = evaluate_child(dataclasses.replace(job, teacher=Stored(GRAPH, str(tmp_path / "away"))), bench)
        assert result.status is Status.FAILED
        assert "away: the weights cannot be read" in result.payload[RUN_FAULT]

    def test_two_expensive_objectives_at_once(self, dataset, tmp_path):
        images = dataset.validation.images
        other = dataclasses.replace(dataset, validation=Split(255 - images, dataset.validation.labels))
        objectives = [
            one for one in resolve(("error", "params", "error@inverted.npz"), 10) if one.kind is Kind.EXPENSIVE
        ]
        bench = Bench(dataset, {"error@inverted.npz": other}, objectives, CPU)
        values = evaluate_child(start_job(tmp_path / "w", examples=8_000), bench).values
        assert values["error@inverted.npz"] > values["error"] + 0.2
        assert "error@inverted.npz_smoothed" in values

    def test_an_objective_of_ones_own_that_is_nan_never_counts(self, dataset, tmp_path):
        odd = Objective("odd", "1", Kind.EXPENSIVE, (1, 2), measure=lambda module, dataset, device: float("nan"))
        result = evaluate_child(
            start_job(tmp_path / "w"), Bench(dataset, {}, [resolve(("error", "params"), 10)[0], odd], CPU)
        )
        assert result.status is Status.FAILED
        assert "objective 'odd' returned nan; expected a finite number" in result.message


class TestPacked:
    def test_comes_back_as_it_was(self, dataset, tmp_path):
        pack(dataset, tmp_path / "data")
        again = unpack(tmp_path / "data")
        for field in dataclasses.fields(dataset):
            one, other = getattr(dataset, field.name), getattr(again, field.name)
            if isinstance(one, Split):
                assert torch.equal(one.images, other.images)
                assert torch.equal(one.labels, other.labels)
            else:
                assert one == other


class TestDevices:
    def test_unknown_devices_are_named(self):
        with pytest.raises(LemonadeError, match="device 'cuda:99' is not available here. Available: auto, cpu"):
            resolve_device("cuda:99")

    def test_one_child_a_core(self):
        assert 1 <= worker_count(CPU) <= (os.cpu_count() or 1)

    @pytest.mark.parametrize(("gigabytes", "workers"), [(3.9, 1), (7.8, 2), (11.8, 3), (79.2, 4)])
    def test_a_few_children_share_a_card(self, monkeypatch, gigabytes, workers):
        card = SimpleNamespace(total_memory=int(gigabytes * 2**30))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
        monkeypatch.setattr(joblib, "cpu_count", lambda only_physical_cores: 16)
        assert worker_count(torch.device("cuda")) == workers
        monkeypatch.setattr(joblib, "cpu_count", lambda only_physical_cores: 1)
        assert worker_count(torch.device("cuda")) == 1
