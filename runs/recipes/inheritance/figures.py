"""Pictures of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from summary import Row, by_arm, median_curve

LEAST_ERROR = 2e-3
"""Errors below are drawn here, since the scale is logarithmic."""
OURS_COLOUR = "#d55e00"
COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#999999", "#cc79a7", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart."""
LEGEND_LETTERS = 120
"""Of the labels that fit side by side below a figure of nine inches."""


def draw(rows: Sequence[Row], ours: str, out: Path) -> None:
    """Test hypervolume over cost, fronts, and validation against test, into `out`."""
    arms = by_arm(rows)
    rivals = [arm for arm in arms if arm != ours]
    colours = {ours: OURS_COLOUR} | {arm: COLOURS[k % len(COLOURS)] for k, arm in enumerate(rivals)}
    _volumes(arms, colours).savefig(out / "volume.png", dpi=110)
    _fronts(arms, colours).savefig(out / "fronts.png", dpi=110)
    _luck(arms, colours).savefig(out / "validation.png", dpi=110)


def _volumes(arms: dict[str, list[Row]], colours: dict[str, str]) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, axis in zip(figure.subplots(1, 2, sharey=True), ("examples", "seconds"), strict=True):
        lows = []
        for arm, rows in arms.items():
            if not rows[0]["trace"]:  # a ladder, which is there when all of it is
                if axis in rows[0]:
                    ends = [row[axis] for row in rows], [row["test"] for row in rows]
                    axes.scatter(*ends, s=12, color=colours[arm], label=f"{arm} ({len(rows)} seeds)")
                continue
            end = float(np.median([row[axis] for row in rows]))
            start = max(row["trace"][0][axis] for row in rows)
            at = np.geomspace(start, max(end, start * 1.01), 100)
            axes.plot(at, median_curve(rows, axis, at), color=colours[arm], label=f"{arm} ({len(rows)} seeds)")
            low, high = (median_curve(rows, axis, at, quantile) for quantile in (0.25, 0.75))
            axes.fill_between(at, low, high, color=colours[arm], alpha=0.15, linewidth=0)
            lows.append(float(median_curve(rows, axis, at)[len(at) // 3]))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel({"examples": "training images seen", "seconds": "seconds"}[axis])
        if lows:
            axes.set_ylim(bottom=min(lows))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("hypervolume on test images")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns = max(1, min(4, LEGEND_LETTERS // max(map(len, labels), default=1)))
    figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=columns)
    return figure


def _fronts(arms: dict[str, list[Row]], colours: dict[str, str]) -> Figure:
    """Median over seeds of the test error of what one would choose within a size."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    sizes = np.geomspace(*_span(arms), 200)
    for arm, rows in arms.items():
        levels = np.array([[_error_within(row["front"], size) for size in sizes] for row in rows])
        levels = np.maximum(levels, LEAST_ERROR)
        axes.step(sizes, np.median(levels, axis=0), where="post", color=colours[arm], label=arm)
        low, high = np.quantile(levels, (0.25, 0.75), axis=0)
        axes.fill_between(sizes, low, high, step="post", color=colours[arm], alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("parameters")
    axes.set_ylabel("error on test images")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _luck(arms: dict[str, list[Row]], colours: dict[str, str]) -> Figure:
    figure = Figure(figsize=(4.5, 4), layout="constrained")
    axes = figure.subplots()
    for arm, rows in arms.items():
        axes.scatter([row["validation"] for row in rows], [row["test"] for row in rows], color=colours[arm], label=arm)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color="#999999", linewidth=1)
    axes.set_xlabel("hypervolume on validation images")
    axes.set_ylabel("hypervolume on test images")
    axes.legend(fontsize=8)
    return figure


def _span(arms: dict[str, list[Row]]) -> tuple[float, float]:
    sizes = [one[0] for rows in arms.values() for row in rows for one in row["front"]]
    return min(sizes), max(sizes)


def _error_within(front: Sequence[Sequence[float]], size: float) -> float:
    """Test error of the largest chosen network within a size; NaN if there is none (smallest first)."""
    within = [one[2] for one in front if one[0] <= size]
    return within[-1] if within else float("nan")
