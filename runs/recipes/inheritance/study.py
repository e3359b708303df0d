"""Is inheriting worth it at equal cost? It goes on where it was stopped.

``python runs/recipes/inheritance/study.py --out FOLDER`` holds our search against its rivals: the same search from
fresh weights with 1, 2, 4 and 8 times a child's examples (initial networks as any child), and a hand-made ladder of
eight chains trained long. Members are chosen on the validation images and judged on the test images, which only this
study opens. It writes `runs.csv` (a line a run) and `summary.json` (medians, and a test against the best rival).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import wilcoxon

import lemonade
from lemonade.config import BudgetSettings, make_config
from lemonade.data import Dataset, Split, load_dataset, load_test
from lemonade.front import Axis, Front, hypervolume
from lemonade.run import resume_search
from lemonade.spaces.network import chain
from lemonade.training import Reading, child_examples, read_error, train
from lemonade.types import Status
from morphisms import build_module, params

OURS = "inherited"
MULTIPLES = (1, 2, 4, 8)
LADDER = (1, 2, 3, 4, 6, 8, 12, 16)
ARMS = (OURS, *[f"scratch-{k}" for k in MULTIPLES], "ladder")
BOX = (Axis(0.0, 0.3, False), Axis(10**2.5, 1e6, True))
"""Error and parameters, fixed beforehand: the networks one would use, not the ones that hardly learn."""


@dataclass(frozen=True)
class Network:
    """What the study knows of one trained network: its size, and its error on validation and on test images."""

    size: float
    validation: Reading
    test: Reading


@dataclass(frozen=True)
class Setup:
    """What all runs share."""

    dataset: str
    data: Dataset
    test: Split
    budget: BudgetSettings
    child_examples: int
    runs: Path


def finished(setup: Setup, arm: str, seed: int) -> lemonade.Run:
    """The search of an arm and a seed, brought to its end; the weights of all its children are kept."""
    folder = setup.runs / f"{arm}-{seed}"
    if folder.exists():
        return resume_search(folder)
    settings = {"dataset": setup.dataset, "seed": seed, "objectives": ("error", "params"), "keep": "all"}
    settings |= {"child_examples": setup.child_examples}
    settings |= {f"budget.{name}": value for name, value in setup.budget.model_dump().items()}
    if arm != OURS:
        factor = int(arm.removeprefix("scratch-"))
        settings |= {"inherit": False, "child_examples": factor * setup.child_examples, "training.initial_factor": 1.0}
    return lemonade.search(out=folder, **settings)


def networks_of(run: lemonade.Run, setup: Setup) -> list[Network]:
    """All networks of a run, read again on validation and test images."""
    found = []
    for name, evaluation in run.evaluations.items():
        if evaluation.status is Status.OK:
            member = run.member(name)
            module = build_module(member.graph, member.weights())
            found.append(
                Network(member.values["params"], *[_read(module, part, setup) for part in ("validation", "test")])
            )
    return found


def ladder(setup: Setup, seed: int, examples: int) -> list[Network]:
    """Eight chains, each trained on an eighth of the examples."""
    settings, found = make_config().training, []
    for width in LADDER:
        graph = chain(setup.data.input_shape, len(setup.data.classes), width, 3)
        module = build_module(graph, seed=1000 * seed + width)
        train(module, setup.data, settings, examples=examples // len(LADDER), seed=seed, device="cpu")
        found.append(Network(params(graph), *[_read(module, part, setup) for part in ("validation", "test")]))
    return found


def judged(networks: Sequence[Network], smoothed: bool) -> dict[str, float]:
    """Hypervolumes: of the chosen members on validation and on test images, and the best possible on test images."""

    def volume(chosen: Sequence[Network], part: str) -> float:
        return hypervolume([(getattr(one, part).error, one.size) for one in chosen], BOX)

    chosen = _front(networks, [one.validation.error_smoothed if smoothed else one.validation.error for one in networks])
    possible = _front(networks, [one.test.error for one in networks])
    return {
        "validation": volume(chosen, "validation"),
        "test": volume(chosen, "test"),
        "possible": volume(possible, "test"),
        "members": len(chosen),
        **{f"test error <= {limit}": _least(chosen, limit) for limit in (1_000, 5_000, 20_000, 100_000)},
    }


def _front(networks: Sequence[Network], errors: Sequence[float]) -> list[Network]:
    front = Front()
    for position, (one, error) in enumerate(zip(networks, errors, strict=True)):
        front.add(str(position), (error, one.size))
    return [networks[int(name)] for name in front.ids]


def _least(chosen: Sequence[Network], limit: float) -> float:
    """Test error of the member that validation would pick within a limit of parameters."""
    within = [one for one in chosen if one.size <= limit]
    return min(within, key=lambda one: one.validation.error_smoothed).test.error if within else 1.0


def _read(module: object, part: str, setup: Setup) -> Reading:
    split = setup.test if part == "test" else setup.data.validation
    return read_error(module, split, setup.data, "cpu")  # type: ignore[arg-type]


def summarise(rows: list[dict[str, object]]) -> dict[str, object]:
    """Medians by arm; the best rival by test hypervolume, and Wilcoxon's test of ours against it, paired by seed."""
    by_arm = {arm: [row for row in rows if row["arm"] == arm] for arm in dict.fromkeys(str(row["arm"]) for row in rows)}
    names = [name for name in rows[0] if name not in ("arm", "seed")]
    medians = {
        arm: {name: float(np.median([row[name] for row in mine])) for name in names} for arm, mine in by_arm.items()
    }
    rivals = [arm for arm in medians if arm != OURS]
    if OURS not in medians or not rivals:
        return {"medians": medians}
    best = max(rivals, key=lambda arm: medians[arm]["test"])
    ours, theirs = ([float(str(row["test"])) for row in by_arm[arm]] for arm in (OURS, best))
    p = float(wilcoxon(ours, theirs).pvalue) if len(ours) == len(theirs) > 1 and ours != theirs else None
    return {"medians": medians, "best rival": best, "wilcoxon p": p, "seeds": len(ours)}


