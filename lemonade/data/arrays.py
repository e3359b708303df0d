"""Sources that hand over whole arrays: checking them, splitting them, bringing them to size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lemonade.config import FIT_WORDS, DataSettings
from lemonade.data.base import SMALLEST_SIDE, Dataset, Request, Split, channel_statistics
from lemonade.data.fitting import fit_tensors
from lemonade.data.splits import (
    Integers,
    check_counts,
    hash_splits,
    limit_train,
    order_validation,
    split_test,
    split_validation,
)
from lemonade.errors import LemonadeError

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST_DEFAULT_SIDE = 64


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a source holds, its own test images apart.

    Attributes:
        split: All images that may be split, checked.
        classes: Names, in the order of the labels.
        flip: Whether mirrored images stay in their class.
        validation: A validation split of the source's own.
        test_images: How many test images the source keeps apart; None if they are to be drawn from `split`.
        notes: What was done to the images.
        decoded: See `Dataset.decoded`.
    """

    split: Split
    classes: tuple[str, ...]
    flip: bool = False
    validation: Split | None = None
    test_images: int | None = None
    notes: tuple[str, ...] = ()
    decoded: bool = False


@dataclass(frozen=True)
class ArraySource:
    """A source of whole arrays.

    Attributes:
        read: Reads all but the source's own test images.
        read_test: Reads those; called only where `Arrays.test_images` is a number.
    """

    read: Callable[[Request], Arrays]
    read_test: Callable[[Request], Split] | None = None

    def load(self, request: Request) -> Dataset:
        """All but the test images; see `lemonade.data.load_dataset`."""
        return _split(request.name, self.read(request), request.settings)

    def load_test(self, request: Request) -> Split:
        """The test images; see `lemonade.data.load_test`."""
        arrays = self.read(request)
        if arrays.test_images is None:
            labels = arrays.split.labels.numpy()
            check_counts(request.name, arrays.classes, labels, _parts(arrays))
            test = _take(arrays.split, split_test(labels, request.settings)[0])
        elif self.read_test is not None:
            test = self.read_test(request)
        else:
            raise TypeError(f"the source of '{request.name}' has test images of its own and no way to read them")
        return Split(resize(test.images, request.settings)[0], test.labels)


def check_images(where: str, array: Array) -> Tensor:
    """Turn an array of images into uint8 (N, C, H, W).

    Args:
        where: What an error begins with, for example ``"digits.npz: images"``.
        array: (N, H, W), (N, H, W, C) or (N, C, H, W) with C of 1 or 3; uint8, or floats in [0, 1].

    Raises:
        LemonadeError: for another shape or dtype, no images, images below 4 pixels, NaN or floats outside [0, 1].
    """
    shape = "x".join(str(length) for length in array.shape)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = np.moveaxis(array, 3, 1)
    elif array.ndim != 4 or array.shape[1] not in (1, 3):
        expected = "expected (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels"
        raise LemonadeError(f"{where}: {expected}, got shape {shape or 'of a single number'}.")
    if len(array) == 0:
        raise LemonadeError(f"{where}: there are no images (shape {shape}).")
    if min(array.shape[2:]) < SMALLEST_SIDE:
        raise LemonadeError(f"{where}: images of at least {SMALLEST_SIDE} pixels a side are needed, got shape {shape}.")
    return torch.from_numpy(np.ascontiguousarray(_to_bytes(where, array)))


def check_labels(where: str, array: Array, images: int) -> Tensor:
    """Turn an array of labels into int64 (N,).

    Raises:
        LemonadeError: unless there is one integer, not negative, for each of the images.
    """
    if array.ndim == 2 and array.shape[1] == 1:  # as Keras and MedMNIST write them
        array = array[:, 0]
    if array.ndim != 1:
        raise LemonadeError(f"{where}: expected one label an image, shape ({images},), got shape {array.shape}.")
    if len(array) != images:
        raise LemonadeError(f"{where}: {len(array)} labels for {images} images. There has to be one for each image.")
    if array.dtype.kind not in "iu":
        what = "text" if array.dtype.kind in "US" else str(array.dtype)
        raise LemonadeError(
            f"{where}: expected integers from 0 to n-1, got {what}. Number the classes from 0; in a .npz file their "
            "names may lie beside the labels, as `classes`."
        )
    if len(array) == 0:
        raise LemonadeError(f"{where}: there are no labels.")
    if array.min() < 0:
        raise LemonadeError(f"{where}: expected labels from 0 to n-1, found {array.min()}. Number the classes from 0.")
    return torch.from_numpy(array.astype(np.int64))


