"""Reference networks as they lie in a run folder: read without torch or the data set."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lemonade.errors import LemonadeError
from lemonade.journal import write_whole, writing

NAMES = ("shufflenet_v2_x0_5", "mobilenet_v3_small", "resnet18")
"""Networks of torchvision that stand for small, usual and large."""
FOLDER = "references"


@dataclass(frozen=True)
class Reference:
    """One hand-designed network, trained.

    Attributes:
        name: As torchvision calls it.
        params: All its parameters.
        flops: Multiply-adds of one image, counted by fvcore.
        examples: Training images it saw.
        error: Share of wrong validation images.
        error_smoothed: One minus the mean probability of their true class.
        seconds: Wall time of its training.
        device: Where it ran.
    """

    name: str
    params: int
    flops: int
    examples: int
    error: float
    error_smoothed: float
    seconds: float
    device: str


def read_references(run_folder: Path) -> list[Reference]:
    """The references of a run that have been trained, smallest first.

    Raises:
        LemonadeError: naming the file, if one is damaged.
    """
    found = []
    for path in (run_folder / FOLDER).glob("*.json"):
        try:
            found.append(Reference(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError) as error:
            raise LemonadeError(f"{path}: cannot be read ({error}). Delete it, and it is trained again.") from None
    return sorted(found, key=lambda one: (one.params, one.name))


def write_reference(run_folder: Path, one: Reference) -> None:
    """Keep a reference with its run.

    Raises:
        LemonadeError: if it cannot be written.
    """
    path = run_folder / FOLDER / f"{one.name}.json"
    with writing(path, "The others are kept."):
        path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(asdict(one), indent=1) + "\n", "The others are kept.")
