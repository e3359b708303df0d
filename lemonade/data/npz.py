"""A `.npz` file of arrays, in the names that NumPy users, Keras and MedMNIST give them. Nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile

from lemonade.data.arrays import Array, Arrays, ArraySource, check_images, check_labels, check_numbering
from lemonade.data.base import Request, Split
from lemonade.errors import LemonadeError

# Names of a part's images and labels; the first pair found counts.
_TRAIN = (("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train"))
_VALIDATION = (("val_images", "val_labels"), ("x_val", "y_val"))
_TEST = (("test_images", "test_labels"), ("x_test", "y_test"))

_UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error),
    *(RuntimeError, NotImplementedError),  # encrypted, or packed in a way that Python does not know
)


def _read(request: Request) -> Arrays:
    name = request.name
    with _open(name) as file:
        keys = _find(name, file, _TRAIN)
        if keys is None:
            wanted = " or ".join(f"'{images}' and '{labels}'" for images, labels in _TRAIN)
            found = ", ".join(file.files) or "nothing"
            raise LemonadeError(f"{name}: expected the arrays {wanted}, found {found}.")
        train = _read_part(name, file, keys)
        count = check_numbering(f"{name}: {keys[1]}", train.labels)
        validation = None
        if (keys := _find(name, file, _VALIDATION)) is not None:
            validation = _read_part(name, file, keys)
            check_numbering(f"{name}: {keys[1]}", validation.labels, count)
            _check_shapes(name, keys[0], validation, train)
        test_images = None
        if (keys := _find(name, file, _TEST)) is not None:
            # the test images stay shut, so they are counted by their labels
            labels = _read_array(name, file, keys[1])
            test_images = len(labels) if labels.ndim else 0
            check_numbering(f"{name}: {keys[1]}", check_labels(f"{name}: {keys[1]}", labels, test_images), count)
            _check_header(name, file, keys, test_images, train)
        classes = _read_classes(name, file, count)
    return Arrays(train, classes, validation=validation, test_images=test_images)


def _read_test(request: Request) -> Split:
    name = request.name
    train = _read(request)
    with _open(name) as file:
        keys = _find(name, file, _TEST)
        assert keys is not None  # called only where there is a test part
        test = _read_part(name, file, keys)
    _check_shapes(name, keys[0], test, train.split)
    return test


@contextlib.contextmanager
def _open(name: str) -> Iterator[NpzFile]:
    try:
        stream = Path(name).expanduser().open("rb")
    except OSError as error:
        raise LemonadeError(f"{name}: cannot be read ({error.strerror or error}).") from None
    with stream:  # NumPy leaves a damaged file open if it is to open it itself
        try:
            file = np.load(stream, allow_pickle=False)
        except _UNREADABLE:
            raise LemonadeError(
                f"{name}: not a readable .npz file; it is damaged or of another format. Write it with numpy.savez."
            ) from None
        if not isinstance(file, NpzFile):
            raise LemonadeError(f"{name}: expected an .npz file with 'images' and 'labels', got a single array.")
        yield file


def _find(name: str, file: NpzFile, pairs: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    """The first pair that is there; half of one is an error, since its images would be used otherwise than meant."""
    for pair in pairs:
        if pair[0] in file.files and pair[1] in file.files:
            return pair
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            if one in file.files:
                raise LemonadeError(f"{name}: holds '{one}' without '{other}'. Store both, or neither.")
    return None


def _read_array(name: str, file: NpzFile, key: str) -> Array:
    try:
        array: Array = file[key]
    except _UNREADABLE as error:
        if "Object arrays" in str(error):
            raise LemonadeError(
                f"{name}: {key} is an array of Python objects, which are never loaded from a file. "
                "Store numbers: all images of one shape, labels as integers, classes as strings."
            ) from None
        raise LemonadeError(f"{name}: {key} cannot be read; the file is damaged or cut off. Write it anew.") from None
    if not isinstance(array, np.ndarray):  # NumPy hands over what is no .npy file as it is
        raise LemonadeError(f"{name}: {key} is no NumPy array. Write the file with numpy.savez.")
    return array


def _read_part(name: str, file: NpzFile, keys: tuple[str, str]) -> Split:
    images = check_images(f"{name}: {keys[0]}", _read_array(name, file, keys[0]))
    labels = check_labels(f"{name}: {keys[1]}", _read_array(name, file, keys[1]), len(images))
    return Split(images, labels)


def _check_header(name: str, file: NpzFile, keys: tuple[str, str], count: int, train: Split) -> None:
    """Hold the test images against their labels and the training images, by what the head of their array says.

    Raises:
        LemonadeError: if they are of another number or shape, rather than after a search.
    """
    try:
        assert file.zip is not None
        with file.zip.open(f"{keys[0]}.npy") as stream:
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            shape, _, dtype = read[npy.read_magic(stream)](stream)
    except _UNREADABLE:  # told when they are read
        return
    if dtype.hasobject:
        return
    if shape[:1] != (count,):
        raise LemonadeError(
            f"{name}: {keys[1]}: expected a label for each of {shape[0] if shape else 0} images, got {count} labels."
        )
    like = check_images(f"{name}: {keys[0]}", np.zeros((1, *shape[1:]), dtype))
    _check_shapes(name, keys[0], Split(like, train.labels[:1]), train)


def _read_classes(name: str, file: NpzFile, count: int) -> tuple[str, ...]:
    if "classes" not in file.files:
        return tuple(str(label) for label in range(count))
    classes = _read_array(name, file, "classes")
    if classes.shape != (count,):
        raise LemonadeError(f"{name}: classes: expected {count} names, one for each label, got shape {classes.shape}.")
    if classes.dtype.kind == "V":
        raise LemonadeError(f"{name}: classes: expected names as strings, got {classes.dtype}.")
    names = tuple(_text(name, one) for one in classes.tolist())
    if twice := [one for one, times in Counter(names).items() if times > 1]:
        raise LemonadeError(f"{name}: classes: '{twice[0]}' is there more than once. Every class needs its own name.")
    return names


def _text(name: str, one: Any) -> str:
    """A class name; bytes, as h5py users store them, become text too."""
    try:
        text = one.decode() if isinstance(one, bytes) else str(one)
        text.encode()
    except UnicodeError:
        raise LemonadeError(f"{name}: classes: the name {one!a} is not UTF-8. Store names as strings.") from None
    return text


def _check_shapes(name: str, key: str, part: Split, train: Split) -> None:
    if part.images.shape[1:] != train.images.shape[1:]:
        got, expected = list(part.images.shape[1:]), list(train.images.shape[1:])
        raise LemonadeError(f"{name}: {key}: expected channels, height, width {expected} as in training, got {got}.")


NPZ = ArraySource(_read, _read_test)
