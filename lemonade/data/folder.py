"""A folder of images per class: what lies in it, which image goes where, and reading them.

Understood are ``DIR/<class>/...`` and ``DIR/train/<class>/...`` with optional ``test/`` and ``val/`` (also ``valid/``,
``validation/``) beside it. The images of the test part are listed and counted, and opened by `load_test` alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lemonade.config import DataSettings
from lemonade.data.base import Dataset, Progress, Split, channel_statistics
from lemonade.data.cache import cached
from lemonade.data.decode import decode, default_side, file_opener, unreadable_note
from lemonade.data.splits import check_counts, hash_splits, order_validation, split_test, split_validation
from lemonade.errors import LemonadeError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
_PARTS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}


@dataclass(frozen=True)
class Image:
    """An image file: its path from the data set's folder, with forward slashes, and its label."""

    path: str
    label: int


@dataclass
class Listing:
    """What was found in a folder: images by part (``train``, ``val``, ``test``), sorted by path, and what else."""

    root: Path
    classes: tuple[str, ...] = ()
    parts: dict[str, list[Image]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    hidden: int = 0
    other: int = 0

    def notes(self) -> list[str]:
        """Sentences about what was passed over."""
        notes = []
        if self.hidden:
            notes.append(f"{self.hidden} hidden file{'s' if self.hidden > 1 else ''} skipped")
        if self.other:
            notes.append(f"{self.other} file{'s' if self.other > 1 else ''} skipped that are not images by their name")
        if self.ignored:
            notes.append(f"folders beside train/ ignored: {', '.join(self.ignored)}")
        return notes


def list_folder(name: str) -> Listing:
    """List the images of a folder, without opening any.

    Raises:
        LemonadeError: if there are no classes, the parts have different classes, or a folder may not be read.
    """
    root = Path(name).expanduser()
    listing = Listing(root)
    try:
        folders = _subfolders(root)
        parts = {folder.name.lower(): folder for folder in folders if folder.name.lower() in _PARTS}
        known = {_PARTS[part]: folder for part, folder in parts.items() if _subfolders(folder)}
        if len(known) < sum(bool(_subfolders(folder)) for folder in parts.values()):
            raise LemonadeError(f"{name}: more than one folder for validation ({', '.join(parts)}). Keep one.")
        if "train" in known:
            listing.ignored = [folder.name for folder in folders if folder not in known.values()]
            _list_parts(name, known, listing)
        elif known:
            found = f"{next(iter(known.values())).name}/"
            raise LemonadeError(f"{name}: there is {found} but no train/ with class folders. Add or rename one.")
        else:
            if not folders:
                raise LemonadeError(
                    f"{name}: expected a folder for each class with its images inside, found no folders."
                )
            listing.classes = tuple(folder.name for folder in folders)
            listing.parts["train"] = list(_list_classes(root, root, listing))
    except OSError as error:
        raise LemonadeError(f"{error.filename or name}: cannot be read ({error.strerror or error}).") from None
    return listing


class FolderSource:
    """The source for folders of images."""

    def load(self, name: str, settings: DataSettings, cache: Path | None, progress: Progress | None) -> Dataset:
        """See `lemonade.data.load_dataset`."""
        listing = list_folder(name)
        parts = _split(name, listing, settings)
        files = parts["train"] + parts["val"]
        notes = listing.notes()
        given = len(listing.parts.get("val", ()))
        if given > len(parts["val"]):
            notes.append(f"validation: {len(parts['val']):,} of the {given:,} images given")
        opener = file_opener([listing.root / image.path for image in files])
        side = settings.image_size or default_side(opener, len(files))
        whole, kept, note = _read(name, listing.root, files, side, None, settings, cache, progress)
        notes += [note] if note else []
        why = "" if settings.image_size else " (the median, at most 64; image_size sets another)"
        notes.append(f"images brought to {side}x{side} pixels{why}, {'grey' if whole.images.shape[1] == 1 else 'RGB'}")
        border = int(np.searchsorted(kept, len(parts["train"])))
        train = Split(whole.images[:border], whole.labels[:border])
        validation = Split(whole.images[border:], whole.labels[border:])
        for split, word in ((train, "training"), (validation, "validation")):
            check_counts(name, listing.classes, split.labels.numpy(), [word])  # some were perhaps unreadable
        mean, std = channel_statistics(train.images)
        return Dataset(
            name=name,
            train=train,
            validation=validation,
            test_images=len(parts["test"]),
            classes=listing.classes,
            mean=mean,
            std=std,
            flip=bool(settings.flip),
            split_hash=_hash(listing.root, parts),
            notes=tuple(notes),
            split_seed=settings.split_seed,
        )

    def load_test(self, name: str, settings: DataSettings, cache: Path | None, progress: Progress | None) -> Split:
        """See `lemonade.data.load_test`."""
        # size and channels follow from the other splits, whatever the test images look like
        channels, side, _ = self.load(name, settings, cache, progress).input_shape
        listing = list_folder(name)
        files = _split(name, listing, settings)["test"]
        return _read(name, listing.root, files, side, channels, settings, None, progress)[0]


def _list_parts(name: str, folders: dict[str, Path], listing: Listing) -> None:
    classes = {part: tuple(folder.name for folder in _subfolders(path)) for part, path in folders.items()}
    for part, found in classes.items():
        if found != classes["train"]:
            only = [f"'{label}' only in {folders['train'].name}/" for label in classes["train"] if label not in found]
            only += [f"'{label}' only in {folders[part].name}/" for label in found if label not in classes["train"]]
            more = f" and {len(only) - 5} more" if len(only) > 5 else ""
            raise LemonadeError(
                f"{name}: {folders['train'].name}/ and {folders[part].name}/ have different classes: "
                f"{', '.join(only[:5])}{more}. Both need the same class folders."
            )
    listing.classes = classes["train"]
    for part, folder in folders.items():
        listing.parts[part] = list(_list_classes(listing.root, folder, listing))


def _list_classes(root: Path, folder: Path, listing: Listing) -> Iterator[Image]:
    """Images of the class folders inside a folder, in order of class and path; counts what is passed over."""
    for label, name in enumerate(listing.classes):
        paths = []
        seen: set[str] = set()
        for place, folders, files in os.walk(folder / name, onerror=_fail, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:  # a link back to where we have been
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [inner for inner in folders if not _is_hidden(inner)]
            for file in files:
                if _is_hidden(file):
                    listing.hidden += 1
                elif Path(file).suffix.lower() not in EXTENSIONS:
                    listing.other += 1
                else:
                    paths.append(Path(place, file).relative_to(root).as_posix())
        yield from (Image(path, label) for path in sorted(paths))


def _subfolders(folder: Path) -> list[Path]:
    """Folders inside a folder that are not hidden, in order of name."""
    return sorted(path for path in folder.iterdir() if not _is_hidden(path.name) and path.is_dir())


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _fail(error: OSError) -> None:
    """Make `os.walk` raise what it would pass over."""
    raise error


def _split(name: str, listing: Listing, settings: DataSettings) -> dict[str, list[Image]]:
    """Images of each split; a function of paths, settings and seed, not of the order of the listing."""
    given = listing.parts
    pool = given["train"]
    words = ["training"] + ["validation"] * ("val" not in given) + ["test"] * ("test" not in given)
    check_counts(name, listing.classes, _labels(pool), words)
    parts = {}
    if "test" in given:
        check_counts(name, listing.classes, _labels(given["test"]), ["test"])
        parts["test"] = given["test"]
    else:
        chosen, rest = split_test(_labels(pool), settings)
        parts["test"], pool = [pool[i] for i in chosen], [pool[i] for i in rest]
    if "val" in given:
        check_counts(name, listing.classes, _labels(given["val"]), ["validation"])
        order = order_validation(name, _labels(given["val"]), settings)
        parts["train"], parts["val"] = pool, [given["val"][i] for i in order]
    else:
        chosen, rest = split_validation(name, _labels(pool), settings)
        parts["train"], parts["val"] = [pool[i] for i in rest], [pool[i] for i in chosen]
    return parts


def _labels(images: list[Image]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([image.label for image in images], dtype=np.int64)


def _read(
    name: str,
    root: Path,
    files: list[Image],
    side: int,
    channels: int | None,
    settings: DataSettings,
    cache: Path | None,
    progress: Progress | None,
) -> tuple[Split, np.ndarray[tuple[int], np.dtype[np.int64]], str]:
    """Decode files, or take them from the cache.

    Returns:
        The images that could be read, their positions in `files`, and a note (or an empty text).
    """
    notes = [""]
    paths = [image.path for image in files]

    def make() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.int64]]]:
        opener = file_opener([root / path for path in paths])
        images, failures = decode(opener, len(files), side, channels, progress)
        notes[0] = unreadable_note(name, paths, failures, settings.skip_unreadable)
        return {"images": images, "kept": np.delete(np.arange(len(files)), list(failures))}

    key = ["folder", str(root.resolve()), side, channels, _stamps(root, paths) if cache else None]
    arrays = cached(cache, key, ("images", "kept"), make)
    kept = arrays["kept"]
    missing = len(files) - len(kept)
    split = Split(torch.from_numpy(arrays["images"]), torch.from_numpy(_labels(files)[kept]))
    return split, kept, notes[0] or (f"{missing} unreadable images left out" if missing else "")
