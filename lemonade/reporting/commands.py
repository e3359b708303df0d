"""Command lines that a person can paste, wherever they are shown."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def command(*words: str | Path) -> str:
    """A `lemonade` command line that can be pasted into a shell."""
    return " ".join(["lemonade", *[shlex.quote(str(word)) for word in words]])


def short_path(path: Path) -> Path:
    """The path as a person would type it: relative where it lies below the current folder."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return path
    return path if relative.startswith("..") else Path(relative)
