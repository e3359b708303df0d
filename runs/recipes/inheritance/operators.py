"""What each operator costs, and what inheriting through it is worth.

``python runs/recipes/inheritance/operators.py --out FOLDER`` trains chains, takes children of each by every operator,
and compares them with fresh networks of the same shape that see the same training images. It writes `children.csv` (a
line a child) and `operators.csv` (medians): the smoothed error of the parent, right after the rewrite, after
distillation, after training, and of the fresh network.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from outcome import write_origin, write_table

from lemonade.budgets import ChildBudget
from lemonade.config import TrainingSettings
from lemonade.data import load_dataset
from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.objectives import resolve
from lemonade.settings import make_config
from lemonade.spaces.network import chain
from lemonade.types import RESTARTED, Candidate, Evaluation, Job, Stored
from morphisms import OPERATORS, Morphism, NetworkGraph, Site, params

WIDTHS = (3, 6, 12)


class Laboratory:
    """Trains networks one at a time; weights lie in a folder that goes away."""

    def __init__(self, bench: Bench, training: TrainingSettings, folder: Path) -> None:
        self.bench = bench
        self.training = training
        self.budget = ChildBudget.of(training, len(bench.dataset.train))
        self.folder = folder
        self.count = 0

    def trained(
        self,
        graph: NetworkGraph,
        seed: int,
        parent: tuple[NetworkGraph, Evaluation] | None = None,
        records: tuple[Morphism, ...] = (),
        initial: bool = False,
    ) -> Evaluation:
        """A network trained from its parent's weights, or from fresh ones."""
        self.count += 1
        candidate = Candidate(
            id=f"c{self.count:04d}",
            genotype=graph,
            key="",
            parent="parent" if parent else None,
            morphisms=records,
            generation=0,
            costs={"params": params(graph)},
            examples=self.budget.initial if initial else self.budget.child,
            seed=seed,
        )
        job = Job(
            candidate=candidate,
            training=self.training,
            inherit=parent is not None,
            parent=Stored(parent[0], str(parent[1].weights)) if parent else None,
            output=str(self.folder / f"{candidate.id}.safetensors"),
        )
        return evaluate_child(job, self.bench)


def measured(laboratory: Laboratory, names: Sequence[str], sites: int, seed: int) -> list[dict[str, Any]]:
    """Children of chains by every operator, and their fresh twins."""
    rows = []
    rng = np.random.default_rng(seed)
    data = laboratory.bench.dataset
    for width in WIDTHS:
        graph = chain(data.input_shape, len(data.classes), width, 3)
        graph = OPERATORS["add_skip"].draw(graph, rng)[1].child  # type: ignore[index]  # so there is one to remove
        parent = laboratory.trained(graph, int(rng.integers(2**31)), initial=True)
        for name in names:
            operator = OPERATORS[name]
            for _ in range(sites):
                drawn = operator.draw(graph, rng) if name != "continue" else (Site(), None)
                if drawn is None:
                    continue
                record = operator.record(graph, drawn[0], int(rng.integers(2**31)))
                made = drawn[1].child if drawn[1] is not None else graph
                seed = int(rng.integers(2**31))
                child = laboratory.trained(made, seed, (graph, parent), (record,))
                fresh = laboratory.trained(made, seed)
                after = child.stages["inherited"].error_smoothed
                rows.append(
                    {
                        "operator": name,
                        "width": width,
                        "params": params(made),
                        "parent": parent.values["error_smoothed"],
                        "rewritten": after,
                        "distilled": child.stages["distilled"].error_smoothed if "distilled" in child.stages else after,
                        "trained": child.values.get("error_smoothed", 1.0),
                        "fresh": fresh.values.get("error_smoothed", 1.0),
                        "restarted": int(bool(child.payload.get(RESTARTED))),
                    }
                )
                print(record.summary, *[f"{rows[-1][key]:.3f}" for key in STAGES], flush=True)
    return rows


STAGES = ("parent", "rewritten", "distilled", "trained", "fresh")


def medians(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an operator, and how often the inherited child ended below its fresh twin."""
    found = []
    for name in dict.fromkeys(row["operator"] for row in rows):
        mine = [row for row in rows if row["operator"] == name]
        found.append(
            {
                "operator": name,
                "children": len(mine),
                **{key: round(float(np.median([row[key] for row in mine])), 4) for key in STAGES},
                "better than fresh": sum(row["trained"] < row["fresh"] for row in mine),
                "restarted": sum(row["restarted"] for row in mine),
            }
        )
    return found


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--sites", type=int, default=6, help="children of each chain by each operator")
    parser.add_argument("--operators", nargs="+", default=list(OPERATORS), choices=list(OPERATORS))
    parser.add_argument("--child-examples", type=int, help="training images a child sees; default: as in a search")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--train-most", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = {
        "dataset": arguments.dataset,
        "image_size": arguments.image_size,
        "data.train_most": arguments.train_most,
    }
    settings |= {"training.child_examples": arguments.child_examples}
    config = make_config(None, settings)
    data = load_dataset(config.dataset, config.data)
    objectives = resolve(("error", "params"), len(data.classes))
    bench = Bench(data, {}, objectives[:1], torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(bench, config.training, Path(folder))
        rows = measured(laboratory, arguments.operators, arguments.sites, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in (("children", rows), ("operators", medians(rows))):
        write_table(table, arguments.out / f"{name}.csv")
    write_origin(arguments.out, examples=laboratory.budget.child, initial=laboratory.budget.initial)


if __name__ == "__main__":
    main()
