"""Training a child: one loop for fresh and inherited weights, for labels and for a teacher."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lemonade.config import TrainingSettings
from lemonade.data import Dataset
from lemonade.training.captured import Rate, fastest
from lemonade.training.engine import Engine, engine_choices
from lemonade.training.optimiser import Optimiser
from lemonade.training.stream import stream
from lemonade.training.teacher import Teacher

CURVE_POINTS = 30  # each costs one look at the loss, which on a GPU waits for all work in flight


@dataclass(frozen=True)
class Trained:
    """What a training did; the weights are in the module.

    Attributes:
        curve: (examples seen, mean loss since the point before) at up to 30 points.
        examples: Training images seen.
        diverged: Whether a loss or a weight stopped being finite; training ended there.
        stopped: Whether `stop` ended it early.
        seconds: Wall time.
    """

    curve: tuple[tuple[int, float], ...]
    examples: int
    diverged: bool
    stopped: bool
    seconds: float


def train(
    module: nn.Module,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    examples: int,
    seed: int,
    device: torch.device | str,
    teacher: Teacher | None = None,
    teacher_share: float = 1.0,
    trainable: Collection[str] | None = None,
    rate: float | None = None,
    stop: Callable[[Sequence[tuple[int, float]]], bool] | None = None,
    seconds: float | None = None,
) -> Trained:
    """Train a module in place on the training split, from the weights it has.

    The result depends on the arguments alone: same seed, device, torch version and thread count give the same bits,
    unless `seconds` are too few.
    torch's global generators, which dropout draws from, are seeded inside and as they were afterwards.

    Args:
        module: Takes normalised images (n, C, H, W) to logits (n, classes). Moved to the device; left in eval mode.
        dataset: Images, labels and what may be done to them.
        settings: Schedule and regularisation.
        examples: Training images to see; rounded down to whole batches, at least one.
        seed: What order, augmentation and dropout derive from.
        device: Where to train.
        teacher: Whose opinions of the images are learnt.
        teacher_share: Of the targets; the rest are the labels.
        trainable: Node or parameter names; only parameters of that name or below it are trained. The modules of all
            others run in eval mode: their statistics stay too, so what is frozen computes what it did in the parent.
        rate: Peak learning rate at a batch of 50, in place of the settings'.
        stop: Given the curve so far, about thirty times; a true answer ends the training.
        seconds: Where the training would take longer, it sees fewer examples, its learning rate falling faster.

    Raises:
        ValueError: if `trainable` leaves nothing to train.
    """
    started = time.perf_counter()
    device = torch.device(device)
    engine = engine_choices(settings, dataset, device)
    steps = max(1, examples // engine.batch_size)
    module.to(device)
    if engine.channels_last:
        module.to(memory_format=torch.channels_last)
    parameters = _set_modes(module, trainable)
    with _seeded(seed, device):
        batches = stream(dataset.to(device), settings, engine, steps, seed, teacher, teacher_share)
        peak = scaled_rate(settings.peak_rate if rate is None else rate, engine.batch_size)
        rates = [peak * schedule(step, steps, settings) for step in range(steps)]
        hurry = None if seconds is None else Hurry(started + seconds)
        curve, diverged, stopped = _run(module, parameters, batches, rates, settings, engine, stop, hurry)
    module.eval()
    if engine.channels_last:
        module.to(memory_format=torch.contiguous_format)  # as files and exports expect them
    diverged = diverged or not _all_finite(module)
    return Trained(tuple(curve), curve[-1][0], diverged, stopped, time.perf_counter() - started)


def schedule(step: int, steps: int, settings: TrainingSettings) -> float:
    """Learning rate of a step as a share of the peak: a linear rise, then cosine or linear down to 0.

    Rates are taken in the middle of a step, so that neither the first nor the last step is wasted on a rate of 0.
    """
    at, rise = (step + 0.5) / steps, settings.warmup
    if at < rise:
        return at / rise
    left = (1 - at) / (1 - rise)
    return left if settings.schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)


def hurried(rates: Sequence[float], steps: int, elapsed: float, left: float) -> Sequence[float]:
    """Of the learning rates to come as many as the time allows, evenly spread, at least one; all if there is enough.

    Args:
        rates: One for each step to come.
        steps: Some that were taken.
        elapsed: Seconds that those took.
        left: Seconds that all to come may take.
    """
    fitting = max(1, int(left / elapsed * steps))
    if fitting >= len(rates):
        return rates
    return [rates[int((position + 0.5) * len(rates) / fitting)] for position in range(fitting)]


class Hurry:
    """Fits a training into the time that there is, by its speed since the first look: before it lies what is done once.

    Args:
        end: When it has to be over, by `time.perf_counter`.
    """

    def __init__(self, end: float) -> None:
        self._end = end
        self._first: tuple[int, float] | None = None

    def __call__(self, rates: Sequence[float], done: int) -> Sequence[float]:
        """The rates to go on with, given those that are left and the number of steps taken."""
        now = time.perf_counter()
        if self._first is None:
            self._first = done, now
            return rates
        steps, started = self._first
        return hurried(rates, done - steps, now - started, self._end - now)


def scaled_rate(rate: float, batch_size: int) -> float:
    """A rate given for batches of 50, for batches of another size: the noise of a step falls with the square root."""
    return rate * math.sqrt(batch_size / 50)


def _run(
    module: nn.Module,
    parameters: list[nn.Parameter],
    batches: Iterator[tuple[Tensor, Tensor]],
    rates: list[float],
    settings: TrainingSettings,
    engine: Engine,
    stop: Callable[[Sequence[tuple[int, float]]], bool] | None,
    hurry: Hurry | None,
) -> tuple[list[tuple[int, float]], bool, bool]:
    """All steps; returns the curve, whether the loss stopped being finite, and whether `stop` said so.

    `hurry` is asked at each look.
    """
    optimiser = Optimiser(
        parameters, momentum=settings.momentum, weight_decay=settings.weight_decay, clip_norm=settings.clip_norm
    )
    curve: list[tuple[int, float]] = []
    looked = 0
    every = math.ceil(len(rates) / CURVE_POINTS)
    device = parameters[0].device
    total = torch.zeros((), device=device)

    def one_step(images: Tensor, targets: Tensor, rate: Rate) -> Tensor:
        with torch.autocast(images.device.type, engine.dtype, enabled=engine.dtype != torch.float32):
            outputs = module(images)
        loss = F.cross_entropy(outputs.float(), targets)
        # not backward(): that would add to .grad, which has to be emptied again, parameter by parameter
        optimiser.step(torch.autograd.grad(loss, parameters, materialize_grads=True), rate)
        return loss.detach()

    take = fastest(one_step, device, len(rates), settings.cuda_graphs)
    step, left = 0, deque(rates)
    while left:
        images, targets = next(batches)
        step, rate = step + 1, left.popleft()
        total += take(images, targets, rate)
        if step % every == 0 or not left:
            mean = total.item() / (step - looked)
            curve.append((step * engine.batch_size, mean))
            if not math.isfinite(mean):
                return curve, True, False
            if stop is not None and left and stop(curve):
                return curve, False, True
            if hurry is not None:
                left = deque(hurry(left, step))
            total.zero_()
            looked = step
    return curve, False, False


def _set_modes(module: nn.Module, trainable: Collection[str] | None) -> list[nn.Parameter]:
    """Put what is trained in training mode and freeze the rest; returns the parameters to train."""

    def chosen(name: str) -> bool:
        return trainable is None or any(name == one or name.startswith(f"{one}.") for one in trainable)

    parameters = []
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(chosen(name))
        if chosen(name):
            parameters.append(parameter)
    if not parameters:
        raise ValueError(f"nothing to train: no parameter lies below {sorted(trainable or ())}")
    module.train()
    if trainable is not None:
        for name, part in module.named_modules():
            if name and not any(chosen(f"{name}.{inner}") for inner, _ in part.named_parameters()):
                part.eval()
    return parameters


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generators that dropout draws from and have cuDNN sum in one order; all is put back as it was."""
    on_gpu = [device] if device.type == "cuda" else []
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        # the second card is not the one that CUDA's generator and graphs go by, unless it is made so
        with torch.cuda.device(device) if on_gpu else contextlib.nullcontext(), torch.random.fork_rng(devices=on_gpu):
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                torch.cuda.manual_seed(seed)
            yield
    finally:
        torch.backends.cudnn.deterministic = before


def _all_finite(module: nn.Module) -> bool:
    tensors = [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]
    return bool(torch.stack(torch._foreach_norm(tensors)).isfinite().all())