def check_numbering(where: str, labels: Tensor, classes: int | None = None) -> int:
    """The number of classes, if the labels are exactly 0 to n - 1.

    Args:
        where: What an error begins with.
        labels: (N,), not negative.
        classes: How many there are, if that is known otherwise.

    Raises:
        LemonadeError: if a label is missing or too large, saying which labels were found.
    """
    found = torch.unique(labels).tolist()
    expected = len(found) if classes is None else classes
    if found == list(range(expected)):
        return expected
    some = ", ".join(str(label) for label in found[:10]) + (", ..." if len(found) > 10 else "")
    want = "0 to n-1 without gaps" if classes is None else f"0 to {expected - 1}, each at least once"
    raise LemonadeError(f"{where}: expected labels {want}, found {len(found)} different: {some}. Renumber the classes.")


def resize(images: Tensor, settings: DataSettings) -> tuple[Tensor, str]:
    """Bring images to the asked size; unasked, only what is larger than 64 pixels is made smaller.

    Args:
        images: uint8, (N, C, H, W).
        settings: `image_size` and `fit` are used.

    Returns:
        The images, and a note (empty if nothing was done).
    """
    height, width = images.shape[2:]
    if settings.image_size is None and max(height, width) <= LARGEST_DEFAULT_SIDE:
        return images, ""
    side = settings.image_size or min(height, width, LARGEST_DEFAULT_SIDE)
    if height == width == side:
        return images, ""
    how = f", {FIT_WORDS[settings.fit]}" if height != width else ""
    note = f"images resized from {height}x{width} to {side}x{side}{how}"
    return fit_tensors(images, side, side, settings.fit), note


def _split(name: str, arrays: Arrays, settings: DataSettings) -> Dataset:
    labels = arrays.split.labels.numpy()
    check_counts(name, arrays.classes, labels, _parts(arrays))
    pool = np.arange(len(labels))
    test: Integers = pool[:0]
    if arrays.test_images is None:
        test, pool = split_test(labels, settings)
    if arrays.validation is None:
        chosen, rest = split_validation(name, labels[pool], settings)
        pool, validation = pool[rest], _take(arrays.split, pool[chosen])
    else:
        validation = _take(arrays.validation, order_validation(name, arrays.validation.labels.numpy(), settings))
    train = _take(arrays.split, pool[limit_train(name, labels[pool], settings)])
    notes = list(arrays.notes)
    if arrays.validation is not None and len(validation) < len(arrays.validation):
        notes.append(f"validation: {len(validation):,} of the {len(arrays.validation):,} images given")
    names = {"train": _names(train), "validation": _names(validation)}
    if arrays.test_images is None:
        names["test"] = _names(_take(arrays.split, test))
    train_images, note = resize(train.images, settings)
    mean, std = channel_statistics(train_images)
    return Dataset(
        name=name,
        train=Split(train_images, train.labels),
        validation=Split(resize(validation.images, settings)[0], validation.labels),
        test_images=len(test) if arrays.test_images is None else arrays.test_images,
        classes=arrays.classes,
        mean=mean,
        std=std,
        flip=arrays.flip if settings.flip is None else settings.flip,
        split_hash=hash_splits(names),
        notes=tuple([*notes, note] if note else notes),
        split_seed=settings.split_seed,
        decoded=arrays.decoded,
    )


def _parts(arrays: Arrays) -> Sequence[str]:
    """The splits that have to be drawn from `arrays.split`."""
    parts = ["training"]
    if arrays.validation is None:
        parts.append("validation")
    if arrays.test_images is None:
        parts.append("test")
    return parts


def _take(split: Split, positions: Integers) -> Split:
    chosen = torch.from_numpy(positions)
    return Split(split.images[chosen], split.labels[chosen])


def _names(split: Split) -> list[bytes]:
    """A name for each image: a hash of its pixels and its label."""
    pairs = zip(split.images.numpy(), split.labels.tolist(), strict=True)
    return [hashlib.blake2b(image.tobytes() + b"%d" % label, digest_size=16).digest() for image, label in pairs]


def _to_bytes(where: str, array: Array) -> Array:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise LemonadeError(f"{where}: expected uint8 or floats in [0, 1], got {array.dtype}. Convert with astype.")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):  # the least of an array with a NaN is NaN
        raise LemonadeError(
            f"{where}: there are pixels that are NaN or infinite. Replace them or leave the images out."
        )
    if low < 0 or high > 1:
        advice = "Divide by 255." if low >= 0 and 1 < high <= 255 else "Scale them to [0, 1]."
        raise LemonadeError(f"{where}: expected floats in [0, 1], found {low:g} to {high:g}. {advice}")
    scaled: Array = np.rint(array * 255).astype(np.uint8)
    return scaled
