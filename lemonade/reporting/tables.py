"""The front of a run as a table that fits its console."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from lemonade import numbers
from lemonade.reporting import network, reading
from lemonade.reporting.layout import Column, fitted

if TYPE_CHECKING:
    from lemonade.history import Member, Run
    from lemonade.objectives import Objective

FLOPS_NOTE = "flops: one multiply-add counts as one, as fvcore counts."
FEW_IMAGES = 300
KNEE = "●"
_SMOOTHED_WIDTH, _FROM_WIDTH, _INTERVAL_WIDTH = 60, 80, 110


def front_table(
    run: Run, members: Sequence[Member], console: Console, most: int | None = None, knee: Member | None = None
) -> RenderableType:
    """Members from the smallest to the largest, with the knee marked.

    Args:
        run: Where they come from.
        members: Those to show.
        console: Decides by its width which columns there is room for.
        most: Show at most this many, spread over the whole, knee and best among them; default: all.
        knee: The member to mark.
    """
    columns, fields = front_columns(run, console.width)
    shown = spread(members, most, {(knee or run.front.best()).id, run.front.best().id})
    rows = [[field(member) for field in fields] for member in shown]
    marked = [knee is not None and member.id == knee.id for member in shown]
    for row, is_knee in zip(rows, marked, strict=True):
        row[0] = KNEE if is_knee else ""
    return fitted(columns, rows, console.width, ["knee" if is_knee else "" for is_knee in marked])


def front_columns(run: Run, width: int) -> tuple[list[Column], list[Callable[[Member], str]]]:
    """The columns there is room for, each with what it shows of a member."""
    columns = [Column(""), Column("id")]
    fields: list[Callable[[Member], str]] = [_nothing, attrgetter("id")]
    for objective in run.objectives:
        name = objective.name
        columns.append(Column(reading.label(name), right=True))
        fields.append(partial(_value, name=name))
        if not numbers.is_error(name):
            continue
        if run.smoothed and width >= _SMOOTHED_WIDTH:
            columns.append(Column("smoothed", right=True, style="quiet"))
            fields.append(partial(_value, name=objective.smoothed))
        if width >= _INTERVAL_WIDTH and name == "error":  # of another set nothing says how many images it has
            columns.append(Column("95 % interval", style="quiet"))
            fields.append(partial(interval, name=name))
    if width >= _FROM_WIDTH:
        columns.append(Column("from", style="quiet"))
        fields.append(_origin)
    return [*columns, Column("how", gives_way=True)], [*fields, attrgetter("summary")]


def _nothing(member: Member) -> str:
    return ""


def _origin(member: Member) -> str:
    return member.parent or "start"


def _value(member: Member, name: str) -> str:
    value = member.values.get(name)
    return "" if value is None else numbers.measured(name, value, reading.images_of(member))


def front_notes(run: Run, members: Sequence[Member], knee: Member | None) -> list[str]:
    """What the table means, one sentence a line: the knee, images and interval, the ranking, flops, latencies."""
    notes = []
    if knee is not None:
        text = f"{KNEE} knee {knee.id}: where the front bends most between cheap and accurate"
        notes.append(f"{text}; error {between(knee)}.")
        dearer = network.neighbours(run, knee)["more accurate"]  # a knee may lie low: what more costs is told
        if dearer is not None and dearer.id != run.front.best().id:
            notes.append(f"  next more accurate {best_sentence(run, dearer)}.")
        best = run.front.best()
        if best.id != knee.id and any(member.id == best.id for member in members):
            notes.append(f"  best {best_sentence(run, best)}.")
    images = reading.images_of(members[0]) if members else None
    if images is not None:
        sentence = f"error: share of {numbers.count(images)} validation images classified wrongly"
        ranked = "; members are ranked by the smoothed error (1 - mean probability of the true class)"
        notes.append(f"{sentence}{ranked if run.smoothed else ''}.")
        if images < FEW_IMAGES and len(members) > 1:
            notes.append(
                f"With fewer than {FEW_IMAGES} validation images, members whose intervals overlap are hardly different."
            )
    if "flops" in run.objective_names:
        notes.append(FLOPS_NOTE)
    if "latency_ms" in run.objective_names and (alike := alike_in_latency(members)):
        notes.append(
            f"latency_ms: {alike} of {len(members):,} members differ{'s' * (alike == 1)} from the next faster one "
            "by less than their timings scatter (between quartiles): such members are hardly different."
        )
    return notes


def alike_in_latency(members: Sequence[Member]) -> int:
    """How many members differ from the next faster one by less than the larger spread of the two."""
    timed = [one for one in members if "latency_ms" in one.values]
    steps = pairwise(sorted(timed, key=lambda one: one.values["latency_ms"]))
    return sum(
        slower.values["latency_ms"] - faster.values["latency_ms"] < max(faster.latency_spread, slower.latency_spread)
        for faster, slower in steps
    )


def best_sentence(run: Run, member: Member) -> str:
    """One member in words: its id and every objective, with the smoothed error where that ranks members."""
    values = []
    for one in run.objectives:
        text = numbers.named(one.name, member.values[one.name], reading.images_of(member))
        values.append(f"{text}{smoothed_too(run, member, one)}")
    return f"{member.id}: {', '.join(values)}"


def smoothed_too(run: Run, member: Member, objective: Objective) -> str:
    """``" (smoothed 0.071)"`` where that reading of an objective ranks members; else empty."""
    value = member.values.get(objective.smoothed) if run.smoothed else None
    return "" if value is None else f" (smoothed {numbers.share(value, reading.images_of(member))})"


def headline(run: Run) -> str:
    """The size of the front and its hypervolume, in one line."""
    count = numbers.quantity(len(run.front.members), "member")
    return f"{count} · hypervolume {run.front.hypervolume:.3f} (share of a fixed box, larger is better)"


def between(member: Member, error: str = "error") -> str:
    """``"between 0.007 and 0.040 (95 %, 287 images)"``."""
    images = reading.images_of(member)
    if images is None:
        return "read on an unknown number of images"
    low, high = numbers.wilson(member.values[error], images)
    return (
        f"between {numbers.share(low, images)} and {numbers.share(high, images)} (95 %, {numbers.count(images)} images)"
    )


def interval(member: Member, name: str) -> str:
    """``"0.007-0.040"``, or nothing where the number of images is unknown."""
    return interval_text(member.values[name], reading.images_of(member))


def interval_text(error: float, images: int | None) -> str:
    """``"0.007-0.040"`` for an error read on so many images, or nothing where that is unknown."""
    if images is None:
        return ""
    low, high = numbers.wilson(min(1.0, max(0.0, error)), images)
    return f"{numbers.share(low, images)}-{numbers.share(high, images)}"


def spread(members: Sequence[Member], most: int | None, keep: Collection[str] = ()) -> list[Member]:
    """At most so many members, evenly spread, with the first, the last and those of the ids `keep` among them."""
    if most is None or len(members) <= most:
        return list(members)
    positions = {round(index * (len(members) - 1) / (most - 1)) for index in range(most)}
    wanted = {index for index, member in enumerate(members) if member.id in keep}
    for one in sorted(wanted - positions):
        inner = positions - {0, len(members) - 1} - wanted
        positions -= {min(inner, key=lambda position: abs(position - one))} if inner else set()
        positions.add(one)
    return [members[index] for index in sorted(positions)]


def paragraph(lines: Sequence[str], style: str = "quiet") -> Group:
    """Sentences below a table."""
    return Group(*[Text(line, style=style) for line in lines])
