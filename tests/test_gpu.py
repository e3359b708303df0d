"""The same code on a CUDA device; run by hand with `pytest -m gpu`."""

import dataclasses

import pytest
import torch

import lemonade
from lemonade.config import DataSettings, LatencySettings
from lemonade.data import load_dataset
from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.evaluate.measured import measure_latency
from lemonade.objectives import resolve
from lemonade.spaces.network import chain
from lemonade.types import Candidate, Job, Status
from morphisms import OPERATORS
from morphisms.operators import site

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GRAPH = chain((1, 8, 8), 10, 8, 3)


def test_a_child_inherits_on_the_gpu_what_it_does_on_the_cpu(tmp_path):
    settings = lemonade.config.TrainingSettings()
    data = load_dataset("digits", DataSettings())
    objectives = resolve(("error", "params"), 10)[:1]
    start = Candidate("c0000", GRAPH, "a", None, (), 0, {}, 20_000, 1)
    benches = {name: Bench(data.to(name), {}, objectives, torch.device(name)) for name in ("cuda", "cpu")}
    trained = evaluate_child(Job(start, settings, True, None, None, str(tmp_path / "p")), benches["cuda"])
    assert trained.status is Status.OK, trained.message
    assert trained.values["error"] < 0.1
    record = OPERATORS["widen"].record(GRAPH, site("conv1", channels=12), 3)
    graph = OPERATORS["widen"].rewrite(GRAPH, record.site).child
    child = dataclasses.replace(start, id="c0001", genotype=graph, morphisms=(record,), parent="c0000", examples=4_000)
    inherited = {
        name: evaluate_child(Job(child, settings, True, GRAPH, str(tmp_path / "p"), str(tmp_path / name)), bench)
        .stages["inherited"]
        .error_smoothed
        for name, bench in benches.items()
    }
    assert inherited["cuda"] == pytest.approx(inherited["cpu"], abs=1e-3)


def test_a_search_on_the_gpu_ends_with_a_front(tmp_path):
    run = lemonade.search(device="cuda", evaluations=12, child_examples=2_000, out=tmp_path / "r")
    assert run.finished
    assert len(run.front) >= 3
    assert {one.status for one in run.evaluations.values()} == {Status.OK}
    assert {one.device for one in run.evaluations.values()} == {"cuda"}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_latency_is_timed_by_events(dtype):
    found = measure_latency(GRAPH, "cuda", LatencySettings(batch=4, dtype=dtype))
    assert 0 < found.median_ms < 100
    assert (found.device, found.dtype, found.batch) == ("cuda", dtype, 4)
    assert found.hardware == torch.cuda.get_device_name()
    assert measure_latency(GRAPH, "cuda", LatencySettings(device="cpu")).device == "cpu"
