"""A comparison in plain words: what is significant, what is not, and what follows from neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lemonade import numbers
from lemonade.comparing.comparison import AXES, Comparison, Contest
from lemonade.comparing.grouping import machine_differences
from lemonade.comparing.statistics import ALPHA
from lemonade.history import Run
from lemonade.reporting.commands import short_path

TEST = "Mann-Whitney U test"
LUCK = (
    "Hypervolumes and errors are read on the validation images that also chose the members, so they flatter; a method "
    "that tries more networks profits a little more from luck. lemonade retrain reads the test images."
)

SMOOTHED = (
    "With so few validation images members are ranked by the smoothed error (1 - mean probability of the true class). "
    "Hypervolumes count their plain errors, so they may fall a little where a better member replaces a luckier one."
)


def basis_sentence(comparison: Comparison) -> str:
    """When the runs are compared."""
    basis = comparison.basis
    unit = {"seconds": "seconds", "examples": "training images", "evaluations": "evaluations"}[basis.by]
    if basis.at is None:
        budget = comparison.runs[0].budget
        amount = {"seconds": budget.time, "examples": budget.examples, "evaluations": budget.evaluations}[basis.by]
        return f"All runs had a budget of {numbers.count(amount or 0)} {unit} and are compared at their ends."
    return f"Runs are compared where each had spent {numbers.count(basis.at)} {unit}, which all of them reached."


def contest_sentence(one: Contest, contests: int) -> str:
    """What can be said of the first group against another."""
    side = "higher" if one.difference > 0 else "lower"
    by = f"{side} by {abs(one.difference):.3f}" if one.difference else "as high"
    line = f"{one.first} against {one.second}: median hypervolume {by}"
    if min(one.runs) > 1:  # of a single pair it would say the same again
        pairs = f"{100 * one.larger:.0f} % of all pairs of runs (A12 {one.larger:.2f})"
        line += f"; {one.first}'s is the larger one in {pairs}"
    if one.p is None:
        return f"{line}. No test was made: a single run says nothing of how much runs differ among themselves."
    corrected = one.corrected if one.corrected is not None else one.p
    held = f"{TEST}, p = {one.p:.3g}" + (
        f", {corrected:.3g} by Holm for {contests} comparisons" if contests > 1 else ""
    )
    if corrected < ALPHA:
        return f"{line}. That is significant ({held})."
    if one.least >= ALPHA:
        return (
            f"{line}. That is not significant ({held}), and with {one.runs[0]} and {one.runs[1]} runs in "
            f"{numbers.quantity(contests, 'comparison')} it could not be, however large the difference: run more seeds."
        )
    return f"{line}. That is not significant ({held}): it may be chance."


def cost_sentence(one: Contest) -> str:
    """What the first group needed for the other's final median."""
    parts = []
    for by in AXES:
        theirs, ours = one.needed[by]
        unit = {"examples": "training images", "seconds": "seconds"}[by]
        if theirs is None:
            continue
        if ours is None:
            return f"{one.first} does not reach the final median of {one.second}."
        parts.append(f"{numbers.short(ours)} {unit} ({one.second} {numbers.short(theirs)})")
    return f"{one.first} reaches the final median of {one.second} after {' and '.join(parts)}." if parts else ""


def size_sentences(comparison: Comparison) -> list[str]:
    """Which method has the least median error within each size."""
    found = []
    for resource, sizes in comparison.sizes.items():
        medians = {group.name: comparison.median_errors(group, resource, sizes) for group in comparison.groups}
        for position, size in enumerate(sizes):
            values = {name: known[position] for name, known in medians.items() if np.isfinite(known[position])}
            if not values:
                continue
            least = min(values.values())
            best = [name for name, value in values.items() if value == least]
            found.append(f"{resource} <= {numbers.count(size)}: {' and '.join(best)} ({least:.3f})")
    return found


def words(comparison: Comparison) -> list[str]:
    """The comparison, sentence by sentence."""
    contests = comparison.contests
    lines = [basis_sentence(comparison)]
    for one in contests:
        lines += [contest_sentence(one, len(contests)), cost_sentence(one)]
    if not contests:
        lines.append("There is one method only, so there is nothing to hold it against.")
    least = size_sentences(comparison)
    if least:
        lines.append(f"Least median {comparison.reading} within a size: {'; '.join(least)}.")
    if unfinished := _folders([run for run in comparison.runs if not run.finished]):
        lines.append(f"Not finished, and taken as far as they went: {unfinished}.")
    if childless := _folders([run for run in comparison.runs if run.childless]):
        lines.append(f"The networks that a method begins with used up the budget, no child was trained: {childless}.")
    differ = machine_differences(comparison.runs)
    if differ:
        lines.append(f"Runs differ in {'; '.join(differ)}: seconds may not be comparable.")
    if comparison.runs[0].smoothed:
        lines.append(SMOOTHED)
    return [line for line in [*lines, LUCK] if line]


def _folders(runs: Sequence[Run]) -> str:
    return ", ".join([str(short_path(run.folder)) for run in runs])
