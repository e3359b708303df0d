"""The picture of a front: error against each resource, for README, slides and a look in passing."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade import numbers
from lemonade.files import write_whole
from lemonade.front import non_dominated
from lemonade.reporting import reading
from lemonade.runfolder import PICTURE
from lemonade.types import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lemonade.history import Run

# Okabe and Ito's palette: told apart with every kind of colour vision, and as greys by their lightness
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#8C8C8C"
INK, MUTED, PALE = "#222222", "#666666", "#DDDDDD"
WIDTH, HEIGHT, DPI = 5.6, 4.4, 150
MANY = 30.0
WRAP = 85
UNITS = {
    "params": "params",
    "flops": "flops (multiply-adds)",
    "latency_ms": "latency (ms)",
    "activation_bytes": "peak activations (bytes)",
}


def draw_front(run: Run) -> str:
    """Draw the front into the run folder as `PICTURE`, unless there is nothing to draw, and never raise.

    Returns:
        What went wrong, in a line; empty if nothing did. No failure here takes a search whose results are safe.
    """
    try:
        save_picture(run, run.folder / PICTURE)
    except Exception as error:
        return f"the front was not drawn: {error}"
    return ""


def save_picture(run: Run, path: Path) -> bool:
    """Draw the front of a run; False, and nothing written, if there is nothing to draw.

    matplotlib's figure is used by itself: `pyplot` keeps figures alive and picks a window system.

    Raises:
        LemonadeError: if it cannot be written.
    """
    error, resources = reading.ERROR, reading.other_names(run)
    if not run.front.members:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * len(resources), HEIGHT), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(resources), sharey=True, squeeze=False)[0]
    for index, (axes, resource) in enumerate(zip(panels, resources, strict=True)):
        _draw(axes, run, error, resource)
        if index == 0:
            axes.set_ylabel(f"{error} on the validation images", color=INK)
    figure.suptitle(_title(run), fontsize=11, color=INK, x=0.01, ha="left")
    _legend(figure, panels[0], textwrap.fill(_note(run), WRAP * len(resources)))
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    write_whole(path, memory.getvalue(), "The run is whole without it.")
    return True


def _draw(axes: Axes, run: Run, error: str, resource: str) -> None:
    front, knee = list(run.front.members), run.front.knee
    others = dominated(run)
    # a log axis has no 0: a network without a single wrong image is drawn at half an image
    least = 0.5 / max(1, run.facts.validation)
    axes.set_axisbelow(True)
    values = [values[resource] for values in [*others, *(member.values for member in front)]]
    if next(one.log for one in run.objectives if one.name == resource) and min(values) > 0:
        axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True, which="major", color=PALE, linewidth=0.6)
    axes.scatter(
        [values[resource] for values in others],
        [max(values[error], least) for values in others],
        s=14, marker="x", color=GREY, alpha=0.55, linewidths=0.9, label=f"dominated ({len(others)})", zorder=2,
    )  # fmt: skip
    steps = lower_envelope([(member.values[resource], max(member.values[error], least)) for member in front])
    axes.step([x for x, _ in steps], [y for _, y in steps], where="post", color=BLUE, linewidth=1.2, zorder=3)
    axes.scatter(
        [member.values[resource] for member in front],
        [max(member.values[error], least) for member in front],
        s=34, marker="o", color=BLUE, edgecolors="white", linewidths=0.8, label=f"front ({len(front)})", zorder=4,
    )  # fmt: skip
    if knee is not None:
        x, y = knee.values[resource], max(knee.values[error], least)
        axes.scatter(
            [x],
            [y],
            s=110,
            marker="D",
            color=ORANGE,
            edgecolors=INK,
            linewidths=1.0,
            label=f"knee ({knee.id})",
            zorder=5,
        )
    _scales(axes, resource)


def _scales(axes: Axes, resource: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xlabel(UNITS.get(resource, resource), color=INK)
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log" and high < MANY * low:  # a decade has one label only: too few to read a value off
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.short(value).replace(".0 ", " ")))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(colors=INK, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _legend(figure: Figure, axes: Axes, note: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(labels),
        frameon=False,
        fontsize=9,
        # the layout makes room for a legend and its title, not for text of its own
        title=note or None,
        title_fontsize=8,
    )
    legend.get_title().set_color(MUTED)


def _title(run: Run) -> str:
    spent = run.spent
    children = numbers.quantity(spent.evaluations, "child", "children")
    return f"{run.facts.name}: {children} in {numbers.duration(spent.seconds)}, seed {run.config.seed}"


def _note(run: Run) -> str:
    """What would puzzle whoever looks closely."""
    notes = []
    causes = ["for another objective"] * (len(run.objectives) > 2) + ["for their smoothed error"] * run.smoothed
    if causes:
        notes.append(f"Members off the line are on the front {' or '.join(causes)}.")
    if any(member.values[reading.ERROR] == 0 for member in run.front.members):
        notes.append("An error of 0 is drawn at half an image.")
    if run.smoothed:
        notes.append("Ranked by the smoothed error: a dominated network may have a lower plain one.")
    return " ".join(notes)


def dominated(run: Run) -> list[Mapping[str, float]]:
    """Values of the networks that were trained and are not on the front; their graphs are not read."""
    front = {member.id for member in run.front.members}
    values = [
        run.values(name)
        for name, evaluation in run.evaluations.items()
        if name not in front and evaluation.status is Status.OK
    ]
    return [known for known in values if all(math.isfinite(known.get(name, math.nan)) for name in run.objective_names)]


def lower_envelope(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points that no other beats in both coordinates, from left to right.

    A member may be on the front without being on this line: a third objective or the smoothed error keeps it there.
    """
    return sorted({points[position] for position in non_dominated(points)})
