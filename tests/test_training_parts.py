from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lemonade.config import TrainingSettings
from lemonade.data import Dataset, Split
from lemonade.training import engine_choices, logits, read_error
from lemonade.training.captured import Rate, fastest
from lemonade.training.optimiser import Optimiser
from lemonade.training.stream import smoothed_targets, stream


def noise(images: int = 600, side: int = 8, channels: int = 3) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, channels, side, side), generator=generator, dtype=torch.uint8)
    split = Split(pixels, torch.randint(0, 5, (images,), generator=generator))
    return Dataset("noise", split, split, 0, tuple("abcde"), (0.5,) * channels, (0.25,) * channels, False, "")


@pytest.fixture
def module() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 5),
        )


def test_engine_follows_settings() -> None:
    engine = engine_choices(TrainingSettings(batch_size=20, bfloat16=True, crop=0.25), noise(), "cpu")
    assert (engine.batch_size, engine.dtype, engine.channels_last, engine.crop) == (20, torch.bfloat16, True, 0.25)


def test_engine_keeps_float32_and_whole_images_when_they_are_tiny() -> None:
    engine = engine_choices(TrainingSettings(), noise(side=8), "cpu")
    assert (engine.dtype, engine.crop) == (torch.float32, 0.0)


@pytest.mark.parametrize(("images", "side", "expected"), [(600, 32, 50), (5_000, 32, 64), (5_000, 8, 128), (20, 8, 20)])
def test_engine_takes_larger_batches_of_smaller_images(images: int, side: int, expected: int) -> None:
    assert engine_choices(TrainingSettings(), noise(images, side), "cpu").batch_size == expected


@pytest.mark.parametrize(
    ("flag", "dtype"), [("amx_bf16", torch.bfloat16), ("avx512_bf16", torch.bfloat16), ("avx2", torch.float32)]
)
def test_engine_takes_bfloat16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, flag: str, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: True})
    assert engine_choices(TrainingSettings(), noise(side=32), "cpu").dtype == dtype


@pytest.mark.parametrize("size", [0.01, 100.0])
def test_optimiser_is_torchs_with_clipping(module: nn.Module, size: float) -> None:
    generator = torch.Generator().manual_seed(1)
    ours = list(module.parameters())
    theirs = [nn.Parameter(parameter.detach().clone()) for parameter in ours]
    groups = [
        {"params": [p for p in theirs if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in theirs if p.ndim < 2], "weight_decay": 0.0},
    ]
    reference = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    optimiser = Optimiser(ours, momentum=0.9, weight_decay=0.1, clip_norm=5.0)
    for rate in (0.1, 0.3, 0.2):
        gradients = tuple(torch.randn(p.shape, generator=generator) * size for p in ours)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
        nn.utils.clip_grad_norm_(theirs, 5.0)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        optimiser.step(gradients, rate)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_rate_may_be_a_tensor_as_graphs_need_it(module: nn.Module) -> None:
    gradients = tuple(torch.ones_like(parameter) for parameter in module.parameters())
    ends = []
    for rate in (0.1, torch.tensor(0.1)):
        ours = copy.deepcopy(module)
        optimiser = Optimiser(list(ours.parameters()), momentum=0.9, weight_decay=0.1, clip_norm=5.0)
        for _ in range(3):
            optimiser.step(gradients, rate)
        ends.append([parameter.detach() for parameter in ours.parameters()])
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other)


def test_steps_are_recorded_on_cards_alone_and_where_it_pays() -> None:
    def step(images: Tensor, targets: Tensor, rate: Rate) -> Tensor:
        return images

    assert fastest(step, torch.device("cpu"), 1_000, graphs=True) is step
    assert fastest(step, torch.device("cuda"), 1_000, graphs=False) is step
    assert fastest(step, torch.device("cuda"), 5, graphs=True) is step


def test_weight_decay_spares_norms_biases_and_scales(module: nn.Module) -> None:
    before = [parameter.detach().clone() for parameter in module.parameters()]
    parameters = list(module.parameters())
    optimiser = Optimiser(parameters, momentum=0.0, weight_decay=0.5, clip_norm=5.0)
    optimiser.step(tuple(torch.zeros_like(parameter) for parameter in parameters), 0.1)
    for old, parameter in zip(before, parameters, strict=True):
        torch.testing.assert_close(parameter.detach(), old * 0.95 if old.ndim >= 2 else old)


