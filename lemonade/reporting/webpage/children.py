"""What the page's scripts know of a run: its children with their values, both as numbers and as text to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lemonade import numbers
from lemonade.history import Run
from lemonade.references import Reference, read_references
from lemonade.reporting import network, reading, tables
from lemonade.reporting.commands import command
from lemonade.reporting.picture import UNITS
from lemonade.reporting.webpage.child import ChildFacts
from lemonade.reporting.webpage.family import family_tree
from lemonade.reporting.webpage.made import made_of
from lemonade.reporting.webpage.networks import blocks

NETWORKS_AT_MOST = 400
"""Networks in one page, about a kilobyte each: the front's, their ancestors', then others in order of id."""
DIGITS = 7
"""Significant digits of numbers that are drawn and compared; texts are made from the exact ones."""


def page_data(run: Run, shown: Path) -> dict[str, Any]:
    """All that the scripts draw, as one JSON object.

    Args:
        run: The run.
        shown: How commands name its folder.
    """
    names = _value_names(run)
    children = [ChildFacts.of(run, name) for name in run.evaluations]
    on_front = [one.id for one in run.front]
    ancestry = dict.fromkeys(one.id for name in on_front for one in run.lineage(name))
    graphs = {one.id: one.graph for one in children}
    drawn = list(dict.fromkeys([*on_front, *ancestry, *graphs]))[:NETWORKS_AT_MOST]
    return {
        "columns": [_column(run, name) for name in names],
        "objectives": list(run.objective_names),
        "decides": names.index(_deciding(run, names)),
        "images": run.facts.validation,
        "children": {one.id: _child(one, names) for one in children},
        "front": on_front,
        "marks": _marks(run),
        "graphs": graphs,
        "networks": {graphs[name]: blocks(run.candidates[name].graph) for name in drawn},
        "made": {one.id: made for one in children if (made := made_of(run, one.id))},
        "volume": _course(run),
        "references": [_reference(one, names) for one in read_references(run.folder)],
        "family": family_tree(run, list(ancestry)),
        "commands": {verb: command(verb, shown, *rest) for verb, rest in _COMMANDS.items()},
        "ended": run.ended,
    }


def _course(run: Run) -> list[list[float]]:
    """Generation, images, seconds and hypervolume at the end of each, and of what came after the last whole one."""
    points = [(one.number, one.spent, one.hypervolume) for one in run.generations]
    if points and run.spent.evaluations > points[-1][1].evaluations:
        points.append((points[-1][0] + 1, run.spent, run.front.hypervolume))
    return [
        [number, spent.examples, round(spent.seconds, 1), round(volume, DIGITS)] for number, spent, volume in points
    ]


ID_HERE = "ID"
"""Stands in a command for the id of the network that it is about."""
_COMMANDS = {
    "export": ("--models", ID_HERE),
    "show": (ID_HERE,),
    "lineage": (ID_HERE,),
    "retrain": ("--models", ID_HERE),
}


def _value_names(run: Run) -> list[str]:
    """Objectives in their order, each error followed by its smoothed reading where there is one."""
    known = {name for one in run.evaluations.values() for name in one.values}
    names = [name for one in run.objectives for name in (one.name, one.smoothed)]
    return [name for name in names if name in run.objective_names or name in known]


def _deciding(run: Run, names: list[str]) -> str:
    """The reading that members are ranked by."""
    first = run.objectives[0]
    return first.smoothed if run.smoothed and first.smoothed in names else first.name


def _column(run: Run, name: str) -> dict[str, Any]:
    plain = name.removesuffix("_smoothed")
    smoothed = name != plain and name not in run.objective_names
    label = f"smoothed {reading.label(plain)}" if smoothed else reading.label(name)
    objective = next(one for one in run.objectives if one.name == (plain if smoothed else name))
    return {
        "name": name,
        "label": label,
        "axis": f"{label} on the validation images" if plain == "error" else UNITS.get(name, label),
        "about": "1 - mean probability of the true class" if smoothed else objective.description,
        "error": numbers.is_error(plain),
        "log": objective.log or numbers.is_error(plain),
    }


def _child(child: ChildFacts, names: list[str]) -> dict[str, Any]:
    evaluation, images = child.evaluation, reading.images_read(child.evaluation)
    known = [child.values.get(name) for name in names]
    return {
        "parent": child.parent,
        "generation": child.generation,
        "how": network.steps(child.morphisms, evaluation) or child.origin,
        "status": evaluation.status.value,
        "message": evaluation.message,
        "values": [None if value is None else float(f"{value:.{DIGITS}g}") for value in known],
        "texts": [
            "" if value is None else numbers.measured(name, value, images)
            for name, value in zip(names, known, strict=True)
        ],
        # of a second data set's error nothing says on how many images it was read
        "interval": tables.interval_text(child.values["error"], images) if "error" in child.values else "",
        "stages": {name: numbers.share(one.error, images) for name, one in evaluation.stages.items() if one.images},
        "cost": f"{numbers.count(evaluation.examples)} examples, {numbers.duration(evaluation.seconds)}",
    }


def _reference(one: Reference, names: list[str]) -> dict[str, Any]:
    """A hand-designed network: what of it is known, in the order of the columns."""
    known = [getattr(one, name, None) for name in names]
    told = [numbers.named(name, value) for name, value in zip(names, known, strict=True) if value is not None]
    how = f"trained from fresh weights on {numbers.count(one.examples)} images"
    return {"name": one.name, "values": known, "text": [*told, how], "how": how}


def _marks(run: Run) -> dict[str, str]:
    """Members of the front with a name, by that name."""
    if not run.front.members or run.front.knee is None:
        return {}
    return {"knee": run.front.knee.id, "best": run.front.best().id, "smallest": run.front.members[0].id}
