"""What a data set is once it has been read: two splits of uint8 images, and what a person wants to know about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lemonade.config import DataSettings

SMALLEST_SIDE = 4  # below this a network of three poolings and 3x3 kernels has nothing to look at
CALIBRATION_IMAGES = 256
_CALIBRATION = 2  # second part of the seed; splits are drawn with 0 and 1

# Called with (images read, images in all) while a folder is decoded, from the thread that called `load_dataset`.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Attributes:
        images: uint8, (N, C, H, W).
        labels: int64, (N,); indices into the data set's classes.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Split:
        """The same split on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set without its test images, which only `load_test` opens.

    Attributes:
        name: What it was asked for by: a known name or a path.
        train: Images to train on.
        validation: Images to choose by, in random order, so that any first part of them is a fair sample.
        test_images: How many test images there are, of image files those that can be decoded.
        classes: Names, in the order of the labels.
        mean: Per channel, of the training split's pixels scaled to [0, 1].
        std: Likewise the (biased) standard deviation, never 0.
        flip: Whether a mirrored image is still one of its class.
        split_hash: Changes if an image moves between splits, comes, goes or is replaced. Test images that a source
            keeps in an array of its own stay shut and do not count.
        notes: Sentences for the person about what was done to the images.
        split_seed: What the splits were drawn with.
        decoded: Whether the images were files, brought to size by `lemonade.data.decode`; else they came as arrays.
    """

    name: str
    train: Split
    validation: Split
    test_images: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool
    split_hash: str
    notes: tuple[str, ...] = ()
    split_seed: int = 0
    decoded: bool = False

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set with both splits on a device."""
        return dataclasses.replace(self, train=self.train.to(device), validation=self.validation.to(device))


@dataclass(frozen=True)
class Request:
    """What a source is asked for.

    Attributes:
        name: A known name or a path.
        settings: How images become splits.
        cache: Folder for decoded images; None keeps none.
        progress: Called while images are decoded.
    """

    name: str
    settings: DataSettings
    cache: Path | None = None
    progress: OnProgress | None = None


class Source(Protocol):
    """Where images come from; one for each known name, one for folders and one for .npz files."""

    def load(self, request: Request) -> Dataset:
        """All but the test images; see `lemonade.data.load_dataset`."""
        ...

    def load_test(self, request: Request) -> Split:
        """The test images; see `lemonade.data.load_test`."""
        ...


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Scale pixels to [0, 1] and standardise each channel.

    Args:
        images: uint8, (N, C, H, W).
        mean: C numbers.
        std: C numbers, none of them 0.

    Returns:
        float32, (N, C, H, W), on the images' device.
    """
    scale, shift = scale_and_shift(mean, std)
    return images.float().mul_(scale.to(images.device)).add_(shift.to(images.device))


def scale_and_shift(mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """What to multiply and then to add so that uint8 pixels become standardised, float32 (C, 1, 1) both."""
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32)
    return scale.view(-1, 1, 1), shift.view(-1, 1, 1)


def calibration_batch(dataset: Dataset) -> Tensor:
    """The images that operators calibrate on: the first 256 of a permutation of the training split, by its seed.

    Returns:
        float32, (at most 256, C, H, W): normalised, not augmented, on the data set's device.
    """
    images = dataset.train.images
    chosen = torch.from_numpy(permutation(len(images), dataset.split_seed, _CALIBRATION)[:CALIBRATION_IMAGES])
    return normalise(images[chosen.to(images.device)], dataset.mean, dataset.std)


def permutation(count: int, seed: int, purpose: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The numbers 0 to count - 1 in an order that follows from the seed and what it is for, and nothing else.

    Sorting raw uniform numbers, since numpy may change how `Generator.permutation` draws from one version to the next.
    """
    return np.argsort(np.random.default_rng([seed, purpose]).random(count), kind="stable")


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of pixels scaled to [0, 1].

    Sums of integers are exact, so the result does not depend on the order or the number of threads.

    Args:
        images: uint8, (N, C, H, W).
    """
    count = images[:, 0].numel()
    total = torch.zeros(images.shape[1], dtype=torch.int64)
    squares = torch.zeros_like(total)
    for part in torch.split(images, 1024):  # the squares take eight times the memory of the images
        total += part.sum(dim=(0, 2, 3))
        squares += part.to(torch.int32).square_().sum(dim=(0, 2, 3))
    mean = total.double() / count
    # a constant channel (a black border, an empty scan) must not divide by zero: one grey level is the least deviation
    std = (squares.double() / count - mean.square()).clamp(min=0).sqrt().clamp(min=1)
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())
