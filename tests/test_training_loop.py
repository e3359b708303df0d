from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lemonade.config import TrainingSettings
from lemonade.data import Dataset, Split
from lemonade.spaces.network import chain
from lemonade.training import Teacher, read_error, train
from lemonade.training.loop import Hurry, hurried, scaled_rate, schedule
from morphisms import build_module

SETTINGS = TrainingSettings(batch_size=32)


def toy(images: int = 256, side: int = 8, channels: int = 1) -> Dataset:
    """Four classes: which quarter of a noisy image is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(images) % 4
    pixels = torch.randint(0, 120, (images, channels, side, side), generator=generator)
    half = side // 2
    for image, label in zip(pixels, labels.tolist(), strict=True):
        image[:, label // 2 * half :, label % 2 * half :][:, :half, :half] += 100
    split = Split(pixels.to(torch.uint8), labels)
    return Dataset("toy", split, split, 0, tuple("abcd"), (0.3,) * channels, (0.2,) * channels, False, "")


def network(width: int = 8, dropout: float = 0.0, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(4),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(4 * width, 4),
        )


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def entropy(chances: Tensor) -> Tensor:
    return -(chances * chances.log()).sum(dim=1)


def test_cudnn_is_left_as_it_was() -> None:
    def fail(curve: object) -> bool:
        assert torch.backends.cudnn.deterministic
        raise KeyError

    assert not torch.backends.cudnn.deterministic
    with pytest.raises(KeyError):
        train(network(), toy(), SETTINGS, examples=3_200, seed=1, device="cpu", stop=fail)
    assert not torch.backends.cudnn.deterministic


def test_loss_falls_and_the_toy_is_learnt() -> None:
    data, module = toy(), network()
    before = read_error(module, data.validation, data, "cpu").error
    trained = train(module, data, SETTINGS, examples=3_200, seed=1, device="cpu")
    after = read_error(module, data.validation, data, "cpu").error
    assert trained.curve[-1][1] < 0.6 * trained.curve[0][1]
    assert before > 0.4
    assert after < 0.05
    assert (trained.examples, trained.diverged, trained.stopped) == (3_200, False, False)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_same_seed_same_bits_and_another_seed_other_bits(dropout: float) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(states))  # what the process did before must not matter
        module = network(dropout=dropout)
        train(module, toy(), SETTINGS, examples=640, seed=seed, device="cpu")
        states.append(state(module))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_global_generator_is_left_as_it_was() -> None:
    module, before = network(dropout=0.5), torch.random.get_rng_state()
    train(module, toy(), SETTINGS, examples=320, seed=1, device="cpu")
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("examples", "seen"), [(100, 96), (96, 96), (5, 32), (1_000, 992)])
def test_examples_are_rounded_down_to_whole_batches(examples: int, seen: int) -> None:
    assert train(network(), toy(), SETTINGS, examples=examples, seed=1, device="cpu").examples == seen


def test_batch_is_at_most_the_training_split() -> None:
    settings = TrainingSettings(batch_size=500)
    assert train(network(), toy(40), settings, examples=130, seed=1, device="cpu").examples == 120


def test_curve_has_few_points_and_ends_at_the_last_example() -> None:
    curve = train(network(), toy(), SETTINGS, examples=100 * 32, seed=1, device="cpu").curve
    seen = [examples for examples, _ in curve]
    assert len(curve) <= 30
    assert seen == sorted(set(seen))
    assert seen[-1] == 3_200


def test_what_is_not_trainable_keeps_its_bits_statistics_included() -> None:
    module = network()
    before = state(module)
    train(module, toy(), SETTINGS, examples=320, seed=1, device="cpu", trainable={"6", "0.weight"})
    after = state(module)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"0.weight", "6.weight", "6.bias"}
    train(module, toy(), SETTINGS, examples=320, seed=1, device="cpu")
    assert not torch.equal(before["1.running_mean"], module.state_dict()["1.running_mean"])


def test_trainable_that_names_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"nothing to train: .*'nowhere'"):
        train(network(), toy(), SETTINGS, examples=320, seed=1, device="cpu", trainable={"nowhere"})


def test_weights_are_float32_contiguous_and_in_eval_mode_afterwards() -> None:
    module = network()
    settings = TrainingSettings(batch_size=32, bfloat16=True)
    trained = train(module, toy(), settings, examples=3_200, seed=1, device="cpu")
    assert not module.training
    assert all(tensor.is_contiguous() for tensor in module.state_dict().values())
    assert {tensor.dtype for tensor in module.parameters()} == {torch.float32}
    assert trained.curve[-1][1] < 0.6 * trained.curve[0][1]


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    module = network()
    with torch.no_grad():
        module[0].weight[0, 0, 0, 0] = math.nan  # type: ignore[index,union-attr]
    trained = train(module, toy(), SETTINGS, examples=320_000, seed=1, device="cpu")
    assert trained.diverged
    assert trained.examples <= 320_000 / 30 + 32


def test_a_weight_that_ends_infinite_counts_as_diverged() -> None:
    module = network()
    module.register_buffer("aside", torch.tensor(math.inf))
    assert train(module, toy(), SETTINGS, examples=64, seed=1, device="cpu").diverged


def test_stop_ends_the_training_early() -> None:
    answers = iter([False, True])
    trained = train(network(), toy(), SETTINGS, examples=32_000, seed=1, device="cpu", stop=lambda curve: next(answers))
    assert trained.stopped
    assert len(trained.curve) == 2


def test_with_too_little_time_it_sees_fewer_images() -> None:
    modules = [network() for _ in range(3)]
    whole, enough = (
        train(module, toy(), SETTINGS, examples=32_000, seed=1, device="cpu", seconds=seconds)
        for module, seconds in zip(modules, (None, 1e6), strict=False)
    )
    assert whole.examples == enough.examples == 32_000
    assert same(state(modules[0]), state(modules[1]))
    short = train(modules[2], toy(), SETTINGS, examples=32_000, seed=1, device="cpu", seconds=1e-3)
    assert short.examples == short.curve[-1][0] < 16_000
    assert not short.stopped


def test_what_is_done_once_at_the_beginning_does_not_count_as_slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("lemonade.training.loop.time.perf_counter", lambda: now)
    hurry, rates = Hurry(100.0), [1.0] * 90
    now = 20.0  # ten steps, and what is done once
    assert hurry(rates, 10) is rates
    now = 28.0  # ten more: 90 seconds' time left for 80 steps of 0.8
    assert hurry(rates[10:], 20) == rates[10:]
    now = 48.0  # slower, 28 seconds for 20 steps: there is time for 37 of 70
    assert len(hurry(rates[20:], 30)) == 37


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.1, 100), st.floats(0, 300))
def test_a_hurried_schedule_fits_the_time_and_ends_where_it_would(
    left: int, done: int, elapsed: float, seconds: float
) -> None:
    rates = [1 - position / left for position in range(left)]
    kept = hurried(rates, done, elapsed, seconds)
    assert 1 <= len(kept) <= left
    assert len(kept) == 1 or elapsed * len(kept) / done <= seconds * (1 + 1e-9)
    assert list(kept) == sorted(kept, reverse=True) and set(kept) <= set(rates)
    assert kept[-1] <= 1 / len(kept) + 1 / left  # the last of them lies near the end


def test_distillation_brings_a_damaged_network_back_to_its_teacher() -> None:
    data, teacher = toy(), network(16)
    train(teacher, data, SETTINGS, examples=3_200, seed=1, device="cpu")
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student[0].weight[:6] = 0  # type: ignore[index,operator]
    taught = state(teacher)
    # labels that teach nothing: what is learnt comes from the teacher
    unlabelled = Dataset(**{**vars(data), "train": Split(data.train.images, torch.zeros_like(data.train.labels))})
    trained = train(
        student,
        unlabelled,
        SETTINGS,
        examples=1_280,
        seed=2,
        device="cpu",
        teacher=Teacher(teacher, unlabelled),
        rate=SETTINGS.distill_rate,
    )
    own = Teacher(teacher, data)
    own.ask(torch.arange(256))
    least = entropy(own.opinions(torch.arange(256))).mean().item()
    assert trained.curve[-1][1] - least < 0.5 * (trained.curve[0][1] - least)
    assert read_error(student, data.validation, data, "cpu").error < 0.05
    assert same(taught, state(teacher))


def test_a_teacher_shares_the_targets_with_the_labels() -> None:
    """Of a network that is its own teacher, the loss is a mean of the entropy of its softmax and of the labels'."""
    data, module = toy(), network()
    module.eval()

    def loss(**teaching: Any) -> float:
        student = copy.deepcopy(module)
        options = {"examples": 64, "seed": 1, "device": "cpu", "trainable": {"6"}, "rate": 1e-9, **teaching}
        return train(student, data, SETTINGS, **options).curve[0][1]

    teacher = Teacher(module, data)
    labels, whole, most = loss(), loss(teacher=teacher), loss(teacher=teacher, teacher_share=0.7)
    teacher.ask(torch.arange(256))
    chances = teacher.opinions(torch.arange(256))
    assert chances.sum(dim=1).numpy() == pytest.approx(1)
    assert entropy(chances).min() <= whole <= entropy(chances).max()
    assert most == pytest.approx(0.7 * whole + 0.3 * labels)


