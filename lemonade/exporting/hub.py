"""Exported files laid out in a folder as model hubs expect them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lemonade.errors import LemonadeError
from lemonade.files import writing

CARD = "README.md"
_ASIDE = ".lemonade-partial"


class HubFolder:
    """A new or empty folder that gets all files at once at the end; none if one of them cannot be copied.

    A context manager: until it is left, copies lie aside in there.

    Args:
        folder: Where to.
        alone: Whether the files of a single network lie in it; else there is a folder for each.

    Raises:
        LemonadeError: if it holds files: a card of one network beside weights of another would mislead.
    """

    def __init__(self, folder: Path, alone: bool) -> None:
        if folder.exists() and (not folder.is_dir() or any(path.name != _ASIDE for path in folder.iterdir())):
            what = "it holds some" if folder.is_dir() else "it is a file"
            raise LemonadeError(
                f"{folder}: expected a new or an empty folder for the files, and {what}. Choose another."
            )
        self._folder = folder
        self._aside = folder / _ASIDE
        self._alone = alone
        self._failed = False

    def __enter__(self) -> Self:
        shutil.rmtree(self._aside, ignore_errors=True)  # of a process that was killed
        return self

    def add(self, source: Path, files: Sequence[str], card: str) -> None:
        """Copy a network's files, and its card; nothing once a copy has failed.

        Args:
            source: The folder that they lie in, called as the network.
            files: Their names.
            card: A text.

        Raises:
            LemonadeError: if they cannot be written.
        """
        if self._failed:
            return
        target = self._aside if self._alone else self._aside / source.name
        try:
            with writing(self._folder, f"Nothing was left there; {source} is whole."):
                target.mkdir(parents=True, exist_ok=True)
                for name in files:
                    shutil.copyfile(source / name, target / name)
                (target / CARD).write_text(card, encoding="utf-8")
        except LemonadeError:
            self._failed = True
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._failed and self._aside.exists():
                with writing(self._folder, "What was exported is whole."):
                    for path in list(self._aside.iterdir()):
                        path.rename(self._folder / path.name)
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)
