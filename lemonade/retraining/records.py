"""Long trainings of a network as they lie in `models/ID/retrained/`: read without torch or the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from lemonade.records import read_record, write_record
from lemonade.runfolder import MODELS, RETRAINED, SEARCHED

if TYPE_CHECKING:
    from lemonade.history import Run
    from lemonade.members import Member

START_KINDS = {"inherited": "the search's weights", "scratch": "fresh weights"}
"""What a training starts from, and how people are told."""
KEPT = "What was trained before is kept; the same command goes on from there."


@dataclass(frozen=True)
class Training:
    """One training of one network.

    Attributes:
        start: One of `START_KINDS`.
        seed: 1, 2, ...
        examples: Training images it was to see.
        seconds: Wall time on its worker.
        device: Where it ran.
        error: Share of wrong validation images; None if the training failed.
        error_smoothed: One minus the mean probability of their true class.
        test: Share of wrong test images; None until they are opened.
        message: What went wrong; empty if nothing did.
        sha256: Of its weights' file; None if there is none, or an earlier version did not write it down.
    """

    start: str
    seed: int
    examples: int
    seconds: float
    device: str
    error: float | None = None
    error_smoothed: float | None = None
    test: float | None = None
    message: str = ""
    sha256: str | None = None

    @property
    def name(self) -> str:
        """``"69000-scratch-1"``: what its files are called."""
        return training_name(self.examples, self.start, self.seed)

    @property
    def origin(self) -> str:
        """``"from fresh weights, seed 1"``."""
        return f"from {START_KINDS[self.start]}, seed {self.seed}"

    def save(self, folder: Path) -> None:
        """Write it down; the file appears whole or not at all."""
        write_record(folder / f"{self.name}.json", asdict(self), KEPT)


@dataclass(frozen=True)
class Retrained:
    """All trainings of one network that saw the same number of images.

    Attributes:
        folder: Where they lie.
        trainings: In order of start and seed.
        smoothed: Whether the run's members are ranked by the smoothed error.
    """

    folder: Path
    trainings: tuple[Training, ...]
    smoothed: bool

    def readings(self, start: str, of: str) -> list[float]:
        """Values of ``"error"``, ``"error_smoothed"`` or ``"test"`` by seed.

        Of the trainings from such a start that did not fail.
        """
        found = [getattr(one, of) for one in self.trainings if one.start == start]
        return [value for value in found if value is not None]

    @property
    def examples(self) -> int:
        """Training images that each was to see."""
        return self.trainings[0].examples

    @property
    def chosen(self) -> Training | None:
        """The training that ranks first by validation images; None if all failed."""
        whole = [one for one in self.trainings if one.error is not None and one.error_smoothed is not None]
        return min(whole, key=lambda one: rank(vars(one), self.smoothed), default=None)

    @property
    def weights(self) -> Path | None:
        """Weights of the chosen one."""
        return self.folder / f"{self.chosen.name}.safetensors" if self.chosen else None

    @property
    def has_spread(self) -> bool:
        """Whether any start was trained from more than one seed."""
        return any(len(self.readings(start, "error")) > 1 for start in START_KINDS)

    def to_json(self) -> dict[str, Any]:
        """Mean, standard deviation and number of seeds of each reading, and all trainings."""
        starts = {
            start: {of: spread(self.readings(start, of)) for of in ("error", "error_smoothed", "test")}
            for start in START_KINDS
            if any(one.start == start for one in self.trainings)
        }
        chosen = self.chosen.name if self.chosen else None
        return {**starts, "chosen": chosen, "trainings": [asdict(one) for one in self.trainings]}


def rank(values: Mapping[str, float], smoothed: bool) -> tuple[float, float]:
    """What weights are compared by, less is better: the reading that members are ranked by, then the plain error."""
    return values["error_smoothed" if smoothed else "error"], values["error"]


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean, standard deviation (None for fewer than two) and number of values."""
    return {
        "mean": fmean(values) if values else None,
        "deviation": stdev(values) if len(values) > 1 else None,
        "seeds": len(values),
    }


def spread_text(told: dict[str, Any] | None) -> str:
    """What `spread` gives, for a table: ``"0.0139 ± 0.0012"``; a dash for nothing."""
    if told is None or told["mean"] is None:
        return "-"
    more = "" if told["deviation"] is None else f" ± {told['deviation']:.4f}"
    return f"{told['mean']:.4f}{more}"


def retrained_folder(run_folder: Path, model: str) -> Path:
    """Where the trainings of a network of a run lie."""
    return run_folder / MODELS / model / RETRAINED


def training_name(examples: int, start: str, seed: int) -> str:
    """What the files of a training are called."""
    return f"{examples}-{start}-{seed}"


def all_retrained(run: Run, model: str) -> tuple[Retrained, ...]:
    """The trainings of a network of a run by the number of images that they saw, the longest first.

    Raises:
        LemonadeError: naming the file, if one is damaged.
    """
    folder = retrained_folder(run.folder, model)
    by_length: dict[int, list[Training]] = {}
    for path in sorted(folder.glob("*.json")):
        training = read_training(path)
        by_length.setdefault(training.examples, []).append(training)
    return tuple(
        Retrained(folder, tuple(sorted(by_length[examples], key=lambda one: (one.start, one.seed))), run.smoothed)
        for examples in sorted(by_length, reverse=True)
    )


def retrained(run: Run, model: str, examples: int | None = None) -> Retrained | None:
    """The trainings of a network of a run that saw so many images, by default the longest; None if there are none.

    Raises:
        LemonadeError: naming the file, if one is damaged.
    """
    return next((one for one in all_retrained(run, model) if examples in (None, one.examples)), None)


def read_training(path: Path) -> Training:
    """The record of one training.

    Raises:
        LemonadeError: naming the file, if it is damaged.
    """
    return read_record(path, lambda told: _checked(Training(**told), path.stem), "that training is done again")


@dataclass(frozen=True)
class Searched:
    """What the weights that a search left do on the test images.

    Attributes:
        sha256: Of their file.
        test: Share of wrong test images.
    """

    sha256: str | None
    test: float

    def save(self, member: Member) -> None:
        """Write it down; the file appears whole or not at all."""
        write_record(_searched_path(member), asdict(self), KEPT)


def searched_test(member: Member) -> float | None:
    """The test error of the weights that the search left; None until a retraining has opened the test images.

    Raises:
        LemonadeError: naming the file, if it is damaged.
    """
    path = _searched_path(member)
    if not path.exists():
        return None

    def known(told: dict[str, Any]) -> Searched:
        found = Searched(**told)
        _check_error(found.test)
        return found

    found = read_record(path, known, "retrain again")
    return found.test if found.sha256 == member.evaluation.sha256 else None


def _searched_path(member: Member) -> Path:
    return member.folder / MODELS / member.id / SEARCHED


def _checked(training: Training, name: str) -> Training:
    """Raise a ValueError for values that no training has."""
    if training.start not in START_KINDS or training.name != name:
        raise ValueError(f"it tells of '{training.name}'")
    for value in (training.error, training.error_smoothed, training.test):
        if value is not None:
            _check_error(value)
    return training


def _check_error(value: Any) -> None:
    if not (isinstance(value, (int, float)) and 0 <= value <= 1):
        raise ValueError(f"expected errors from 0 to 1, got {value!r}")
