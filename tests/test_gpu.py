"""The same code on a CUDA device; run by hand with `pytest -m gpu`."""

import dataclasses

import pytest
import torch

import lemonade
from lemonade.config import DataSettings, LatencySettings, TrainingSettings
from lemonade.data import load_dataset
from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.evaluate.measured import measure_latency
from lemonade.objectives import resolve
from lemonade.spaces.network import chain
from lemonade.training import Trained, train
from lemonade.training.captured import CapturedStep
from lemonade.types import Candidate, Job, Status, Stored
from morphisms import OPERATORS, build_module
from morphisms.operators import site

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GRAPH = chain((1, 8, 8), 10, 8, 3)


def test_a_child_inherits_on_the_gpu_what_it_does_on_the_cpu(tmp_path):
    settings = TrainingSettings()
    data = load_dataset("digits", DataSettings())
    objectives = resolve(("error", "params"), 10)[:1]
    start = Candidate("c0000", GRAPH, "a", None, (), 0, {}, 20_000, 1)
    benches = {name: Bench(data.to(name), {}, objectives, torch.device(name)) for name in ("cuda", "cpu")}
    trained = evaluate_child(Job(start, settings, True, None, str(tmp_path / "p")), benches["cuda"])
    assert trained.status is Status.OK, trained.message
    assert trained.values["error"] < 0.1
    record = OPERATORS["widen"].record(GRAPH, site("conv1", channels=12), 3)
    graph = OPERATORS["widen"].rewrite(GRAPH, record.site).child
    child = dataclasses.replace(start, id="c0001", genotype=graph, morphisms=(record,), parent="c0000", examples=4_000)
    inherited = {
        name: evaluate_child(
            Job(child, settings, True, Stored(GRAPH, str(tmp_path / "p")), str(tmp_path / name)), bench
        )
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


def trained(graphs: bool, **changes: object) -> tuple[Trained, dict[str, torch.Tensor]]:
    """A network trained on digits on the GPU, with steps recorded or not."""
    data = load_dataset("digits", DataSettings()).to("cuda")
    settings = TrainingSettings(cuda_graphs=graphs, **changes)
    module = build_module(GRAPH, seed=1)
    result = train(module, data, settings, examples=10_000, seed=2, device="cuda")
    return result, {name: tensor.cpu() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("bfloat16", [False, True])
def test_recorded_steps_train_as_single_ones_do(bfloat16):
    (one, weights), (other, others) = (trained(graphs, bfloat16=bfloat16) for graphs in (True, False))
    assert one.examples == other.examples
    assert one.curve[-1][1] == pytest.approx(other.curve[-1][1], rel=0.05)
    if not bfloat16:
        for name, tensor in weights.items():
            torch.testing.assert_close(tensor, others[name], rtol=0.02, atol=0.02, msg=name)


def test_the_same_training_gives_the_same_bits():
    (one, weights), (other, others) = trained(True), trained(True)
    assert one.curve == other.curve
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())


class Waiting(torch.nn.Module):
    """Waits for the GPU in its forward pass, which cannot be recorded."""

    def __init__(self):
        super().__init__()
        self.inner = build_module(GRAPH, seed=1)

    def forward(self, images):
        return self.inner(images) * (1.0 if images.sum().item() < 1e9 else 0.5)


def test_what_cannot_be_recorded_is_run_step_by_step():
    data = load_dataset("digits", DataSettings()).to("cuda")
    module = Waiting()
    result = train(module, data, TrainingSettings(), examples=10_000, seed=2, device="cuda")
    plain, _ = trained(False)
    assert result.curve[-1][1] == pytest.approx(plain.curve[-1][1], rel=0.05)
    again, _ = trained(True)  # and the next training is recorded as ever
    assert again.curve[-1][1] == pytest.approx(plain.curve[-1][1], rel=0.05)


def test_dropout_draws_anew_in_each_recorded_step():
    data = load_dataset("digits", DataSettings()).to("cuda")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, 10))
    seen = []
    step = CapturedStep(lambda images, targets, rate: module(images).sum().detach(), torch.device("cuda"))
    module.cuda().train()
    images = data.train.images[:8].float()
    for _ in range(10):
        seen.append(step(images, images, 0.1).item())
    assert len(set(seen)) == 10
