"""What networks are judged by. All objectives are minimised.

An objective of your own is a function with a decorator, in a file named with ``--plugin`` or in a package with an entry
point of group ``lemonade.objectives``::

    @objective(name="conv_layers", kind="cheap", unit="layers", box=(1, 100))
    def conv_layers(graph: NetworkGraph) -> float:
        return sum(node.op == "conv" for node in graph.nodes)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from lemonade.errors import LemonadeError, unknown
from lemonade.front import Axis
from morphisms import NetworkGraph, activation_bytes, flops, params

ENTRY_POINTS = "lemonade.objectives"

Measure = Callable[..., Any]
"""Of a cheap objective: ``(graph: NetworkGraph) -> float``.

Of a measured or expensive one: ``(module, dataset, device) -> float | Mapping[str, float]``, where the module is in
eval mode on the device and takes images of the `Dataset` through `lemonade.data.normalise` to logits. A mapping holds
the objective's own name, and may hold ``NAME_smoothed``: a steadier reading, which then decides where the smoothed
error does.
"""
_Function = TypeVar("_Function", bound=Measure)


class Kind(StrEnum):
    """What it takes to know an objective's value.

    Cheap: the graph alone. Measured: the untrained network, run before training. Expensive: the trained network.
    """

    CHEAP = "cheap"
    MEASURED = "measured"
    EXPENSIVE = "expensive"


@dataclass(frozen=True)
class Objective:
    """One thing that networks are judged by; less is better.

    Attributes:
        name: What people type: ``"params"``.
        unit: What its numbers count.
        kind: What it costs to know.
        box: Lowest and highest value of the hypervolume's box; constant, so that runs compare.
        log: Whether it is laid out by its log10; else as it is.
        description: One sentence for the person.
        measure: See `Measure`. None where the evaluator knows how: ``error``, ``error@DATASET``, ``latency_ms``; and
            in an objective that was read from a run folder.
    """

    name: str
    unit: str
    kind: Kind
    box: tuple[float, float]
    log: bool = True
    description: str = ""
    measure: Measure | None = None

    def __post_init__(self) -> None:
        try:
            low, high = self.box
            finite = math.isfinite(low) and math.isfinite(high)
        except (TypeError, ValueError, OverflowError):
            raise LemonadeError(
                f"objective '{self.name}': expected a box from low to high, such as (1, 100), got {self.box!r}."
            ) from None
        if not (finite and low < high):
            raise LemonadeError(f"objective '{self.name}': expected a box from low to high, got {low:g} to {high:g}.")
        if self.log and low > 0 and not math.isfinite(high / low):
            raise LemonadeError(f"objective '{self.name}': the box from {low:g} to {high:g} is too wide.")
        if self.log and low <= 0:
            raise LemonadeError(f"objective '{self.name}': a box on a log scale starts above 0, got {low:g}.")

    @property
    def axis(self) -> Axis:
        """Its side of the hypervolume's box."""
        return Axis(*self.box, self.log)

    @property
    def dataset(self) -> str | None:
        """The data set of an ``error@DATASET``; None for all others."""
        return self.name.partition("@")[2] or None

    @property
    def smoothed(self) -> str:
        """Name of its smoothed reading among an evaluation's values, if there is one."""
        return f"{self.name}_smoothed"

    def to_json(self) -> dict[str, Any]:
        """A JSON object with all but the measure; `from_json` reads it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "kind": self.kind.value,
            "box": list(self.box),
            "log": self.log,
            "description": self.description,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Objective:
        """Read what `to_json` wrote; KeyError, TypeError or ValueError if it is something else."""
        (low, high), name = data["box"], data["name"]
        if not isinstance(name, str):
            raise TypeError(f"name is {name}")
        return cls(name, data["unit"], Kind(data["kind"]), (low, high), data["log"], data["description"])


_BUILT_IN = (
    Objective(
        "error",
        "share",
        Kind.EXPENSIVE,
        (0.0, 0.9),  # `resolve` sets the end to 1 - 1/classes: what guessing reaches
        log=False,
        description="share of the validation images classified wrongly",
    ),
    Objective("params", "parameters", Kind.CHEAP, (1e2, 1e8), description="number of parameters", measure=params),
    Objective(
        "flops",
        "multiply-adds",
        Kind.CHEAP,
        (1e3, 1e11),
        description="multiply-adds of one image; one multiply-add counts as one, as fvcore counts",
        measure=flops,
    ),
    Objective(
        "latency_ms",
        "ms",
        Kind.MEASURED,
        (1e-2, 1e3),
        description="median time of a forward pass, of one image on the device of the run unless set otherwise",
    ),
    Objective(
        "activation_bytes",
        "bytes",
        Kind.CHEAP,
        (1e3, 1e10),
        description="peak memory of live activations in one forward pass of one image, float32",
        measure=activation_bytes,
    ),
)
OBJECTIVES: dict[str, Objective] = {one.name: one for one in _BUILT_IN}
"""All objectives by name; plug-ins add theirs through `objective`."""


def objective(
    *, name: str, kind: str, unit: str, box: tuple[float, float], log: bool = True, description: str = ""
) -> Callable[[_Function], _Function]:
    """Register a function as an objective; the function itself stays as it is.

    Args:
        name: Lower-case letters, digits and ``_``.
        kind: ``"cheap"``, ``"measured"`` or ``"expensive"``; decides what the function is called with (see `Measure`).
        unit: What its numbers count.
        box: Lowest and highest value of the hypervolume's box.
        log: Whether it is laid out by its log10.
        description: One sentence; default: the first line of the function's docstring.

    Raises:
        LemonadeError: if the name is taken or of another form, the kind unknown, or the box none.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name.endswith("_smoothed"):
        raise LemonadeError(
            f"objective '{name}': expected a name of lower-case letters, digits and _, not ending in _smoothed."
        )
    if kind not in list(Kind):
        raise unknown("kind of objective", kind, list(Kind))

    def register(function: _Function) -> _Function:
        if name in OBJECTIVES and not _is_newer_version(function, OBJECTIVES[name].measure):
            raise LemonadeError(f"objective '{name}' is there already. Give yours another name.")
        first_line = (function.__doc__ or "").strip().partition("\n")[0]
        OBJECTIVES[name] = Objective(name, unit, Kind(kind), box, log, description or first_line, function)
        return function

    return register


