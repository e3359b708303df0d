"""Does inheriting weights pay? The same search with and without.

``python runs/recipes/inheritance/with_and_without.py --out FOLDER``: everything else is equal, space, seeds, training
examples a child, budget in examples. Runs that exist are resumed. It writes `inheritance.csv` (hypervolume after each
generation against training examples) and `inheritance.png`.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import lemonade
from lemonade.run import resume_search

ARMS = {"inherited": True, "from scratch": False}
COLOURS = {"inherited": "#0072b2", "from scratch": "#d55e00"}


def finished_run(folder: Path, seed: int, inherit: bool, dataset: str, examples: int) -> lemonade.Run:
    """The run of that folder, brought to its end."""
    if folder.exists():
        return resume_search(folder)
    return lemonade.search(dataset=dataset, seed=seed, inherit=inherit, examples=examples, out=folder)


def curve(run: lemonade.Run) -> list[tuple[int, float]]:
    """(training examples, hypervolume) after each generation."""
    return [(one.spent.examples, one.hypervolume) for one in run.generations]


def draw(curves: dict[str, list[list[tuple[int, float]]]], dataset: str, path: Path) -> None:
    """One line a run and the median of each arm."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for arm, runs in curves.items():
        for points in runs:
            axes.step(*zip(*points, strict=True), where="post", color=COLOURS[arm], alpha=0.3, linewidth=1)
        last = min(points[-1][0] for points in runs)
        grid = np.linspace(max(points[0][0] for points in runs), last, 200)
        levels = [[max(v for x, v in points if x <= at) for at in grid] for points in runs]
        label = f"children {arm} (median of {len(runs)} seeds)"
        axes.plot(grid, np.median(levels, axis=0), color=COLOURS[arm], linewidth=2.2, label=label)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g} M")
    axes.set(
        xlabel="training examples seen", ylabel="hypervolume (validation)", title=f"{dataset}: error, params, flops"
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run both arms, seed by seed, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--examples", type=int, default=1_500_000, help="training examples of each run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/inheritance"), help="where the run folders go")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    curves: dict[str, list[list[tuple[int, float]]]] = {arm: [] for arm in ARMS}
    rows = []
    for seed in range(1, arguments.seeds + 1):
        for arm, inherit in ARMS.items():
            folder = arguments.runs / f"{arm.replace(' ', '-')}-{seed}"
            run = finished_run(folder, seed, inherit, arguments.dataset, arguments.examples)
            curves[arm].append(curve(run))
            kept = arguments.out / folder.name
            kept.mkdir(parents=True, exist_ok=True)
            run.front.to_csv(kept / "front.csv")
            for name in ("config.yaml", "environment.json"):
                shutil.copy(folder / name, kept / name)
            rows += [(arm, seed, examples, f"{volume:.4f}") for examples, volume in curve(run)]
            print(f"{arm}, seed {seed}: hypervolume {run.front.hypervolume:.4f}, {len(run.evaluations)} children")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "inheritance.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("arm", "seed", "examples", "hypervolume"), *rows])
    draw(curves, arguments.dataset, arguments.out / "inheritance.png")


if __name__ == "__main__":
    main()
