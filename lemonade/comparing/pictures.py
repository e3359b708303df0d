"""Pictures of a comparison: hypervolume over cost, and attainment surfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lemonade import numbers
from lemonade.comparing.comparison import AXES, Comparison
from lemonade.reporting.picture import UNITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#666666", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart; the first method's first."""
STYLES = ("-", "--", "-.", ":")
AXIS_NAMES = {"examples": "training images seen", "seconds": "seconds"}


def pictures(comparison: Comparison) -> Iterator[tuple[str, str, Figure]]:
    """A name for a file, what the picture shows, and the picture, one after the other."""
    yield (
        "hypervolume",
        "Hypervolume over training images and over seconds; lines are medians over runs, bands their quartiles.",
        _volumes(comparison),
    )
    for resource in comparison.resources:
        yield (
            f"attainment-{resource}",
            f"Error attained within {resource}: by half of the runs (line), and between what one and what all of "
            "them attain (band).",
            _surfaces(comparison, resource),
        )


def _volumes(comparison: Comparison) -> Figure:
    figure, panels = _figure(len(AXES))
    for axes, by in zip(panels, AXES, strict=True):
        middles = []
        for position, group in enumerate(comparison.groups):
            at, (low, middle, high) = comparison.curve(group, by)
            axes.plot(at, middle, **_look(position), label=f"{group.name} ({len(group.courses)})")
            axes.fill_between(at, low, high, color=COLOURS[position % len(COLOURS)], alpha=0.15, linewidth=0)
            middles.append(middle)
        # what a method is worth in its first tenth would leave no room for where they differ
        start = min(float(np.quantile(middle[middle > 0], 0.3)) for middle in middles if (middle > 0).any())
        top = max(float(middle.max()) for middle in middles)
        axes.set_ylim(start - 0.05 * (top - start), top + 0.1 * (top - start) + 1e-3)
        axes.set_xscale("log")
        axes.set_xlabel(AXIS_NAMES[by])
    panels[0].set_ylabel("hypervolume, share of the box")
    _finish(figure, panels)
    return figure


def _surfaces(comparison: Comparison, resource: str) -> Figure:
    figure, panels = _figure(1)
    (axes,) = panels
    floor = 0.5 / max(1, comparison.runs[0].facts["validation"])  # a logarithmic axis has no 0: half an image
    for position, group in enumerate(comparison.groups):
        sizes, levels = comparison.surfaces(group, resource)
        best, middle, worst = (np.where(np.isfinite(one), np.maximum(one, floor), np.nan) for one in levels)
        axes.step(sizes, middle, where="post", **_look(position), label=f"{group.name} ({len(group.courses)})")
        axes.fill_between(
            sizes, best, worst, step="post", color=COLOURS[position % len(COLOURS)], alpha=0.12, linewidth=0
        )
    if next(one.log for one in comparison.objectives if one.name == resource):
        axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(UNITS.get(resource, resource))
    axes.set_ylabel(f"{comparison.objectives[0].name} on validation images")
    _finish(figure, panels)
    return figure


def _look(position: int) -> dict[str, Any]:
    return {"color": COLOURS[position % len(COLOURS)], "linestyle": STYLES[position % len(STYLES)]}


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * panels, 4.2), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _finish(figure: Figure, panels: list[Axes]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axes in panels:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
            if scale == "log":
                low, high = axis.get_view_interval()
                axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
                axis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.short(value).replace(".0 ", " ")))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=9,
        title="runs in parentheses", title_fontsize=8,
    )  # fmt: skip
