"""What lies in a folder of images per class. Nothing is opened here, only listed.

Understood are ``DIR/<class>/...`` and ``DIR/train/<class>/...`` with optional ``test/`` and ``val/`` (also ``valid/``,
``validation/``) beside it. Folders inside a class belong to it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lemonade.errors import LemonadeError
from lemonade.files import is_text

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif"),
    *(".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
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
    other: Counter[str] = field(default_factory=Counter)  # by what their names end in


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
            twice = ", ".join(f"{folder.name}/" for part, folder in parts.items() if _PARTS[part] == "val")
            raise LemonadeError(f"{name}: more than one folder for validation ({twice}). Keep one.")
        if "train" in known:
            listing.ignored = [folder.name for folder in folders if folder not in known.values()]
            _list_parts(name, known, listing)
        elif known:
            found = f"{next(iter(known.values())).name}/"
            raise LemonadeError(f"{name}: there is {found} but no train/ with class folders. Add or rename one.")
        elif not folders:
            raise LemonadeError(f"{name}: expected a folder for each class with its images inside, found no folders.")
        else:
            listing.classes = tuple(folder.name for folder in folders)
            listing.parts["train"] = list(_list_classes(root, root, listing))
    except OSError as error:
        raise LemonadeError(f"{error.filename or name}: cannot be read ({error.strerror or error}).") from None
    for label in listing.classes:
        if not is_text(label):
            raise LemonadeError(f"{name}: the name of the class folder {label!r} is not UTF-8. Rename it.")
    return listing


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
    classes = {os.path.realpath(folder / name) for name in listing.classes}
    for label, name in enumerate(listing.classes):
        # strings: `Path` objects cost more than all else that is done with 50,000 files
        start, prefix = str(folder / name), (folder / name).relative_to(root).as_posix()
        paths = []
        seen: set[str] = set()
        for place, folders, files in os.walk(start, onerror=_fail, followlinks=True):
            real = os.path.realpath(place)
            if real in seen or _leads_away(place, real, start, classes):  # or back to where we have been
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [inner for inner in folders if not _is_hidden(inner)]
            for file in files:
                if _is_hidden(file):
                    listing.hidden += 1
                elif not file.lower().endswith(EXTENSIONS) or _is_special(f"{place}/{file}"):
                    listing.other[os.path.splitext(file)[1].lower() or "no ending"] += 1  # noqa: PTH122
                else:
                    paths.append(f"{prefix}{place[len(start) :]}/{file}".replace(os.sep, "/"))
        yield from (Image(path, label) for path in sorted(paths))


def _leads_away(place: str, real: str, start: str, classes: set[str]) -> bool:
    """Whether a folder inside a class (or the class itself, at `start`) is a link to other classes' images."""
    if not os.path.islink(place):  # noqa: PTH114
        return False
    inside = real.rstrip(os.sep) + os.sep
    return (place != start and real in classes) or any(other.startswith(inside) for other in classes)


def _is_special(path: str) -> bool:
    """Whether a path is a pipe, socket or device, which may look like an image and never end."""
    # os.path: `Path` objects cost more than all else that is done with 50,000 files
    return not os.path.isfile(path) and os.path.exists(path)  # noqa: PTH110, PTH113


def _subfolders(folder: Path) -> list[Path]:
    """Folders inside a folder that are not hidden, in order of name."""
    return sorted(path for path in folder.iterdir() if not _is_hidden(path.name) and path.is_dir())


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _fail(error: OSError) -> None:
    """Make `os.walk` raise what it would pass over."""
    raise error
