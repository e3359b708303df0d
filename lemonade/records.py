"""Small JSON files beside a journal: written whole, and read with one clear line for what is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lemonade.errors import LemonadeError
from lemonade.files import write_whole

Record = TypeVar("Record")


def read_record(path: Path, make: Callable[[Any], Record], cure: str) -> Record:
    """What `make` makes of a file's JSON; it raises KeyError, TypeError or ValueError for what cannot be.

    Args:
        path: The file.
        make: Gets what the JSON holds.
        cure: What happens once the file is deleted, for the error: ``"it is trained again"``.

    Raises:
        LemonadeError: naming the file, if it cannot be read or is damaged.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise ValueError(f"expected a JSON object, got {str(told)[:40]}")
        return make(told)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LemonadeError(f"{path}: cannot be read ({error}). Delete it, and {cure}.") from None


def write_record(path: Path, record: Mapping[str, Any], advice: str) -> None:
    """Write a file that `read_record` reads; `advice` as in `lemonade.files.writing`.

    Raises:
        LemonadeError: if it cannot be written.
    """
    write_whole(path, json.dumps(record, indent=1) + "\n", advice)