def main() -> None:
    """Run what is missing, judge everything, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--time", default="60s", help="of each search")
    parser.add_argument("--child-examples", type=int, help="training images a child sees; default: as in a search")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--runs", type=Path, default=Path("runs/inheritance-study"), help="where the run folders go")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    config = make_config(None, {"dataset": arguments.dataset, "time": arguments.time})
    data = load_dataset(arguments.dataset, config.data)
    test = load_test(arguments.dataset, config.data)
    examples_of_a_child = arguments.child_examples or child_examples(config.training, len(data.train))
    setup = Setup(arguments.dataset, data, test, config.budget, examples_of_a_child, arguments.runs)
    arguments.out.mkdir(parents=True, exist_ok=True)
    smoothed = config.selection.is_smoothed(len(data.validation))
    rows: list[dict[str, object]] = []
    for seed in range(1, arguments.seeds + 1):
        examples = 0
        for arm in arguments.arms:
            kept = arguments.runs / f"{arm}-{seed}.json"
            if kept.exists():
                row = json.loads(kept.read_text())
            else:
                if arm == "ladder":
                    examples = examples or finished(setup, OURS, seed).spent.examples
                    networks = ladder(setup, seed, examples)
                else:
                    run = finished(setup, arm, seed)
                    networks, examples = networks_of(run, setup), max(examples, run.spent.examples)
                row = {"arm": arm, "seed": seed, "networks": len(networks), **judged(networks, smoothed)}
                kept.write_text(json.dumps(row))
            rows.append(row)
            print(
                f"{arm}, seed {seed}: test hypervolume {row['test']:.4f} of {row['possible']:.4f} possible", flush=True
            )
    with (arguments.out / "runs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (arguments.out / "summary.json").write_text(json.dumps(summarise(rows), indent=1) + "\n")


if __name__ == "__main__":
    main()
