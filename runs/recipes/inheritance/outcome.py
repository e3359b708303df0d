"""What a study leaves behind: tables, and what they came from."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lemonade.environment import environment


def write_table(rows: Sequence[dict[str, Any]], path: Path, without: Sequence[str] = ()) -> None:
    """A CSV line a row, with the columns of all rows but those `without`."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in without))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_origin(out: Path, **more: Any) -> None:
    """`origin.json`: the command's arguments, the code's commit, the packages and the processor, and whatever more."""
    kept = {"arguments": sys.argv[1:], **environment(), **more}
    (out / "origin.json").write_text(json.dumps(kept, indent=1) + "\n")
