"""Which image goes into which split: stratified, and by the split's seed alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lemonade.config import DataSettings
from lemonade.data.base import permutation
from lemonade.errors import LemonadeError

Integers = np.ndarray[Any, np.dtype[np.int64]]

# Second part of the seeds, so that the splits are drawn independently of each other.
_TEST, _VALIDATION, _TRAIN = 0, 1, 2


def check_counts(where: str, classes: Sequence[str], labels: Integers, parts: Sequence[str]) -> None:
    """Refuse classes that cannot have an image in each split.

    Args:
        where: What the error begins with.
        classes: Names of the classes.
        labels: (N,) of the images that the parts are drawn from.
        parts: Splits that need an image of every class, for example ``["training", "validation"]``.

    Raises:
        LemonadeError: if there are fewer than two classes, or a class has fewer images than there are parts.
    """
    if len(classes) < 2:
        raise LemonadeError(f"{where}: at least 2 classes are needed, got {len(classes)} ({', '.join(classes)}).")
    counts = np.bincount(labels, minlength=len(classes))
    short = np.flatnonzero(counts < len(parts))
    if short.size == 0:
        return
    count = int(counts[short[0]])
    has = {0: "no images", 1: "1 image"}.get(count, f"{count} images")
    needed = "1 is" if len(parts) == 1 else f"{len(parts)} are"
    others = f" {short.size - 1} more classes have too few as well." if short.size > 1 else ""
    raise LemonadeError(
        f"{where}: class '{classes[short[0]]}' has {has}; at least {needed} needed for {_listed(parts)}."
        f"{others} Remove the class or add images."
    )


def split_test(labels: Integers, settings: DataSettings) -> tuple[Integers, Integers]:
    """Draw the test split where none is given: `test_share` of the images, rounded up.

    Args:
        labels: (N,); every class has at least three images.
        settings: Share and seed.

    Returns:
        Positions of the test images in random order, and those of the rest, ascending.
    """
    total = math.ceil(len(labels) * settings.test_share - 1e-9)  # 0.1 * 30 is a little more than 3
    return _draw(labels, total, 2, (settings.split_seed, _TEST))


def split_validation(where: str, labels: Integers, settings: DataSettings) -> tuple[Integers, Integers]:
    """Draw the validation split: `validation_share` of the images, rounded down, at most `validation_most`.

    Args:
        where: What the error begins with.
        labels: (N,) of all images but the test ones; every class has at least two.
        settings: Share, cap and seed.

    Returns:
        Positions of the validation images in random order, and those of the training images, ascending.

    Raises:
        LemonadeError: if `validation_most` is less than the number of classes.
    """
    total = math.floor(len(labels) * settings.validation_share + 1e-9)
    _check_cap(where, labels, "validation_most", settings.validation_most, "validation")
    return _draw(labels, min(total, settings.validation_most), 1, (settings.split_seed, _VALIDATION))


def order_validation(where: str, labels: Integers, settings: DataSettings) -> Integers:
    """Positions of a given validation split in random order, stratified down to `validation_most`.

    Raises:
        LemonadeError: if `validation_most` is less than the number of classes.
    """
    _check_cap(where, labels, "validation_most", settings.validation_most, "validation")
    total = min(len(labels), settings.validation_most)
    return _draw(labels, total, 0, (settings.split_seed, _VALIDATION))[0]


def limit_train(where: str, labels: Integers, settings: DataSettings) -> Integers:
    """Positions, ascending, of the training images to use: all, or a stratified draw of `train_most`.

    Args:
        where: What the error begins with.
        labels: (N,) of the images left for training.
        settings: Cap and seed.

    Raises:
        LemonadeError: if `train_most` is less than the number of classes.
    """
    most = settings.train_most
    if most is None or most >= len(labels):
        return np.arange(len(labels))
    _check_cap(where, labels, "train_most", most, "training")
    return np.sort(_draw(labels, most, 0, (settings.split_seed, _TRAIN))[0])


def hash_splits(splits: Mapping[str, Iterable[bytes]]) -> str:
    """A hash over which images are in which split.

    Args:
        splits: For each split a name for each of its images, which stays the same as long as the image does.
    """
    whole = hashlib.blake2b(digest_size=16)
    for split, names in splits.items():
        whole.update(f"split {split}\n".encode())
        for name in names:
            whole.update(len(name).to_bytes(4, "little") + name)
    return whole.hexdigest()


def _draw(labels: Integers, total: int, reserve: int, seed: tuple[int, int]) -> tuple[Integers, Integers]:
    """Draw about `total` positions, at least one of every class, leaving at least `reserve` of every class."""
    counts = np.bincount(labels)
    given = _allocate(counts, total, reserve)
    order = permutation(len(labels), *seed)
    shuffled = labels[order]
    taken = np.zeros(len(labels), dtype=bool)
    for label, number in enumerate(given):
        taken[np.flatnonzero(shuffled == label)[:number]] = True
    return order[taken], np.sort(order[~taken])


def _allocate(counts: Integers, total: int, reserve: int) -> Integers:
    """How many of each class to draw: in proportion, largest remainders first, within 1 and count - `reserve`."""
    quota = counts * (total / counts.sum())
    most = counts - reserve
    given: Integers = np.clip(np.floor(quota).astype(np.int64), 1, most)
    while (missing := total - int(given.sum())) != 0:
        movable = given < most if missing > 0 else given > 1
        if not movable.any():
            break  # one image of every class and the reserve come before the share
        debt = np.where(movable, (quota - given) * np.sign(missing), -np.inf)
        given[np.argmax(debt)] += np.sign(missing)
    return given


def _check_cap(where: str, labels: Integers, setting: str, most: int, kind: str) -> None:
    classes = len(np.bincount(labels))
    if most < classes:
        raise LemonadeError(
            f"{where}: data.{setting} is {most}, but each of the {classes} classes needs a {kind} image. Set it to at "
            f"least {classes}."
        )


def _listed(words: Sequence[str]) -> str:
    """``"a"``, ``"a and b"``, ``"a, b and c"``."""
    return " and ".join(", ".join(words).rsplit(", ", 1))
