"""The front of a run as a table that fits its console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lemonade.reporting import numbers, reading

if TYPE_CHECKING:
    from lemonade.history import Member, Run

FLOPS_NOTE = "flops: one multiply-add counts as one, as fvcore counts."
KNEE = "●"
_INTERVAL_WIDTH, _FROM_WIDTH = 92, 78


def front_table(
    run: Run, members: Sequence[Member], console: Console, most: int | None = None, knee: Member | None = None
) -> RenderableType:
    """Members from the smallest to the largest, with the knee marked.

    Args:
        run: Where they come from.
        members: Those to show.
        console: Decides by its width which columns there is room for.
        most: Show at most this many, spread over the whole; default: all.
        knee: The member to mark.
    """
    names = run.objective_names
    shown = spread(members, most, keep=knee)
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="quiet", show_edge=False)
    wide = [numbers.is_error(name) for name in names]
    table.add_column("", width=1, style="knee")
    table.add_column("id", no_wrap=True)
    with_interval = console.width >= _INTERVAL_WIDTH
    for name, is_error in zip(names, wide, strict=True):
        table.add_column(name, justify="right", no_wrap=True)
        if is_error and with_interval:
            table.add_column("95 % interval", justify="left", no_wrap=True, style="quiet")
    with_parent = console.width >= _FROM_WIDTH
    if with_parent:
        table.add_column("from", no_wrap=True, style="quiet")
    table.add_column("how", no_wrap=True, overflow="ellipsis", ratio=1)
    for member in shown:
        cells = []
        for name in names:
            cells.append(numbers.measured(name, member.values[name], reading.images_of(member)))
            if numbers.is_error(name) and with_interval:
                cells.append(interval(member, name))
        origin = [member.parent or "start"] if with_parent else []
        style = "knee" if knee is not None and member.id == knee.id else None
        mark = KNEE if style else ""
        table.add_row(mark, member.id, *cells, *origin, Text(member.summary), style=style)
    return table


def front_notes(run: Run, members: Sequence[Member], knee: Member | None) -> list[str]:
    """What the table means, one sentence a line: the knee, images and interval, the ranking, the unit of flops."""
    notes = []
    if knee is not None:
        error = reading.error_name(run)
        text = f"{KNEE} knee {knee.id}: the best trade-off between error and cost"
        notes.append(f"{text}." if error is None else f"{text}; {between(knee, error)}.")
    images = reading.images_of(members[0]) if members else None
    if images is not None:
        sentence = f"error: share of {numbers.count(images)} validation images classified wrongly"
        ranked = "; members are ranked by the smoothed error (1 - mean probability of the true class)"
        notes.append(f"{sentence}{ranked if run.smoothed else ''}.")
    if "flops" in run.objective_names:
        notes.append(FLOPS_NOTE)
    return notes


def best_sentence(run: Run, member: Member) -> str:
    """One member in words: its id and every objective."""
    values = [
        f"{name} {numbers.measured(name, member.values[name], reading.images_of(member))}"
        for name in run.objective_names
    ]
    return f"{member.id}: {', '.join(values)}"


def headline(run: Run) -> str:
    """The size of the front and its hypervolume, in one line."""
    count = numbers.quantity(len(run.front.members), "member")
    return f"{count} · hypervolume {run.front.hypervolume:.3f} (share of a fixed box, larger is better)"


def between(member: Member, error: str = "error") -> str:
    """``"error between 0.007 and 0.040 (95 %, 287 images)"``."""
    images = reading.images_of(member)
    if images is None:
        return f"{error} {numbers.share(member.values[error])}"
    low, high = numbers.wilson(member.values[error], images)
    return (
        f"{error} between {numbers.share(low, images)} and {numbers.share(high, images)}"
        f" (95 %, {numbers.count(images)} images)"
    )


def interval(member: Member, name: str) -> str:
    """``"0.007-0.040"``, or nothing where the number of images is unknown."""
    images = reading.images_of(member)
    if images is None:
        return ""
    low, high = numbers.wilson(min(1.0, max(0.0, member.values[name])), images)
    return f"{numbers.share(low, images)}-{numbers.share(high, images)}"


def spread(members: Sequence[Member], most: int | None, keep: Member | None = None) -> list[Member]:
    """At most so many members, evenly spread, with the first, the last and `keep` among them."""
    if most is None or len(members) <= most:
        return list(members)
    positions = {round(index * (len(members) - 1) / (most - 1)) for index in range(most)}
    wanted = next((index for index, member in enumerate(members) if keep is not None and member.id == keep.id), None)
    if wanted is not None and wanted not in positions:
        inner = positions - {0, len(members) - 1}
        positions -= {min(inner, key=lambda position: abs(position - wanted))} if inner else set()
        positions.add(wanted)
    return [members[index] for index in sorted(positions)]


def paragraph(lines: Sequence[str], style: str = "quiet") -> Group:
    """Sentences below a table."""
    return Group(*[Text(line, style=style) for line in lines])
