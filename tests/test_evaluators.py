"""What carries evaluations out: the same suite for the inline and the worker evaluator, and what workers alone do."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from jobs import bench_on, child_job, start_job, trained_parent

from lemonade.config import DataSettings
from lemonade.data import load_dataset
from lemonade.data.packed import pack
from lemonade.errors import LemonadeError
from lemonade.evaluate.child import evaluate_child
from lemonade.evaluate.inline import InlineEvaluator
from lemonade.evaluate.workers import WorkerEvaluator
from lemonade.types import Status
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


def inline(dataset, folder):
    return InlineEvaluator(bench_on(dataset))


def workers(dataset, folder):
    evaluator = WorkerEvaluator(2)
    pack(dataset, folder / "data")
    evaluator.prepare(folder / "data", {}, ("error",), "cpu", ())
    return evaluator


def wait(evaluator, count=1, seconds=60):
    results, end = [], time.monotonic() + seconds
    while len(results) < count and time.monotonic() < end:
        results += evaluator.poll(0.5)
    return results


def wait_for_room(evaluator, seconds=60):
    end = time.monotonic() + seconds
    while not evaluator.room and time.monotonic() < end:
        assert evaluator.poll(0.2) == []


@pytest.fixture(scope="module", params=[inline, workers])
def evaluator(request, dataset, tmp_path_factory):
    made = request.param(dataset, tmp_path_factory.mktemp("evaluator"))
    yield made
    made.close()
    made.close()


class TestConformance:
    def test_what_goes_in_comes_out(self, evaluator, tmp_path):
        assert evaluator.room >= 1
        evaluator.submit(start_job(tmp_path / "w"))
        (result,) = wait(evaluator)
        assert (result.id, result.status) == ("c0000", Status.OK)
        assert (tmp_path / "w").exists()
        assert evaluator.poll(0.0) == []

    def test_results_do_not_depend_on_the_evaluator(self, evaluator, bench, parent, tmp_path):
        def job(name):
            return child_job(tmp_path / name, parent, "prune", site("conv3", channels=4))

        here = evaluate_child(job("a"), bench)
        evaluator.submit(job("b"))
        (there,) = wait(evaluator)
        # bits are promised for one thread count, and the workers have one thread each
        if torch.get_num_threads() == 1:
            assert there.values == here.values
        else:
            assert math.isclose(there.values["error_smoothed"], here.values["error_smoothed"], abs_tol=0.02)

    def test_a_failure_leaves_it_usable(self, evaluator, tmp_path):
        evaluator.submit(child_job(tmp_path / "w", tmp_path / "gone", "continue", site()))
        (result,) = wait(evaluator)
        assert result.status is Status.FAILED
        evaluator.submit(start_job(tmp_path / "v"))
        assert wait(evaluator)[0].status is Status.OK


class TestWorkers:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
    def test_what_asks_the_whole_job_to_stop_is_for_its_parent(self, dataset, tmp_path, number):
        evaluator = workers(dataset, tmp_path)
        try:
            evaluator.settle()
            evaluator.submit(start_job(tmp_path / "w"))
            for worker in evaluator._workers:
                os.kill(worker.process.pid, number)
            assert wait(evaluator)[0].status is Status.OK
        finally:
            evaluator.close()

    def test_it_settles_once_the_successor_of_a_killed_one_is_ready(self, dataset, tmp_path):
        evaluator = workers(dataset, tmp_path)
        try:
            evaluator.settle()
            evaluator.submit(start_job(tmp_path / "w", examples=10_000_000))
            os.kill(next(one for one in evaluator._workers if one.job).process.pid, signal.SIGKILL)
            wait(evaluator)
            assert not all(one.ready for one in evaluator._workers)
            evaluator.settle()
            assert all(one.ready for one in evaluator._workers)
        finally:
            evaluator.close()

    def test_a_killed_worker_is_a_failed_child_and_is_replaced(self, dataset, tmp_path):
        evaluator = workers(dataset, tmp_path)
        try:
            wait_for_room(evaluator)
            evaluator.submit(start_job(tmp_path / "w", examples=10_000_000))
            busy = next(one for one in evaluator._workers if one.job)
            os.kill(busy.process.pid, signal.SIGKILL)
            (result,) = wait(evaluator)
            assert result.status is Status.FAILED
            assert "its worker process ended (signal 9; the system may have run out of memory)" in result.message
            assert result.examples == 10_000_000  # nobody knows what it saw
            wait_for_room(evaluator)
            evaluator.submit(start_job(tmp_path / "v"))
            assert wait(evaluator)[0].status is Status.OK
        finally:
            evaluator.close()

    def test_a_child_that_takes_too_long_is_given_up(self, dataset, tmp_path):
        evaluator = workers(dataset, tmp_path)
        try:
            wait_for_room(evaluator)
            evaluator.submit(dataclasses.replace(start_job(tmp_path / "w", examples=10_000_000), limit=1.0))
            (result,) = wait(evaluator)
            assert result.status is Status.TIMED_OUT
            assert result.message == "given up after 1 s"
            assert result.examples == 10_000_000
            assert not result.is_fresh
        finally:
            evaluator.close()

    def test_it_imports_nothing_from_the_folder_that_it_is_started_in(self, dataset, tmp_path, monkeypatch):
        (tmp_path / "queue.py").write_text("raise RuntimeError('not this one')\n")
        monkeypatch.chdir(tmp_path)
        evaluator = workers(dataset, tmp_path)
        evaluator.close()

    def test_data_that_cannot_be_read_end_the_run_with_the_reason(self, tmp_path):
        evaluator = WorkerEvaluator(1)
        try:
            with pytest.raises(LemonadeError, match="a worker process ended before its first job: .*No such file"):
                evaluator.prepare(tmp_path / "gone", {}, ("error",), "cpu", ())
        finally:
            evaluator.close()

    def test_a_worker_ends_with_its_parent(self):
        code = (
            "import time; from lemonade.evaluate.workers import WorkerEvaluator; evaluator = WorkerEvaluator(1); "
            "print(evaluator._workers[0].process.pid, flush=True); time.sleep(60)"
        )
        owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        owner.stdout.close()
        end = time.monotonic() + 20
        while time.monotonic() < end and alive(pid):
            time.sleep(0.1)
        assert not alive(pid)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
