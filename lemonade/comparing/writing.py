"""What a comparison leaves behind: one page, its pictures, tables for a spreadsheet, and all figures as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from lemonade.comparing.comparison import Comparison
from lemonade.comparing.page import page
from lemonade.comparing.pictures import pictures
from lemonade.comparing.rows import curve_rows, run_rows
from lemonade.files import make_folder, write_whole

ADVICE = "Choose another folder."
PAGE, RUNS, CURVES, SUMMARY = "comparison.html", "runs.csv", "curves.csv", "summary.json"


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write page, pictures and tables into a folder, which is made if need be.

    Returns:
        The files.

    Raises:
        LemonadeError: if one cannot be written; none is left half written.
    """
    images = []
    written: dict[str, bytes] = {}
    for name, caption, figure in pictures(comparison):
        memory = io.BytesIO()
        figure.savefig(memory, format="png")
        written[f"{name}.png"] = memory.getvalue()
        images.append((caption, memory.getvalue()))
    written[RUNS] = _csv(run_rows(comparison))
    written[CURVES] = _csv(curve_rows(comparison))
    written[SUMMARY] = (json.dumps(comparison.to_json(), indent=1, allow_nan=False) + "\n").encode()
    written[PAGE] = page(comparison, images).encode()
    make_folder(folder, ADVICE)
    for name, content in written.items():
        write_whole(folder / name, content, ADVICE)
    return [folder / name for name in written]


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
