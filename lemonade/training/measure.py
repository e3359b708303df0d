"""Reading the error of a network: float32 and eval mode, as it is exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lemonade.data import Dataset, Split, normalise

BATCH = 128  # images a forward pass; at 32x32 the activations of 256 leave the cache


@dataclass(frozen=True)
class Reading:
    """The error of a network on a split, in its two readings.

    Attributes:
        error: Share of the images classified wrongly.
        error_smoothed: One minus the mean probability of the true class.
        images: Images that were read.
    """

    error: float
    error_smoothed: float
    images: int


def read_error(
    module: nn.Module, split: Split, dataset: Dataset, device: torch.device | str, most: int | None = None
) -> Reading:
    """Read the error of a network.

    An image whose logits are not all finite counts as wrong, with probability 0 for its class.

    Args:
        module: Takes normalised float32 images (n, C, H, W) to logits (n, classes); left in the mode it came in.
        split: The images to read, with labels.
        dataset: The data set they belong to, for mean and deviation.
        device: Where to compute; the module is moved there.
        most: Read only the first so many images (they are in random order).

    Raises:
        ValueError: if there is no image to read.
    """
    labels = split.labels[:most]
    if len(labels) == 0:
        raise ValueError("an error needs at least one image to be read on")
    values = logits(module, split, dataset, device, most).cpu().double()  # MPS has no float64
    labels = labels.to(values.device)
    finite = values.isfinite().all(dim=1)
    values = values.where(finite[:, None], 0.0)
    true = values.softmax(dim=1).gather(1, labels[:, None])[:, 0]
    right = (values.argmax(dim=1) == labels) & finite
    wrong = 1 - right.double().mean().item()
    return Reading(wrong, 1 - (true * finite).mean().item(), len(labels))


def logits(
    module: nn.Module, split: Split, dataset: Dataset, device: torch.device | str, most: int | None = None
) -> Tensor:
    """Logits (n, classes) of the first `most` images of a split, float32 and eval mode, on the device."""
    training = module.training
    module.to(device).eval()  # outside inference mode: a tensor moved inside it could never be trained again
    try:
        with torch.inference_mode():
            batches = _batches(split, dataset, torch.device(device), most)
            return torch.cat([module(images).float() for images in batches])
    finally:
        module.train(training)


def _batches(split: Split, dataset: Dataset, device: torch.device, most: int | None) -> Iterator[Tensor]:
    for images in torch.split(split.images[:most], BATCH):
        yield as_read(images.to(device), dataset)


def as_read(images: Tensor, dataset: Dataset) -> Tensor:
    """Images (n, C, H, W) where they lie, normalised and in the layout that a network is fastest at."""
    layout = torch.channels_last if images.device.type == "cpu" else torch.contiguous_format
    return normalise(images, dataset.mean, dataset.std).contiguous(memory_format=layout)
