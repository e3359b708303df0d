"""How latency is measured: by which runtime, with which protocol, and what of it is kept."""

import dataclasses
from importlib.metadata import version

import pytest
import torch
from fake_runs import start
from run_folders import FACTS, candidate, evaluation

from lemonade.checks import check_names
from lemonade.cli import main
from lemonade.config import LatencySettings
from lemonade.data import load_dataset
from lemonade.errors import LemonadeError
from lemonade.evaluate import measured
from lemonade.evaluate.measured import RUNTIMES, measure, measure_latency
from lemonade.exporting.card import _size
from lemonade.members import Member
from lemonade.objectives import resolve
from lemonade.settings import make_config
from lemonade.spaces.network import chain
from morphisms import build_module

CPU = torch.device("cpu")
TORCH = version("torch")
GRAPH = chain((1, 8, 8), 10, 4, 2)


def test_latency_grows_with_the_network():
    small, large = (measure_latency(chain((1, 32, 32), 10, width, 3), "cpu") for width in (2, 64))
    assert 0 < small.median_ms < large.median_ms


def test_spread_is_the_distance_between_the_quartiles(monkeypatch):
    monkeypatch.setattr(measured, "_times", lambda run, device, least: [9.0, 4.0, 1.0, 3.0, 2.0])
    found = measure_latency(GRAPH, "cpu")
    assert (found.median_ms, found.spread_ms, found.passes) == (3.0, 2.0, 5)


def test_the_protocol_is_told():
    found = measure_latency(GRAPH, "cpu", LatencySettings(batch=3, threads=2, dtype="bfloat16", warm_up=4, repeats=11))
    assert (found.batch, found.threads, found.dtype, found.device) == (3, 2, "bfloat16", "cpu")
    assert found.runtime == f"torch {TORCH}"
    assert found.hardware
    assert found.passes >= 11
    assert found.warm_up >= 4


def test_threads_are_put_back(monkeypatch):
    before = torch.get_num_threads()
    seen = []
    monkeypatch.setattr(measured, "_timed", lambda run, device: seen.append(torch.get_num_threads()) or 1.0)
    measure_latency(GRAPH, "cpu", LatencySettings(threads=before + 1))
    assert (set(seen), torch.get_num_threads()) == ({before + 1}, before)

    def fail(run, device):
        raise RuntimeError

    monkeypatch.setattr(measured, "_timed", fail)
    with pytest.raises(RuntimeError):
        measure_latency(GRAPH, "cpu", LatencySettings(threads=before + 1))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("seconds_a_pass", "warm_up", "passes"), [(0.0, 1_000, 1_000), (0.01, 7, 10), (0.004, 13, 13)])
def test_passes_go_on_until_there_are_enough_and_enough_time_has_gone_by(monkeypatch, seconds_a_pass, warm_up, passes):
    now, runs = [0.0], []

    def run():
        runs.append(1)
        now[0] += seconds_a_pass

    monkeypatch.setattr(measured.time, "perf_counter", lambda: now[0])
    monkeypatch.setitem(RUNTIMES, "torch", lambda module, images, device, settings: run)
    found = measure_latency(GRAPH, "cpu", LatencySettings(warm_up=7, repeats=10))
    assert (found.warm_up, found.passes, len(runs)) == (warm_up, passes, warm_up + passes)
    assert found.median_ms == pytest.approx(1e3 * seconds_a_pass)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_runs_the_network_that_is_asked_for(runtime):
    module = build_module(GRAPH, seed=1).eval()
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    settings = LatencySettings(runtime=runtime, batch=3)
    with torch.inference_mode():
        wanted = module(images)
        found = RUNTIMES[runtime](module, images, CPU, settings)()
    found = torch.as_tensor(found[0] if isinstance(found, list) else found)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_onnxruntime_is_timed_by_the_same_protocol():
    (latency,) = [one for one in resolve(("error", "params", "latency_ms"), 10) if one.name == "latency_ms"]
    settings = LatencySettings(runtime="onnxruntime", batch=2, repeats=20)
    data = load_dataset("digits", make_config().data)
    values, payload = measure(GRAPH, [latency], data, CPU, settings)
    told = payload["latency"]
    assert values["latency_ms"] == told["median_ms"] > 0
    assert told["runtime"].startswith("onnxruntime 1.")
    assert (told["device"], told["batch"], told["dtype"], told["threads"]) == ("cpu", 2, "float32", 1)
    assert told["passes"] >= 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"latency.runtime": "onnxruntime", "latency.dtype": "float16"},
            "latency.dtype: onnxruntime is timed with float32 alone, got 'float16'. Leave it out, or set",
        ),
        (
            {"latency.runtime": "onnxruntime", "latency.device": "cuda"},
            "latency.device: onnxruntime is timed with cpu alone, got 'cuda'.",
        ),
        ({"latency.runtime": "onnx"}, "latency.runtime: expected 'torch' or 'onnxruntime', got 'onnx'."),
        ({"latency.batch": 0}, "latency.batch: expected a whole number of at least 1, got 0."),
        ({"latency.thread": 2}, "'latency.thread' is not a setting. Did you mean 'latency.threads'?"),
    ],
)
def test_wrong_settings_are_one_line(settings, message):
    with pytest.raises(LemonadeError) as error:
        check_names(make_config(None, settings))
    assert str(error.value).startswith(message)


def test_a_device_that_is_not_there_is_said_before_anything_is_trained(tmp_path):
    with pytest.raises(LemonadeError, match="device 'cuda:99' is not available here"):
        start(tmp_path / "r", **{"latency.device": "cuda:99"})
    assert not (tmp_path / "r").exists()


def test_a_run_keeps_the_protocol_and_its_readers_tell_it(tmp_path, capsys):
    settings = {"objectives": ("error", "params", "latency_ms"), "latency.batch": 2, "evaluations": 4}
    run = start(tmp_path / "r", **settings)
    member = run.front[0]
    assert member.evaluation.payload["latency"]["batch"] == 2
    assert (
        f"a batch of 2, 1 thread, float32, torch {torch.__version__.partition('+')[0]}, cpu" in member.latency_protocol
    )
    assert f"a forward pass ({member.latency_protocol})" in _size(member)
    with pytest.raises(SystemExit):
        main(["show", str(run.folder), member.id])
    assert "quartiles" in capsys.readouterr().out


def test_an_earlier_versions_protocol_is_told_as_it_was(tmp_path):
    one = candidate(0)
    told = {"median_ms": 1.5, "spread_ms": 0.25, "device": "cuda", "batch": 1, "threads": 1}
    member = Member(one, evaluation(one, payload={"latency": told}), tmp_path, FACTS)
    assert member.latency_protocol == (
        "median of 50 passes after 10 to warm up, quartiles 0.250 ms apart; a batch of 1, float32, torch, cuda"
    )
    plain = dataclasses.replace(member, evaluation=evaluation(one))
    assert plain.latency_protocol == ""