def resolve(
    names: Sequence[str], classes: int, boxes: Mapping[str, tuple[float, float]] | None = None
) -> tuple[Objective, ...]:
    """The objectives of those names, in that order, with the boxes of this run.

    Args:
        names: Names of `OBJECTIVES` or ``error@DATASET``; ``error`` first.
        classes: Classes of the data set; an error's box ends at 1 - 1/classes.
        boxes: Boxes in place of the objectives' own.

    Raises:
        LemonadeError: for an unknown name, one given twice, an order other than ``error`` first, no objective that is
            known before training, or a box for an objective that is not in play.
    """
    found = [of_name(name, classes) for name in names]
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise LemonadeError(f"objectives: '{twice}' is named twice.")
    if not names or names[0] != "error":
        others = [name for name in names if name != "error"]
        raise LemonadeError(
            f"objectives: expected 'error' first, got '{','.join(names)}'. Use: {','.join(['error', *others])}"
        )
    if not any(one.kind is Kind.CHEAP for one in found):
        cheap = ", ".join(one.name for one in OBJECTIVES.values() if one.kind is Kind.CHEAP)
        raise LemonadeError(
            f"objectives: '{','.join(names)}' has none that is known without training. Add one of: {cheap}."
        )
    for name in boxes or {}:
        if name not in names:
            raise LemonadeError(f"boxes: '{name}' is not among the objectives {', '.join(names)}.")
    return tuple(replace(one, box=boxes[one.name]) if boxes and one.name in boxes else one for one in found)


def resources(objectives: Sequence[Objective]) -> list[str]:
    """Names of those that tell what a network costs, known before it is trained."""
    return [one.name for one in objectives if one.kind is not Kind.EXPENSIVE]


def check_limits(limits: Mapping[str, float], objectives: Sequence[Objective]) -> None:
    """Check that every limit is on an objective in play that is known before training.

    A hard limit saves the training of what lies beyond it; an error is only known after, so it can have none.

    Raises:
        LemonadeError: naming the limit.
    """
    known = {one.name: one for one in objectives}
    for name, limit in limits.items():
        if name not in known:
            in_play = ", ".join(known)
            if name in OBJECTIVES:
                raise LemonadeError(
                    f"limit on '{name}', which is not among the objectives {in_play}. Add it to --objectives."
                )
            raise unknown("objective in a limit", name, known)
        if known[name].kind is Kind.EXPENSIVE:
            raise LemonadeError(
                f"limit on '{name}': a limit has to be known before training, and {name} is not. Leave it out, and "
                f'choose from the front afterwards: lemonade front RUN --where "{name}<={limit:g}"'
            )
        if not math.isfinite(limit) or limit <= 0:
            raise LemonadeError(f"limit on '{name}': expected a positive number, got {limit:g}.")


