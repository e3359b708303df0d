"""Batches: which images in which order, shifted, mirrored and partly covered, on the device that holds them.

The batches of small networks are small, so what an operation does costs less than calling it. Crop and flip are
therefore one gather with computed positions instead of work on each image.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lemonade.data.base import Dataset, scale_and_shift


class Augment:
    """Random crops, flips and cutout of training images, normalised; all randomness comes from the caller's generator.

    A crop shifts the image by up to the padding in both directions; pixels from beyond the border repeat those at the
    border. A flip mirrors left and right with probability 1/2. Cutout covers a square, whose centre is any pixel (so
    part of it may lie outside), with the mean colour.

    Args:
        dataset: Gives the training images, whether they may be flipped, and how they are normalised.
        crop: Padding as a share of the side; 0 leaves images where they are.
        cutout: Side of the covered square as a share of the shorter side; 0 covers nothing.
    """

    def __init__(self, dataset: Dataset, crop: float = 0.0, cutout: float = 0.0) -> None:
        self._images, self._labels = dataset.train.images, dataset.train.labels
        _, height, width = dataset.input_shape
        device = self._images.device
        scale, shift = scale_and_shift(dataset.mean, dataset.std)
        self._scale, self._shift = scale.to(device), shift.to(device)
        # row k of a table: where the pixels of an image that is shifted by k come from
        rows = _shifted(height, round(crop * height)) * width
        columns = _shifted(width, round(crop * width))
        if dataset.flip:
            columns = torch.cat([columns, columns.flip(1)])  # the second half of the choices is mirrored
        self._rows, self._columns = rows.to(device), columns.to(device)
        self._moves = len(rows) > 1 or len(columns) > 1
        square = round(cutout * min(height, width))
        self._covered_rows = _covered(height, square).to(device) if square else None
        self._covered_columns = _covered(width, square).to(device)

    def __call__(self, indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augment some training images.

        Args:
            indices: (B,) integers, positions in the training split, on its device.
            generator: On the same device.

        Returns:
            Images, float32 (B, C, H, W), normalised; and their labels, int64 (B,).
        """
        batch = self._images.index_select(0, indices)
        if self._moves:
            batch = self._move(batch, generator)
        images = batch.float().mul_(self._scale).add_(self._shift)
        if self._covered_rows is not None:
            rows = _choose(self._covered_rows, len(indices), generator)
            columns = _choose(self._covered_columns, len(indices), generator)
            # multiplied by 0 or 1, which takes a third of the time of filling by a mask
            images.mul_((1 - rows[:, :, None] * columns[:, None, :])[:, None])
        return images, self._labels.index_select(0, indices)

    def _move(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        count, channels, height, width = batch.shape
        rows = _choose(self._rows, count, generator)
        columns = _choose(self._columns, count, generator)
        # int64, as gather wants them; int32 would halve their memory but need a flat index over all channels, which
        # measured the same at 8x8 and a fourth slower at 64x64
        positions = (rows[:, :, None] + columns[:, None, :]).view(count, 1, height * width)
        moved = batch.view(count, channels, -1).gather(2, positions.expand(-1, channels, -1))
        return moved.view(batch.shape)


def batches(count: int, batch_size: int, generator: torch.Generator, device: torch.device | str) -> Iterator[Tensor]:
    """An endless stream of positions, reshuffled each epoch; what does not fill a batch is dropped.

    Args:
        count: Number of images.
        batch_size: Images in a batch; more than there are gives batches of all images.
        generator: Decides the order; on any device.
        device: Where the positions are wanted.

    Yields:
        int64, (min(batch_size, count),), no position twice in an epoch.
    """
    size = min(batch_size, count)
    while True:
        order = torch.randperm(count, generator=generator, device=generator.device).to(device)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def _choose(table: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Rows of a table drawn at random, (count, width of the table)."""
    chosen = torch.randint(len(table), (count,), generator=generator, device=table.device)
    return table.index_select(0, chosen)


def _shifted(side: int, pad: int) -> Tensor:
    """(2 pad + 1, side): for each shift from -pad to pad the position that each pixel comes from, kept inside."""
    return (torch.arange(-pad, pad + 1)[:, None] + torch.arange(side)).clamp_(0, side - 1)


def _covered(side: int, square: int) -> Tensor:
    """(side, side): for each centre 1.0 at the positions that an interval of `square` pixels covers, else 0.0."""
    offset = torch.arange(side) - torch.arange(side)[:, None] + square // 2
    return ((offset >= 0) & (offset < square)).float()
