"""Pictures of a comparison: hypervolume over cost, and attainment surfaces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lemonade import numbers
from lemonade.comparing.comparison import AXES, Comparison
from lemonade.comparing.course import By, Values
from lemonade.comparing.grouping import Group
from lemonade.reporting.picture import UNITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#666666", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart; the first method's first."""
WIDTH, HEIGHT, ROW = 5.6, 4.2, 0.17
"""Inches; `ROW` of each row of the legend beyond three."""
LETTERS, LINE = 90, 8
"""Letters of the legend that a picture is wide, and how many the sample of a line takes."""
STYLES = ("-", "--", "-.", ":")
AXIS_NAMES: dict[By, str] = {"examples": "training images seen", "seconds": "seconds"}


def pictures(comparison: Comparison) -> Iterator[tuple[str, str, Figure]]:
    """A name for a file, what the picture shows, and the picture, one after the other."""
    for by in AXES:
        yield (
            f"hypervolume-{by}",
            f"Hypervolume over {AXIS_NAMES[by]}: medians over runs (lines) and their quartiles (bands).",
            _volumes(comparison, by),
        )
    for resource in comparison.resources:
        yield (
            f"attainment-{resource}",
            f"{comparison.reading.capitalize()} within {resource}: attained by half of the runs (line), and between "
            "what one and what all of them attain (band).",
            _surfaces(comparison, resource),
        )


def _volumes(comparison: Comparison, by: By) -> Figure:
    figure, axes = _figure()
    middles = []
    for position, group in enumerate(comparison.groups):
        at, bands = comparison.curve(group, by)
        _lines(axes, position, group, at, bands)
        middles.append(bands[1])
    # what methods are worth at their beginnings would leave no room for where they differ
    start = min([float(np.quantile(middle[middle > 0], 0.3)) for middle in middles if (middle > 0).any()], default=0.0)
    top = max(float(middle.max()) for middle in middles)
    axes.set_ylim(start - 0.05 * (top - start), top + 0.1 * (top - start) + 1e-3)
    axes.set_xscale("log")
    axes.set_xlabel(AXIS_NAMES[by])
    axes.set_ylabel("hypervolume, share of the box")
    _finish(figure, axes)
    return figure


def _surfaces(comparison: Comparison, resource: str) -> Figure:
    figure, axes = _figure()
    floor = 0.5 / max(1, comparison.runs[0].facts.validation)  # a logarithmic axis has no 0: half an image
    for position, group in enumerate(comparison.groups):
        sizes, levels = comparison.surfaces(group, resource)
        shown = np.where(np.isfinite(levels), np.maximum(levels, floor), np.nan)
        _lines(axes, position, group, sizes, shown)
    if next(one.log for one in comparison.objectives if one.name == resource):
        axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(UNITS.get(resource, resource))
    axes.set_ylabel(f"{comparison.reading} on validation images")
    _finish(figure, axes)
    return figure


def _lines(axes: Axes, position: int, group: Group, at: Values, bands: Values) -> None:
    """A step line and the band around it; `bands` are its lower end, the line and its upper end, (3, points)."""
    low, middle, high = bands
    # behind the last colour, each begins again with another style
    colour, style = COLOURS[position % len(COLOURS)], STYLES[(position + position // len(COLOURS)) % len(STYLES)]
    label = f"{group.name} ({len(group.courses)})"
    axes.step(at, middle, where="post", color=colour, linestyle=style, label=label)
    axes.fill_between(at, low, high, step="post", color=colour, alpha=0.14, linewidth=0)


def _figure() -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _finish(figure: Figure, axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        if scale == "log":
            low, high = axis.get_view_interval()
            axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
            axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.short(value).replace(".0 ", " ")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, min(3, len(labels), LETTERS // max(len(label) + LINE for label in labels)))
    rows = math.ceil(len(labels) / columns)
    figure.set_figheight(HEIGHT + ROW * max(0, rows - 3))  # a long legend takes nothing from the plot
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8,
        title="runs in parentheses", title_fontsize=8,
    )  # fmt: skip
