"""Data sets: reading, splitting, normalising and augmenting images.

A source is one file and one line in `SOURCES`; paths to folders and `.npz` files need no name.
"""

from __future__ import annotations

from pathlib import Path

from lemonade.config import DataSettings
from lemonade.data.augment import Augment, batches
from lemonade.data.base import Dataset, OnProgress, Request, Source, Split, calibration_batch, normalise
from lemonade.data.digits import DIGITS
from lemonade.data.folder import FolderSource
from lemonade.data.npz import NPZ
from lemonade.data.torchvision_sets import ENTRIES, torchvision_source
from lemonade.errors import LemonadeError, unknown
from lemonade.files import is_text

__all__ = [
    "SOURCES",
    "Augment",
    "Dataset",
    "Split",
    "batches",
    "calibration_batch",
    "load_dataset",
    "load_test",
    "normalise",
]

SOURCES: dict[str, Source] = {
    "digits": DIGITS,
    **{name: torchvision_source(entry) for name, entry in ENTRIES.items()},
}


def load_dataset(
    name: str, settings: DataSettings, cache: Path | None = None, progress: OnProgress | None = None
) -> Dataset:
    """Read a data set and split it, without its test images.

    Args:
        name: A name of `SOURCES`, a folder of images per class, or an `.npz` file. A name goes before a folder of that
            name, which ``./name`` reaches.
        settings: How images become splits.
        cache: Folder for decoded images, for the next time they are read.
        progress: Called with (images read, images in all) while image files are decoded.

    Raises:
        LemonadeError: if there is no such data set, or it cannot be read and split.
    """
    return _source(name).load(Request(name, settings, cache, progress))


def load_test(
    name: str, settings: DataSettings, cache: Path | None = None, progress: OnProgress | None = None
) -> Split:
    """Open the test images of a data set: uint8, of the shape of the training images. Nothing else shows them.

    Args:
        name: As in `load_dataset`.
        settings: As in `load_dataset`; with the same ones, no image is in both.
        cache: As in `load_dataset`.
        progress: As in `load_dataset`.

    Raises:
        LemonadeError: if there is no such data set, or it cannot be read and split.
    """
    return _source(name).load_test(Request(name, settings, cache, progress))


def _source(name: str) -> Source:
    if name in SOURCES:
        return SOURCES[name]
    if not name:
        raise LemonadeError(
            "the data set has no name. Give a known name, a folder of images per class, or an .npz file."
        )
    if not is_text(name):
        raise LemonadeError(f"{name!r}: the name of the data set is not UTF-8. Rename it.")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return FolderSource()
        if path.is_file():
            if path.suffix.lower() == ".npz":
                return NPZ
            raise LemonadeError(f"{name}: expected a folder of images per class or an .npz file, got another file.")
    except OSError as error:
        raise LemonadeError(f"{name[:80]}: cannot be read ({error.strerror or error}).") from None
    except RuntimeError as error:  # ~somebody who does not exist
        raise LemonadeError(f"{name}: {error}") from None
    if path.suffix.lower() == ".npz" or "/" in name or "\\" in name or name.startswith(("~", ".")):
        raise LemonadeError(f"{name}: there is no such file or folder (looked at {path.absolute()}).")
    raise unknown("dataset", name, SOURCES, "a folder of images per class, or an .npz file")
