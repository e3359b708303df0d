"""torchvision's image-classification sets by name: found on disk, or downloaded.

Files are looked for where `LEMONADE_DATA` says, else in ``~/.cache/lemonade/datasets``, in torchvision's own layout.
torchvision verifies the checksums of what it unpickles (CIFAR); the other sets are arrays and images.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lemonade.config import FIT_WORDS
from lemonade.data.arrays import Array, Arrays, ArraySource, check_images, check_labels, check_numbering
from lemonade.data.base import Request, Split
from lemonade.data.cache import cached
from lemonade.data.decode import check_failures, decode, default_side
from lemonade.errors import LemonadeError

_TRAIN: Mapping[str, Any] = {"train": True}
_TEST: Mapping[str, Any] = {"train": False}


@dataclass(frozen=True)
class Entry:
    """One of torchvision's sets.

    Attributes:
        kind: Name of the class in `torchvision.datasets`.
        test_images: Size of its test part, as published, since counting would open it; None: it has none.
        flip: Whether a mirrored image is still one of its class.
        train: Arguments that give the training part.
        test: Arguments that give the test part.
        validation: Arguments that give its validation part, if it has one.
        transposed: Whether rows and columns are exchanged in the files.
    """

    kind: str
    test_images: int | None
    flip: bool
    train: Mapping[str, Any] = field(default_factory=lambda: _TRAIN)
    test: Mapping[str, Any] = field(default_factory=lambda: _TEST)
    validation: Mapping[str, Any] | None = None
    transposed: bool = False


def _parts(train: str, test: str, validation: str | None = None) -> dict[str, Any]:
    """Arguments of the sets that name their parts."""
    return {
        "train": {"split": train},
        "test": {"split": test},
        "validation": {"split": validation} if validation else None,
    }


_EMNIST = {"train": {"split": "balanced", "train": True}, "test": {"split": "balanced", "train": False}}

ENTRIES: dict[str, Entry] = {
    "cifar10": Entry("CIFAR10", 10_000, flip=True),
    "cifar100": Entry("CIFAR100", 10_000, flip=True),
    "mnist": Entry("MNIST", 10_000, flip=False),
    "fashion_mnist": Entry("FashionMNIST", 10_000, flip=True),
    "kmnist": Entry("KMNIST", 10_000, flip=False),
    "emnist": Entry("EMNIST", 18_800, flip=False, transposed=True, **_EMNIST),
    "usps": Entry("USPS", 2_007, flip=False),
    "svhn": Entry("SVHN", 26_032, flip=False, **_parts("train", "test")),
    "stl10": Entry("STL10", 8_000, flip=True, **_parts("train", "test")),
    "gtsrb": Entry("GTSRB", 12_630, flip=False, **_parts("train", "test")),
    "eurosat": Entry("EuroSAT", None, flip=True, train={}),
    "caltech101": Entry("Caltech101", None, flip=True, train={}),
    "imagenette": Entry("Imagenette", 3_925, flip=True, **_parts("train", "val")),
    "flowers102": Entry("Flowers102", 6_149, flip=True, **_parts("train", "test", "val")),
    "oxford_pets": Entry("OxfordIIITPet", 3_669, flip=True, **_parts("trainval", "test")),
    "dtd": Entry("DTD", 1_880, flip=True, **_parts("train", "test", "val")),
    "fgvc_aircraft": Entry("FGVCAircraft", 3_333, flip=True, **_parts("trainval", "test")),
    "food101": Entry("Food101", 25_250, flip=True, **_parts("train", "test")),
    "country211": Entry("Country211", 21_100, flip=True, **_parts("train", "test", "valid")),
}


def torchvision_source(entry: Entry) -> ArraySource:
    """The source of one of torchvision's sets."""

    def read(request: Request) -> Arrays:
        train = _read(request, entry, entry.train)
        validation = None
        if entry.validation is not None:
            validation = _read(request, entry, entry.validation, train.split).split
        return dataclasses.replace(train, validation=validation, test_images=entry.test_images)

    def read_test(request: Request) -> Split:
        train = _read(request, entry, entry.train)
        return _read(request, entry, entry.test, train.split).split

    return ArraySource(read, read_test)


def data_root() -> Path:
    """Where sets are looked for and downloaded to."""
    given = os.environ.get("LEMONADE_DATA")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "lemonade" / "datasets"


def _read(request: Request, entry: Entry, arguments: Mapping[str, Any], train: Split | None = None) -> Arrays:
    """One part of a set; of the size and channels of the training part, if that is given."""
    data = _open(request.name, entry, arguments)
    notes: tuple[str, ...] = ()
    array = getattr(data, "data", None)
    if array is None:
        images, labels = _decode(request, data, [entry.kind, dict(arguments)], train)
        notes = (f"images brought to {images.shape[2]}x{images.shape[3]}, {FIT_WORDS[request.settings.fit]}",)
    else:  # decoded already; going through Pillow image by image would take a hundred times as long
        images = np.asarray(array)
        labels = np.asarray(data.labels if hasattr(data, "labels") else data.targets)
    tensor = check_images(request.name, images)
    if entry.transposed:
        tensor = tensor.transpose(2, 3).contiguous()
    split = Split(tensor, check_labels(request.name, labels, len(tensor)))
    names = getattr(data, "classes", None) or getattr(data, "categories", None)
    count = check_numbering(request.name, split.labels, len(names) if names else None)
    # Imagenette gives all synonyms of a class
    classes = tuple(str(item[0] if isinstance(item, tuple) else item) for item in names or range(count))
    return Arrays(split, classes, entry.flip, notes=notes, decoded=array is None)


def _open(name: str, entry: Entry, arguments: Mapping[str, Any]) -> Any:
    """Find torchvision's data set on disk, or else download it.

    Raises:
        LemonadeError: if it is neither there nor can be downloaded.
    """
    from torchvision import datasets  # half a second that other data sets need not pay

    kind, root = getattr(datasets, entry.kind), data_root()
    # standard output belongs to the command's result; NumPy warns of CIFAR's old pickles
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):  # not there, incomplete or damaged: each set says so in its own way
            return kind(root, **arguments)
        try:
            root.mkdir(parents=True, exist_ok=True)
            return kind(root, download=True, **arguments)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    raise LemonadeError(
        f"dataset '{name}' is not in {root} and could not be downloaded ({reason}). Connect to the internet, put the "
        f"files of torchvision.datasets.{entry.kind} there, or set LEMONADE_DATA to the folder that has them."
    )


def _decode(request: Request, data: Any, key: list[Any], train: Split | None) -> tuple[Array, Array]:
    """Images and labels of a set of image files, by way of the cache."""
    count = len(data)
    labels = np.zeros(count, dtype=np.int64)

    def opener(position: int) -> Any:
        image, labels[position] = data[position]
        return image

    def make() -> dict[str, Array]:
        side = request.settings.image_size or default_side(opener, count)
        channels = None
        if train is not None:
            channels, side = train.images.shape[1], train.images.shape[2]
        images, failures = decode(opener, count, side, request.settings.fit, channels, request.progress)
        advice = f"Delete the files of this set in {data_root()}: it is downloaded again."
        check_failures(request.name, [f"image {i}" for i in range(count)], failures, skip=False, advice=advice)
        return {"images": images, "labels": labels}

    shape = list(train.images.shape[1:]) if train is not None else request.settings.image_size
    key = [*key, str(data_root()), count, shape, request.settings.fit]
    arrays = cached(request.cache, key, ("images", "labels"), make)
    return arrays["images"], np.asarray(arrays["labels"])
