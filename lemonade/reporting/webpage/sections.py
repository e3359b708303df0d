"""The parts of the page that are words and tables; each says why it is empty where it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lemonade import numbers
from lemonade.history import Member, Run
from lemonade.reporting import reading, tables
from lemonade.reporting.webpage.markup import Head, Html, child_link, element, joined, table
from lemonade.reporting.webpage.operators import OperatorRecord, operator_records
from lemonade.types import Status

FRONT_WIDTH = 200
"""Columns of a terminal on which the table of the front is whole."""
LISTED = 30
"""Children named in one line."""
NOUNS = {"params": "parameters", "flops": "multiply-adds"}


def sentence(run: Run) -> str:
    """The result in one sentence."""
    members, spent = run.front.members, run.spent
    paid = f"{numbers.quantity(spent.evaluations, 'child', 'children')} in {numbers.duration(spent.seconds)}"
    paid += f" on {_machine(run)}"
    error, resource = reading.ERROR, reading.resource_of(run)
    if not members:
        return f"No network yet; {paid}."
    images = reading.images_of(members[0])
    cheap, dear = (numbers.measured(resource, one) for one in _range(members, resource))
    best, worst = (numbers.measured(error, one, images) for one in _range(members, error))
    noun = NOUNS.get(resource, reading.label(resource))
    if len(members) == 1:
        return f"1 network with {cheap} {noun}; {error} {best}; {paid}."
    return f"{len(members)} networks from {cheap} to {dear} {noun}; {error} {worst} to {best}; {paid}."


def _range(members: Sequence[Member], name: str) -> tuple[float, float]:
    values = [one.values[name] for one in members]
    return min(values), max(values)


def _machine(run: Run) -> str:
    devices = sorted({one.device for one in run.evaluations.values()})
    if devices in ([], ["cpu"]):
        cores = run.environment.get("usable_cores") or 1
        return numbers.quantity(min(run.config.workers or cores, cores), "core")
    cards: list[str] = run.environment.get("accelerators") or []
    return f"one {cards[0]}" if len(cards) == 1 and len(devices) == 1 else ", ".join(devices)


def standing(run: Run) -> Html:
    """What was searched, how it stands, and what has to be known to read the figures."""
    facts = run.facts
    channels, height, width = facts.input_shape
    data = (
        f"{run.data_name}: images {height}x{width}x{channels} of {len(facts.classes)} classes, "
        f"{numbers.count(facts.train)} to train on, {numbers.count(facts.validation)} to validate"
    )
    state = run.state.words
    under_way = [name for name in run.candidates if name not in run.evaluations]
    if under_way and not run.finished:
        state += f", {numbers.quantity(len(under_way), 'child', 'children')} not evaluated yet"
    volume = f"hypervolume {run.front.hypervolume:.3f} (share of a fixed box, larger is better)"
    parts = [data, f"objectives {', '.join(map(reading.label, run.objective_names))}", f"seed {run.config.seed}", state]
    return element("p", " · ".join([*parts, *([volume] if run.front.members else [])]), class_="quiet")


def front(run: Run) -> Html:
    """The front as a table, its ids as buttons."""
    members = list(run.front.members)
    if not members:
        return element("p", why_no_front(run), class_="empty")
    columns, fields = tables.front_columns(run, FRONT_WIDTH)
    heads = [Head(one.title, one.right, one.gives_way) for one in columns[1:]]
    knee = run.front.knee
    rows = []
    for member in members:
        identity = child_link(member.id)
        if knee is not None and member.id == knee.id:
            identity = joined([identity, " ", element("span", "knee", class_="badge knee")])
        rows.append([identity, *[field(member) for field in fields[2:]]])
    notes = tables.front_notes(run, members, knee)
    return joined(
        [
            table("The members of the front, the cheapest first", heads, rows),
            *[element("p", note.replace(tables.KNEE, "◆"), class_="quiet") for note in notes],
        ]
    )


def why_no_front(run: Run) -> str:
    """Why there is no member yet."""
    trained = sum(one.status is Status.OK for one in run.evaluations.values())
    if trained:
        return f"The front is empty: none of the {trained} trained networks is within the limits of the run."
    if run.evaluations:
        return f"The front is empty: all {len(run.evaluations)} children failed; see below why."
    waiting = f" {len(run.candidates)} were about to be trained." if run.candidates else ""
    return f"The front is empty: no child had been trained when this page was written.{waiting}"


def operators(run: Run) -> Html:
    """How the operators fared."""
    records = operator_records(run)
    if not records:
        why = "no generation of children has come to its end yet" if len(run.generations) < 2 else "none was used"
        return element("p", f"There is nothing to tell of operators: {why}.", class_="empty")
    heads = [
        Head("operator"),
        *[Head(title, number=True) for title in ("proposed", "accepted", "trained", "on the front")],
        *[Head(title, number=True) for title in ("error by rewrite", "by distillation", "by training")],
    ]
    name = "smoothed error" if run.smoothed else "error"
    note = (
        "A child made by several operators counts under each, but in the last three columns only children of a single "
        "one do: by how much the rewrite, "
        f"distillation and training changed the {name} from the parent's (+: worse), medians over trained children; "
        "those that began with fresh weights are not among them."
    )
    rows = [_operator_row(one) for one in records]
    return joined(
        [
            table("Operators, those with most children on the front first", heads, rows),
            element("p", note, class_="quiet"),
        ]
    )


def _operator_row(one: OperatorRecord) -> list[str]:
    counts = [numbers.count(value) for value in (one.proposed, one.accepted, one.trained, one.front)]
    changes = ["–" if value is None else f"{value:+.3f}" for value in (one.rewrite, one.distilled, one.trained_by)]
    return [one.name.replace("_", " "), *counts, *changes]


def failures(run: Run) -> Html:
    """Children without a value, by what became of them."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, one in run.evaluations.items():
        if one.status is Status.STOPPED:
            why = "its training loss left too little chance to reach the front (search.stop_chance)"
            groups.setdefault((one.status.value, why), []).append(name)
        elif one.status is not Status.OK:
            groups.setdefault((one.status.value, one.message or "no reason was given"), []).append(name)
    if not groups:
        trained = numbers.quantity(len(run.evaluations), "child", "children")
        return element("p", f"None: of {trained} evaluated, all were trained to their end.", class_="empty")
    rows = [
        [status, why, numbers.count(len(names)), _links(names)]
        for (status, why), names in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    heads = [Head("ended as"), Head("why", wide=True), Head("children", number=True), Head("which", wide=True)]
    return table("Children that were not trained to their end", heads, rows)


def _links(names: Sequence[str]) -> Html:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return joined([*[part for name in names[:LISTED] for part in (child_link(name), " ")], more])


def title(run: Run, shown: Path) -> str:
    """What the browser's tab says."""
    return f"{shown} · {run.data_name} · lemonade"
