"""Decoded images on disk, so that resuming and worker processes need not decode again.

A cache entry is a folder of plain `.npy` files, written aside and then renamed, so a half-written one is never seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_FORMAT = 1  # raise when decoding changes what is stored


def cache_folder() -> Path | None:
    """Where decoded images are kept between runs: ``$LEMONADE_CACHE``, or the user's cache folder; None without one."""
    with contextlib.suppress(RuntimeError):  # a user without a home
        if given := os.environ.get("LEMONADE_CACHE"):
            return Path(given).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lemonade" / "decoded"
    return None


def cached(
    cache: Path | None, key: object, names: Sequence[str], make: Callable[[], dict[str, Array]]
) -> dict[str, Array]:
    """Take arrays from the cache, or make them and put them there.

    A cache that cannot be read or written costs time and nothing else, so it never ends a run.

    Args:
        cache: Folder of all entries; None makes the arrays.
        key: Anything that goes to JSON; all that the arrays depend on.
        names: Of the arrays.
        make: Makes the arrays by name.

    Returns:
        The arrays; from the cache they are mapped copy-on-write, so that processes share the memory and writing to
        them does not reach the file.
    """
    if cache is None:
        return make()
    text = json.dumps([_FORMAT, key])
    entry = cache / hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    try:
        return {name: np.load(entry / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names}
    except (OSError, ValueError, EOFError):  # not there, or cut off
        arrays = make()
        _write(entry, arrays)
        return arrays


def _write(entry: Path, arrays: dict[str, Array]) -> None:
    partial = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=entry.parent))
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array, allow_pickle=False)
        shutil.rmtree(entry, ignore_errors=True)  # a damaged one
        partial.rename(entry)  # fails if another process was faster, and then its entry is as good
    except OSError:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