def costs(graph: NetworkGraph, objectives: Sequence[Objective]) -> dict[str, float]:
    """Values of the cheap objectives of a graph, in the order of `objectives`.

    Raises:
        LemonadeError: naming the objective, if an own one fails or returns something other than a finite number.
    """
    found: dict[str, float] = {}
    for one in objectives:
        if one.kind is not Kind.CHEAP:
            continue
        if one.measure is None:
            raise ValueError(f"objective '{one.name}' was read from a run folder and cannot measure")
        try:
            value = one.measure(graph)
            found[one.name] = value if type(value) is int else float(value)
            finite = math.isfinite(found[one.name])
        except (Exception, SystemExit) as error:
            text = " ".join(str(error).split())[:200]
            raise LemonadeError(f"objective '{one.name}' failed: {type(error).__name__}: {text}") from error
        if not finite:
            raise LemonadeError(f"objective '{one.name}' returned {value} for a network; expected a finite number.")
    return found


def readings(one: Objective, result: Any) -> dict[str, float]:
    """What a measure returned, as plain numbers by name.

    Args:
        one: The objective it measured.
        result: A number, or a mapping with the objective's own name.

    Raises:
        ValueError: if the own name is missing, or a value is no finite number.
    """
    values = dict(result) if isinstance(result, Mapping) else {one.name: result}
    if one.name not in values:
        raise ValueError(f"objective '{one.name}' returned {sorted(values)}; its own name is missing")
    if others := sorted(set(values) - {one.name, one.smoothed}, key=str):
        raise ValueError(
            f"objective '{one.name}' returned '{others[0]}' as well; it may only say {one.name} and {one.smoothed}"
        )
    for name, value in values.items():
        try:
            values[name] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"objective '{name}' returned {value!r}; expected a number") from None
        if not math.isfinite(values[name]):
            raise ValueError(f"objective '{name}' returned {values[name]}; expected a finite number")
    return values


def vector(values: Mapping[str, float], objectives: Sequence[Objective], smoothed: bool) -> tuple[float, ...]:
    """The values that decide dominance, in the order of `objectives`.

    Args:
        values: Costs and evaluation values together.
        objectives: Those in play.
        smoothed: Whether smoothed readings are taken where there are any.

    Raises:
        KeyError: if an objective has no value.
    """
    return tuple(
        values[one.smoothed] if smoothed and one.smoothed in values else values[one.name] for one in objectives
    )


def _is_newer_version(function: Measure, known: Measure | None) -> bool:
    """Whether both are the same function of the same module: a notebook's cell that runs again, an edited plug-in."""
    if known is None:
        return False
    names = ("__module__", "__qualname__")
    return all(getattr(function, name, None) == getattr(known, name, function) for name in names)


def of_name(name: str, classes: int) -> Objective:
    """The objective of a name, as `resolve` finds it, with its own box.

    Raises:
        LemonadeError: if there is none.
    """
    chance = (0.0, 1 - 1 / max(classes, 2))
    error = replace(OBJECTIVES["error"], box=chance)
    if name == "error":
        return error
    if name.startswith("error@"):
        dataset = name.removeprefix("error@")
        if not dataset:
            raise LemonadeError("objective 'error@': expected the name or path of a data set behind the @.")
        return replace(error, name=name, description=f"share of the validation images of {dataset} classified wrongly")
    if name not in OBJECTIVES:
        _load_entry_points()
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES, "error@DATASET")
    return OBJECTIVES[name]


def _load_entry_points() -> None:
    """Import all packages that offer objectives; only once a name is asked for that is not here."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        if point.name in OBJECTIVES:
            continue
        try:
            loaded = point.load()
        except Exception as error:
            raise LemonadeError(
                f"entry point '{point.name}' of {ENTRY_POINTS} ({point.value}) fails: {type(error).__name__}: {error}"
            ) from error
        if isinstance(loaded, Objective):
            OBJECTIVES[point.name] = replace(loaded, name=point.name)
