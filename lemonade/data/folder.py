"""The source for folders of images per class: which image goes where, and reading them.

What the images of the test part show is seen by `load_test` alone; before, they are listed, and decoded to know that
each can be.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from lemonade.config import FIT_WORDS, DataSettings
from lemonade.data.base import Dataset, Request, Split, channel_statistics
from lemonade.data.cache import Array, cached
from lemonade.data.decode import check_failures, decode, default_side, file_opener, undecodable
from lemonade.data.listing import Image, Listing, list_folder
from lemonade.data.splits import (
    Integers,
    check_counts,
    hash_splits,
    limit_train,
    order_validation,
    split_test,
    split_validation,
)


class FolderSource:
    """The source for folders of images."""

    def load(self, request: Request) -> Dataset:
        """All but the test images; see `lemonade.data.load_dataset`."""
        name, settings = request.name, request.settings
        listing = list_folder(name)
        parts = _split(name, listing, settings)
        train, validation, notes = self._read_splits(request, listing, parts)
        for split, word in ((train, "training"), (validation, "validation")):
            check_counts(name, listing.classes, split.labels.numpy(), [word])  # some were perhaps unreadable
        channels, side, _ = train.images.shape[1:]
        test = _decodable(request, listing.root, parts["test"], side, channels)
        check_counts(name, listing.classes, _labels(parts["test"])[test], ["test"])
        mean, std = channel_statistics(train.images)
        return Dataset(
            name=name,
            train=train,
            validation=validation,
            test_images=len(test),
            classes=listing.classes,
            mean=mean,
            std=std,
            flip=bool(settings.flip),
            split_hash=_hash(listing.root, parts),
            notes=(*_notes(listing, parts), *_left_out(parts["test"], test, "test image"), *notes),
            split_seed=settings.split_seed,
            decoded=True,
        )

    def load_test(self, request: Request) -> Split:
        """The test images; see `lemonade.data.load_test`."""
        # size and channels follow from the other splits, whatever the test images look like
        channels, side, _ = self.load(request).input_shape
        listing = list_folder(request.name)
        files = _split(request.name, listing, request.settings)["test"]
        return _read(request, listing.root, files, side, channels)[0]

    @staticmethod
    def _read_splits(
        request: Request, listing: Listing, parts: Mapping[str, list[Image]]
    ) -> tuple[Split, Split, list[str]]:
        """Training and validation split and notes; decoded together, so that together they are all grey or not."""
        files = [*parts["train"], *parts["val"]]
        asked = request.settings.image_size
        side = asked or default_side(file_opener([f"{listing.root}/{image.path}" for image in files]), len(files))
        whole, kept = _read(request, listing.root, files, side, None)
        border = int(np.searchsorted(kept, len(parts["train"])))
        notes = _left_out(files, kept, "image")
        why = "" if asked else " (the median, at most 64; image_size sets another)"
        colours = "grey" if whole.images.shape[1] == 1 else "RGB"
        notes.append(f"images brought to {side}x{side}{why}, {colours}, {FIT_WORDS[request.settings.fit]}")
        train = Split(whole.images[:border], whole.labels[:border])
        return train, Split(whole.images[border:], whole.labels[border:]), notes


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
        parts["val"] = [given["val"][i] for i in order]
    else:
        chosen, rest = split_validation(name, _labels(pool), settings)
        pool, parts["val"] = [pool[i] for i in rest], [pool[i] for i in chosen]
    parts["train"] = [pool[i] for i in limit_train(name, _labels(pool), settings)]
    return parts


def _labels(images: Sequence[Image]) -> Integers:
    return np.array([image.label for image in images], dtype=np.int64)


def _read(
    request: Request, root: Path, files: Sequence[Image], side: int, channels: int | None
) -> tuple[Split, Integers]:
    """Decode files, or take them from the cache: the images that could be read and their positions in `files`."""
    opener = file_opener([f"{root}/{image.path}" for image in files])

    def make() -> dict[str, Array]:
        images, failures = decode(opener, len(files), side, request.settings.fit, channels, request.progress)
        return {"images": images, "kept": _kept(request, files, failures)}

    key = _key("folder", request, root, files, side, channels)
    arrays = cached(request.cache, key, ("images", "kept"), make)
    kept = np.asarray(arrays["kept"])
    return Split(torch.from_numpy(arrays["images"]), torch.from_numpy(_labels(files)[kept])), kept


def _decodable(request: Request, root: Path, files: Sequence[Image], side: int, channels: int) -> Integers:
    """Positions of the files that `_read` will be able to read; it refuses the same ones in the same words."""
    opener = file_opener([f"{root}/{image.path}" for image in files])

    def make() -> dict[str, Array]:
        failures = undecodable(opener, len(files), side, request.settings.fit, channels, request.progress)
        return {"kept": _kept(request, files, failures)}

    key = _key("decodable", request, root, files, side, channels)
    return np.asarray(cached(request.cache, key, ("kept",), make)["kept"])


def _kept(request: Request, files: Sequence[Image], failures: Mapping[int, str]) -> Integers:
    """Positions of the files without failures, if there may be any."""
    check_failures(request.name, [image.path for image in files], failures, request.settings.skip_unreadable)
    return np.delete(np.arange(len(files)), list(failures))


def _key(
    kind: str, request: Request, root: Path, files: Sequence[Image], side: int, channels: int | None
) -> list[object]:
    """All that decoded files depend on; nothing where there is no cache, since looking at each takes its time."""
    if request.cache is None:
        return []
    paths, settings = [image.path for image in files], request.settings
    stamps = [_stamp(root, path) for path in paths]
    return [kind, str(root.resolve()), paths, stamps, side, settings.fit, channels, settings.skip_unreadable]


def _left_out(files: Sequence[Image], kept: Integers, what: str) -> list[str]:
    """A sentence on the files that are not among the kept positions, if there are any."""
    paths = [files[position].path for position in np.setdiff1d(np.arange(len(files)), kept)]
    if not paths:
        return []
    plural, more = "s" if len(paths) > 1 else "", ", ..." if len(paths) > 10 else ""
    return [f"{len(paths):,} unreadable {what}{plural} left out: {', '.join(paths[:10])}{more}"]


def _stamp(root: Path, path: str) -> tuple[int, int, int]:
    """Size of a file and when it and its permissions changed, which tell whether it is still the same.

    Decoding reports a missing one.
    """
    try:
        stat = os.stat(f"{root}/{path}")  # noqa: PTH116 (four times as fast as by way of Path)
    except OSError:
        return -1, -1, -1
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hash(root: Path, parts: Mapping[str, Sequence[Image]]) -> str:
    """Hash of the splits; an image is its path and size, so that copies of the folder give the same."""
    return hash_splits(
        {
            part: [os.fsencode(f"{image.path}:{_stamp(root, image.path)[0]}") for image in parts[part]]
            for part in ("train", "val", "test")
        }
    )


def _notes(listing: Listing, parts: Mapping[str, Sequence[Image]]) -> list[str]:
    """Sentences about what of the folder is not used."""
    notes = []
    if listing.hidden:
        notes.append(f"{listing.hidden:,} hidden file{'s' if listing.hidden > 1 else ''} skipped")
    if count := listing.other.total():
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in listing.other.most_common(5))
        plural = "s that are no images" if count > 1 else " that is no image"
        notes.append(f"{count:,} file{plural} of a class skipped ({kinds})")
    if listing.ignored:
        notes.append(f"folders beside train/ ignored: {', '.join(listing.ignored)}")
    given = len(listing.parts.get("val", ()))
    if given > len(parts["val"]):
        notes.append(f"validation: {len(parts['val']):,} of the {given:,} images given")
    return notes
