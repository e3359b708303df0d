"""Keep what README quotes of a run: `python runs/recipes/evidence.py RUN... --out runs/results/NAME`.

Copies config, environment, front (CSV and picture) of each run and writes `summary.json`: the figures, the machine's
share in them (workers, seconds), and how much of the wall time was spent training and evaluating.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from lemonade import Run

LIMITS = (1_000, 5_000, 20_000, 50_000, 100_000)


def summary(run: Run, workers: int) -> dict[str, object]:
    """The figures of one run; `busy` is the share of worker seconds spent on children."""
    values = [member.values for member in run.front]
    busy = sum(one.seconds for one in run.evaluations.values())
    return {
        "seed": run.config.seed,
        "seconds": round(run.spent.seconds, 1),
        "children": len(run.evaluations),
        "examples": run.spent.examples,
        "members": len(run.front),
        "hypervolume": round(run.front.hypervolume, 4),
        "params": [min(one["params"] for one in values), max(one["params"] for one in values)],
        "best error": round(min(one["error"] for one in values), 4),
        "best error by params": {
            str(limit): round(min((one["error"] for one in values if one["params"] <= limit), default=1.0), 4)
            for limit in LIMITS
        },
        "validation images": run.facts.validation,
        "workers": workers,
        "busy": round(busy / (workers * run.spent.seconds), 3),
    }


def main() -> None:
    """Copy and summarise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2, help="worker processes the runs had")
    arguments = parser.parse_args()
    rows = {}
    for folder in arguments.runs:
        run = Run.load(folder)
        rows[folder.name] = summary(run, arguments.workers)
        kept = arguments.out / folder.name
        kept.mkdir(parents=True, exist_ok=True)
        run.front.to_csv(kept / "front.csv")
        for name in ("config.yaml", "environment.json", "front.png"):
            if (folder / name).exists():
                shutil.copy(folder / name, kept / name)
    (arguments.out / "summary.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
