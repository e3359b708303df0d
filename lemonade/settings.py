"""Making settings: from a YAML file, ``--set`` and keywords to one checked `Config`, and back to text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic import BaseModel

from lemonade.config import DEFAULT_SECONDS, BudgetSettings, Config, Settings, named_space
from lemonade.errors import LemonadeError
from lemonade.numbers import parsed
from lemonade.settings_text import expected, read_yaml

# Names that a person types without their section: `lemonade.search(time="60s")` and `--time 60s` mean budget.time.
SHORT = {
    "evaluations": "budget.evaluations",
    "examples": "budget.examples",
    "time": "budget.time",
    "child_examples": "training.child_examples",
    "image_size": "data.image_size",
    "flip": "data.flip",
    "skip_unreadable": "data.skip_unreadable",
    "inherit": "search.inherit",
    "limit": "limits",
}
BY_OBJECTIVE = ("limits.", "boxes.")
MOST_SEEDS = 10_000
"""What is typed beyond is a slip."""
SECTIONS = ("space", "budget", "data", "search", "selection", "training", "latency")


def with_budget(config: Config) -> Config:
    """The same settings, with ten minutes if they have no budget."""
    if config.budget != BudgetSettings():
        return config
    return config.model_copy(update={"budget": BudgetSettings(time=DEFAULT_SECONDS)})


def setting_names(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Dotted names of all settings, in the order they are defined."""
    names = []
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Settings):
            names += setting_names(kind, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def flat(config: Config) -> dict[str, Any]:
    """All settings by dotted name, as plain values."""
    dumped, found = config.model_dump(mode="json"), {}
    for name in setting_names():
        value: Any = dumped
        for part in name.split("."):
            value = value[part]
        found[name] = value
    return found


def differing(one: Config, other: Config) -> list[str]:
    """Dotted names of the settings that two configs have otherwise, those of the budget aside."""
    mine, theirs = flat(one), flat(other)
    return [name for name in mine if mine[name] != theirs[name] and not name.startswith("budget.")]


def dotted(name: str, value: object = None) -> str:
    """The name of a setting in full: ``"budget.time"`` for ``"time"`` (see `SHORT`); ``space`` with a name is it."""
    return "space.name" if name == "space" and not isinstance(value, Mapping) else SHORT.get(name, name)


def make_config(file: str | Path | None = None, settings: Mapping[str, Any] | None = None) -> Config:
    """Read a YAML file, lay settings over it and check the whole.

    Args:
        file: A YAML file with the sections of `Config`; None starts from the defaults.
        settings: Dotted or short names (see `SHORT`) to values; None, as YAML's null, undoes what the file says.

    Raises:
        LemonadeError: for a file that cannot be read, an unknown name or a value out of range, naming file and line.
    """
    tree, lines, source = read_yaml(Path(file)) if file is not None else ({}, {}, "")
    if "space" in tree:
        tree["space"] = named_space(tree["space"])
    for name in [name for name in tree if isinstance(name, str) and "." in name]:
        _put(tree, name, tree.pop(name))  # `search.children: 4` means what --set search.children=4 does
    for short, value in (settings or {}).items():
        name = dotted(short, value)
        lines.pop(name, None)  # what is wrong with it then is not the file's fault
        _put(tree, name, value)
    return _checked(tree, lines, source)


def new_budget(*, evaluations: object = None, examples: object = None, time: object = None) -> BudgetSettings | None:
    """The new totals of a run that goes on; None if none is given.

    Raises:
        LemonadeError: for a value out of range.
    """
    totals = given({"evaluations": evaluations, "examples": examples, "time": time})
    return make_config(settings=totals).budget if totals else None


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of keyword arguments that somebody gave: None stands for the others."""
    return {name: value for name, value in settings.items() if value is not None}


def check_series(seeds: int, settings: Mapping[str, Any]) -> None:
    """See that runs can be made that differ in method and seed, from 1 to `seeds`, and have these settings in common.

    Raises:
        LemonadeError: for a number of seeds that is none, and for settings that each run has of its own.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise LemonadeError(f"seeds: expected a whole number from 1 to {MOST_SEEDS:,}, got {seeds}.")
    for own in ("method", "seed"):
        if own in settings:
            raise LemonadeError(f"{own}: each run has one of its own. Give methods and how many seeds in its place.")


def dump_config(config: Config) -> str:
    """YAML text of all settings, defaults included, so that a run says what it ran with."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split ``key=value`` of `--set`; the value is read as YAML, so ``2``, ``true`` and ``[a, b]`` mean what they say.

    Raises:
        LemonadeError: if there is no key, no ``=``, or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise LemonadeError(f"--set expects key=value, got '{text}'. For example: --set search.children=4")
    try:
        return key.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):  # dates that are none, numbers of thousands of digits
        raise LemonadeError(f"--set {key}: '{value[:40]}' is not a YAML value.") from None


def parse_limits(texts: list[str], option: str) -> dict[str, float]:
    """Read limits such as ``"params<=2e6"``; `option` is what they were given as, for the error.

    Raises:
        LemonadeError: if a text is not of that form, its number is not positive and finite, or a name is there twice.
    """
    limits: dict[str, float] = {}
    for text in texts:
        match = re.fullmatch(r"\s*([\w@./-]+?)\s*<=\s*([0-9.eE+_-]+\s*[kMG]?|inf|nan)\s*", text)
        try:
            value = parsed(match[2]) if match else 0.0
        except ValueError:
            value = 0.0
        if match is None or not 0 < value < float("inf"):
            raise LemonadeError(f"{option} expects NAME<=NUMBER, got '{text}'. For example: \"params<=2e6\"")
        if match[1] in limits:
            raise LemonadeError(f"{option}: '{match[1]}' is limited twice. Give one limit for each objective.")
        limits[match[1]] = value
    return limits


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    # names of objectives may hold points themselves
    *sections, last = name.split(".", maxsplit=1 if name.startswith(BY_OBJECTIVE) else -1)
    for section in sections:
        inner = tree.setdefault(section, {})
        if not isinstance(inner, dict):
            raise LemonadeError(f"'{name}' is not a setting: '{section}' has no settings inside.")
        tree = inner
    tree[last] = value


def _checked(tree: Mapping[str, Any], lines: Mapping[str, int], source: str) -> Config:
    try:
        return Config.model_validate(tree)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        # pydantic adds positions inside lists; the setting's name ends before them
        name = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        line = f"{source} line {lines[name]}: " if name in lines else ""
        if first["type"] == "extra_forbidden":
            raise LemonadeError(f"{line}{_no_setting(name, first['input'])}") from None
        got = first["input"]
        shown = f"'{got}'" if isinstance(got, str) and not re.fullmatch(r"-?[0-9.]+", got) else f"{got}"
        raise LemonadeError(f"{line}{name}: {expected(first, _is_whole(name))}, got {shown}.") from None


def _no_setting(name: str, value: object) -> str:
    if isinstance(value, dict) and value:  # a section: what the person wanted is one of the settings inside
        name = f"{name}.{next(iter(value))}"
    near = difflib.get_close_matches(name, [*setting_names(), *SECTIONS], n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"'{name}' is not a setting.{hint} All settings stand in the config.yaml of any run."


def _is_whole(name: str) -> bool:
    model: Any = Config
    for part in name.split("."):
        info = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = info.annotation if info is not None else None
    return bool(re.search(r"\bint\b", str(model)))  # also inside an annotation or a union