def test_optimiser_of_one_dimensional_parameters_alone() -> None:
    scale = nn.Parameter(torch.ones(2))
    Optimiser([scale], momentum=0.9, weight_decay=0.5, clip_norm=5.0).step((torch.ones(2),), 0.1)
    torch.testing.assert_close(scale.detach(), torch.full((2,), 1 - 0.19))


def test_targets_are_torchs_label_smoothing() -> None:
    outputs, labels = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)), torch.arange(7) % 5
    expected = F.cross_entropy(outputs, labels, label_smoothing=0.1)
    torch.testing.assert_close(F.cross_entropy(outputs, smoothed_targets(5, 0.1)[labels]), expected)


def test_stream_shows_every_image_once_an_epoch_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1).expand(100, 1, 4, 4).contiguous()
    split = Split(pixels, torch.arange(100) % 5)
    data = Dataset("count", split, split, 0, tuple("abcde"), (0.0,), (1 / 255,), False, "")
    engine = engine_choices(TrainingSettings(batch_size=20), data, "cpu")
    seen = {}
    for chunk in (1, 1_000, 1 << 18):
        monkeypatch.setattr("lemonade.training.stream.CHUNK_VALUES", chunk)
        made = list(stream(data, TrainingSettings(label_smoothing=0.0), engine, 12, seed=3))
        seen[chunk] = [images[:, 0, 0, 0].round().int().tolist() for images, _ in made]
        assert all(images.shape == (20, 1, 4, 4) and targets.shape == (20, 5) for images, targets in made)
        assert all((images[:, 0, 0, 0].round() % 5 == targets.argmax(1)).all() for images, targets in made)
    epochs = [[image for batch in seen[1][start : start + 5] for image in batch] for start in (0, 5)]
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert seen[1] == seen[1_000] == seen[1 << 18]


def straightforward(module: nn.Module, data: Dataset, count: int) -> tuple[float, float]:
    wrong, probability = 0, 0.0
    module.eval()
    with torch.no_grad():
        for pixels, label in zip(data.validation.images[:count], data.validation.labels[:count].tolist(), strict=True):
            output = module(((pixels / 255 - 0.5) / 0.25)[None])[0]
            wrong += int(output.argmax() != label)
            probability += output.softmax(0)[label].item()
    return wrong / count, 1 - probability / count


@pytest.mark.parametrize("most", [None, 100])
def test_error_is_the_straightforward_one(module: nn.Module, most: int | None) -> None:
    data = noise()
    reading = read_error(module, data.validation, data, "cpu", most)
    assert module.training
    assert reading.images == (most or 600)
    error, smoothed = straightforward(module, data, reading.images)
    assert reading.error == pytest.approx(error, abs=1e-12)
    assert reading.error_smoothed == pytest.approx(smoothed, abs=1e-5)


class Broken(nn.Module):
    """Right about every image of class 0, and not finite on the first ten."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        outputs = torch.zeros(len(images), 5)
        outputs[:, 0] = 100.0
        outputs[:10, 1] = self.value
        return outputs * self.scale


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_outputs_that_are_not_finite_are_wrong(value: float) -> None:
    data = noise(100)
    right = int((data.validation.labels[10:] == 0).sum())
    reading = read_error(Broken(value), data.validation, data, "cpu")
    assert reading.error == pytest.approx(1 - right / 100)
    assert reading.error_smoothed == pytest.approx(1 - right / 100)


def test_error_of_no_image_is_refused(module: nn.Module) -> None:
    data = noise()
    with pytest.raises(ValueError, match="at least one image"):
        read_error(module, data.validation, data, "cpu", most=0)


def test_a_network_can_be_trained_after_it_was_read(module: nn.Module) -> None:
    data = noise(20)
    assert logits(module, data.validation, data, "cpu").shape == (20, 5)
    module(torch.zeros(2, 3, 8, 8)).sum().backward()
