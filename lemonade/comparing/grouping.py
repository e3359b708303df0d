"""Which runs belong together, what they are called, and whether they can be compared at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from lemonade.comparing.course import By, Course
from lemonade.config import Config
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.settings import flat, setting_names

APART = {"seed", "keep", "tensorboard", "plugins", "dataset", "workers", "device", "limits", "boxes"}
"""Settings in which runs of one method may differ, beside budgets: by `check_comparable` what matters is the same."""


@dataclass(frozen=True)
class Group:
    """Runs of one method with the same settings, seeds apart.

    Attributes:
        name: The method, and what tells it from others of the same method.
        courses: One a run, in order of seed.
    """

    name: str
    courses: tuple[Course, ...]

    @property
    def runs(self) -> list[Run]:
        """Its runs, in order of seed."""
        return [course.run for course in self.courses]

    @cached_property
    def seeds(self) -> list[int]:
        """Their seeds."""
        return [run.config.seed for run in self.runs]

    def least_end(self, by: By) -> float:
        """What all of its runs had spent at least."""
        return min(course.end[by] for course in self.courses)


def grouped(runs: Sequence[Run]) -> list[Group]:
    """Runs by method, in the order in which methods come first.

    Raises:
        LemonadeError: if there is none, one has no evaluation, two are the same run, or they differ in what makes their
            figures comparable: data, split, objectives, boxes, limits or how members are chosen; it lists what differs.
    """
    if not runs:
        raise LemonadeError("compare expects run folders, or --methods A,B,.. to run some.")
    for run in runs:
        if not any(run.point(name) is not None for name in run.evaluations):
            raise LemonadeError(f"{run.folder}: no network has been evaluated yet. Leave it out, or resume it.")
    check_comparable(runs)
    settings = [method_settings(run) for run in runs]
    together: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run, known in zip(runs, settings, strict=True):
        together.setdefault(tuple(known.items()), []).append(run)
    names = _names([dict(key) for key in together])
    groups = []
    for name, members in zip(names, together.values(), strict=True):
        ordered = sorted(members, key=lambda run: run.config.seed)
        for one, other in pairwise(ordered):
            if one.config.seed == other.config.seed:
                raise LemonadeError(
                    f"{one.folder} and {other.folder} are the same method with the same seed ({one.config.seed}): "
                    "leave one out, or give one another seed."
                )
        groups.append(Group(name, tuple([Course.of(run) for run in ordered])))
    return groups


def method_settings(run: Run) -> dict[str, str]:
    """All settings that tell methods apart, as text by dotted name."""
    return {
        name: value
        for name, value in flat_settings(run.config).items()
        if not name.startswith("budget.") and name not in APART
    }


def flat_settings(config: Config) -> dict[str, str]:
    """Settings by dotted name, as `--set` takes them."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in flat(config).items()}


def unusual_settings(config: Config) -> dict[str, str]:
    """Settings that are not the defaults, as `--set` takes them; the seed is left out."""
    usual = flat_settings(Config())
    return {name: value for name, value in flat_settings(config).items() if value != usual[name] and name != "seed"}


def check_comparable(runs: Sequence[Run]) -> None:
    """See that figures of all runs mean the same.

    Raises:
        LemonadeError: listing what differs from the first run.
    """
    first, expected = runs[0], _meaning(runs[0])
    for run in runs[1:]:
        differs = [
            f"{name} ({expected[name]} against {value})"
            for name, value in _meaning(run).items()
            if value != expected[name]
        ]
        if differs:
            raise LemonadeError(
                f"{first.folder} and {run.folder} can't be compared: they differ in {'; '.join(differs)}."
            )


def machine_differences(runs: Sequence[Run]) -> list[str]:
    """In what of the machine runs differ: what their seconds depend on."""
    found = []
    for name, value in MACHINE.items():
        values = sorted({str(value(run)) for run in runs})
        if len(values) > 1:
            found.append(f"{name} ({', '.join(values)})")
    return found


MACHINE: dict[str, Callable[[Run], object]] = {
    "processor": lambda run: run.environment.get("processor"),
    "cores": lambda run: run.environment.get("usable_cores"),
    "accelerators": lambda run: ", ".join(run.environment.get("accelerators") or ()) or "none",
    "PyTorch": lambda run: run.environment.get("packages", {}).get("torch"),
    "lemonade": lambda run: run.environment.get("lemonade"),
    "workers": lambda run: run.config.workers,
    "device": lambda run: run.config.device,
}


def _meaning(run: Run) -> dict[str, str]:
    facts = run.facts
    shape = "x".join(map(str, facts.input_shape))
    return {
        "data": f"{facts.name}, {facts.train} training and {facts.validation} validation images of {shape}",
        "split": str(facts.split_hash)[:12],
        "objectives": ", ".join(run.objective_names),
        "boxes of the hypervolume": ", ".join(
            [f"{one.name} {one.box[0]:g} to {one.box[1]:g}" for one in run.objectives]
        ),
        "limits": ", ".join([f"{name} <= {most:g}" for name, most in run.config.limits.items()]) or "none",
        "choice": "by smoothed error" if run.smoothed else "by plain error",
    }


_WHOLE = re.compile(r"\.0\b")
"""What JSON puts behind numbers that are whole."""


def _names(settings: Sequence[Mapping[str, str]]) -> list[str]:
    usual, names = flat_settings(Config()), []
    for known in settings:
        alike = [other for other in settings if other["method"] == known["method"]]
        telling = [
            f"{_short(name)}={_WHOLE.sub('', value)}"
            for name, value in known.items()
            if value != usual[name] and len({other[name] for other in alike}) > 1
        ]
        names.append(" ".join([known["method"], *telling]))
    return names


def _short(name: str) -> str:
    """A setting's name without its section, if no other is called so."""
    last = name.rpartition(".")[2]
    return last if sum(one.rpartition(".")[2] == last for one in setting_names()) == 1 else name
