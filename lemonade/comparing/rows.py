"""Figures of a comparison as rows of text, for the terminal, the page and spreadsheets alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lemonade import numbers
from lemonade.comparing.comparison import AXES, Comparison, spendings
from lemonade.comparing.statistics import quartiles
from lemonade.reporting.commands import short_path

Rows = list[list[str]]
METHOD_HEADS = (
    "method", "seeds", "hypervolume", "quartiles", "p (Holm)", "A12", "children", "training images", "seconds"
)  # fmt: skip


def method_rows(comparison: Comparison) -> Rows:
    """One row a method: its hypervolume, the first one's contest with it, and medians of what it spent."""
    contests = {one.second: one for one in comparison.contests}
    rows = []
    for group in comparison.groups:
        low, middle, high = quartiles(comparison.volumes(group))
        one = contests.get(group.name)
        p = one.corrected if one is not None else None
        spent = spendings(group)
        rows.append([
            group.name,
            str(len(group.courses)),
            f"{middle:.3f}",
            f"{low:.3f}-{high:.3f}",
            "" if p is None else f"{p:.3g}",
            "" if one is None else f"{one.larger:.2f}",
            *[numbers.count(float(np.median(spent[name]))) for name in ("children", "examples", "seconds")],
        ])  # fmt: skip
    return rows


def error_rows(comparison: Comparison) -> Rows:
    """Median error of each method within each size, under a row of heads."""
    heads = ["method"]
    rows = [[group.name] for group in comparison.groups]
    for resource, sizes in comparison.sizes.items():
        heads += [f"{resource} <= {numbers.short(size).replace('.0 ', ' ')}" for size in sizes]
        for row, group in zip(rows, comparison.groups, strict=True):
            medians = comparison.median_errors(group, resource, sizes)
            row += [f"{value:.3f}" if np.isfinite(value) else "-" for value in medians]
    return [heads, *rows]


def run_rows(comparison: Comparison) -> Rows:
    """One row a run, under a row of heads."""
    sizes = [(resource, size) for resource, known in comparison.sizes.items() for size in known]
    heads = ["method", "run", "seed", "hypervolume", "children", "examples", "seconds"]
    rows = [[*heads, *[f"{comparison.reading} within {resource} {size:g}" for resource, size in sizes]]]
    for group in comparison.groups:
        for course in group.courses:
            run, front = course.run, comparison.basis.front(course)
            errors = [course.errors_within(front, resource, [size])[0] for resource, size in sizes]
            rows.append([
                group.name, str(short_path(run.folder)), str(run.config.seed), f"{comparison.basis.volume(course):.5f}",
                str(run.spent.evaluations), str(run.spent.examples), f"{run.spent.seconds:.1f}",
                *[f"{error:.5f}" if np.isfinite(error) else "" for error in errors],
            ])  # fmt: skip
    return rows


def curve_rows(comparison: Comparison) -> Iterable[list[str]]:
    """Quartiles of the hypervolume over what was spent, under a row of heads."""
    yield ["method", "by", "spent", "lower quartile", "median", "upper quartile"]
    for group in comparison.groups:
        for by in AXES:
            at, bands = comparison.curve(group, by)
            for spent, values in zip(at, bands.T, strict=True):
                yield [group.name, by, f"{spent:.6g}", *[f"{value:.5f}" for value in values]]