def opinions(teacher: Teacher, indices: Tensor) -> Tensor:
    teacher.ask(indices)
    return teacher.opinions(indices)


@pytest.mark.parametrize("side", [8, 32])
def test_an_opinion_does_not_depend_on_what_was_asked_before(side: int) -> None:
    data = dataclasses.replace(toy(500, side, 3), flip=True)
    graph = chain(data.input_shape, 4, 8, 3)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(1))
    at_once, in_turn = (Teacher(build_module(graph, seed=1), data) for _ in range(2))
    wanted = opinions(at_once, torch.arange(500))
    for some in torch.split(order, 77):
        assert torch.equal(opinions(in_turn, some), wanted[some])
    mirrored = dataclasses.replace(data, train=Split(data.train.images.flip(3), data.train.labels))
    assert torch.allclose(opinions(Teacher(build_module(graph, seed=1), mirrored), order), wanted[order], atol=1e-6)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_schedule_rises_over_a_tenth_and_falls_to_nothing(shape: str) -> None:
    settings = TrainingSettings(schedule=shape, warmup=0.1)  # type: ignore[arg-type]
    rates = [schedule(step, 200, settings) for step in range(200)]
    top = rates.index(max(rates))
    assert top in (19, 20)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(1, abs=0.03)
    assert 0 < rates[-1] < 0.01
    assert rates[110] == pytest.approx(0.5, abs=0.01)


def test_schedule_of_one_step_trains() -> None:
    assert schedule(0, 1, SETTINGS) > 0
    assert schedule(0, 1, TrainingSettings(warmup=0)) > 0


def test_rate_grows_with_the_root_of_the_batch() -> None:
    assert scaled_rate(0.2, 50) == 0.2
    assert scaled_rate(0.2, 200) == pytest.approx(0.4)
