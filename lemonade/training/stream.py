"""The batches of one training, augmented several at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from lemonade.config import TrainingSettings
from lemonade.data import Dataset
from lemonade.data.augment import Augment, batches
from lemonade.training.engine import Engine
from lemonade.training.teacher import Teacher

CHUNK_VALUES = 1 << 18  # values augmented at once: about 1 MB of float32, which stays in a core's cache
GPU_CHUNK_VALUES = 1 << 24  # 64 MB: a GPU is slow to be told what to do, not to do it


def stream(
    dataset: Dataset,
    settings: TrainingSettings,
    engine: Engine,
    steps: int,
    seed: int,
    teacher: Teacher | None = None,
    teacher_share: float = 1.0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Training batches: augmented, normalised images (n, C, H, W) and smoothed targets (n, classes), both float32.

    Small batches are augmented several at a time: on 8x8 images an operation costs more to call than to do.

    Args:
        dataset: Its training split is used, where it lies.
        settings: Cutout and label smoothing.
        engine: Batch size, crop and memory layout.
        steps: How many batches.
        seed: What order and augmentation derive from.
        teacher: Whose opinions of the images have a share of the targets.
        teacher_share: That share.
    """
    images = dataset.train.images
    augment = Augment(dataset, engine.crop, settings.cutout)
    targets = smoothed_targets(len(dataset.classes), settings.label_smoothing).to(images.device)
    layout = torch.channels_last if engine.channels_last else torch.contiguous_format
    # two seeds from one, or the shuffle and the shifts would be made of the same random numbers
    order_seed, noise_seed = torch.randint(2**62, (2,), generator=torch.Generator().manual_seed(seed)).tolist()
    noise = torch.Generator(images.device).manual_seed(noise_seed)
    endless = batches(len(images), engine.batch_size, torch.Generator().manual_seed(order_seed), images.device)
    order = list(itertools.islice(endless, steps))
    if teacher is not None:
        teacher.ask(torch.cat(order))
    most = CHUNK_VALUES if images.device.type == "cpu" else GPU_CHUNK_VALUES
    together = max(1, most // (images[0].numel() * engine.batch_size))
    for start in range(0, steps, together):
        chosen = order[start : start + together]
        indices, size = torch.cat(chosen), len(chosen[0])
        made, labels = augment(indices, noise)
        made, aims = made.contiguous(memory_format=layout), targets[labels]
        if teacher is not None:
            aims = torch.lerp(aims, teacher.opinions(indices), teacher_share)
        yield from zip(torch.split(made, size), torch.split(aims, size), strict=True)


def smoothed_targets(classes: int, smoothing: float) -> Tensor:
    """(classes, classes): row k is the target of label k, 1 - smoothing plus an even share of the smoothing.

    As probabilities, since `cross_entropy(label_smoothing=...)` costs three operations more a step.
    """
    even = torch.full((classes, classes), smoothing / classes)
    return even.fill_diagonal_(1 - smoothing + smoothing / classes)
