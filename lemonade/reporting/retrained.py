"""What a reader is told of long trainings and the test images that they opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lemonade import numbers
from lemonade.errors import LemonadeError
from lemonade.retraining import START_KINDS, Training, all_retrained, rank, retrained, spread_text
from lemonade.runfolder import MODELS, RETRAINED

if TYPE_CHECKING:
    from lemonade.history import Run


def retrained_lines(run: Run, name: str) -> list[str]:
    """The test errors of a network from either start and each length, a line each; none if it was not retrained.

    Raises:
        LemonadeError: naming the file, if a record is damaged.
    """
    groups, test, lines = all_retrained(run, name), numbers.count(run.facts.test), []
    for group in groups:
        told = group.to_json()
        length = f" on {numbers.count(group.examples)} images" if len(groups) > 1 else ""
        for start, words in START_KINDS.items():
            spread = told.get(start, {}).get("test")
            if spread and spread["seeds"]:
                seeds = numbers.quantity(spread["seeds"], "seed")
                lines.append(f"from {words}{length}: test error {spread_text(spread)} ({seeds}, {test} test images)")
            elif spread:
                lines.append(f"from {words}{length}: the test images have not been opened yet, or all trainings failed")
    return lines


def tested(run: Run, damaged: Callable[[str], None]) -> dict[str, Training]:
    """By id, the chosen long training of each network that has read the test images, the best on validation first.

    `damaged` is called with a line on each network whose records cannot be read; it is left out.
    """
    read: dict[str, Training] = {}
    for folder in sorted((run.folder / MODELS).glob(f"*/{RETRAINED}")):
        name = folder.parent.name
        try:
            group = retrained(run, name)
        except LemonadeError as error:
            damaged(str(error))
            continue
        if group is not None and group.chosen is not None and group.chosen.test is not None:
            read[name] = group.chosen
    return dict(sorted(read.items(), key=lambda item: rank(vars(item[1]), run.smoothed)))


def tested_sentence(run: Run, damaged: Callable[[str], None]) -> str:
    """The test error of the network that does best on the validation images; empty if none was retrained."""
    found = tested(run, damaged)
    if not found:
        return ""
    (name, best), images = next(iter(found.items())), run.facts.test
    among = f"; best on validation images of {len(found)} retrained" if len(found) > 1 else ""
    error = numbers.share(best.test or 0.0, images)
    return f"{name}: {error} on {numbers.count(images)} test images, retrained {best.origin}{among}"
