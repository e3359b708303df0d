"""What a run was asked for and what it ran on, as part of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lemonade.config import Config
from lemonade.history import Run
from lemonade.reporting.webpage.markup import Html, definitions, element, joined
from lemonade.settings import flat


def settings(run: Run) -> Html:
    """Settings that differ from the defaults, the environment, the data; then all settings, folded away."""
    values, usual = flat(run.config), flat(Config())
    given = {name: value for name, value in values.items() if value != usual[name]}
    columns = [
        ("Settings that are not the default", given or {"none": "all settings are the defaults"}),
        ("Environment", _environment(run)),
        ("Data", _data(run)),
    ]
    parts = [element("div", element("h3", title), definitions(_told(one))) for title, one in columns]
    whole = element("details", element("summary", "All settings"), definitions(_told(values)))
    return joined([element("div", *parts, class_="columns"), whole])


def _environment(run: Run) -> dict[str, Any]:
    known = dict(run.environment)
    packages = known.pop("packages", None) or {}
    devices = sorted({one.device for one in run.evaluations.values()})
    return {**known, "devices": devices, **packages}


def _data(run: Run) -> dict[str, Any]:
    names = ("name", "classes", "train", "validation", "test", "input_shape", "split_hash", "notes")
    return {name: getattr(run.facts, name) for name in names}


def _told(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " ") if "." not in name else name, _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join([f"{name} {_text(one)}" for name, one in value.items()]) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return str(value)
