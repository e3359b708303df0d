"""Reference networks as they lie in a run folder: read without torch or the data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from lemonade.files import make_folder
from lemonade.records import read_record, write_record
from lemonade.runfolder import REFERENCES

NAMES = ("shufflenet_v2_x0_5", "mobilenet_v3_small", "resnet18")
"""Networks of torchvision that stand for small, usual and large."""


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
    paths = (run_folder / REFERENCES).glob("*.json")
    found = [read_record(path, lambda told: Reference(**told), "it is trained again") for path in paths]
    return sorted(found, key=lambda one: (one.params, one.name))


def write_reference(run_folder: Path, one: Reference) -> None:
    """Keep a reference with its run.

    Raises:
        LemonadeError: if it cannot be written.
    """
    path = run_folder / REFERENCES / f"{one.name}.json"
    make_folder(path.parent, "The others are kept.")
    write_record(path, asdict(one), "The others are kept.")
