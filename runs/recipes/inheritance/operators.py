"""What each operator costs, and what inheriting through it is worth.

``python runs/recipes/inheritance/operators.py --out FOLDER`` trains chains, takes children of each by every operator,
and compares them with fresh networks of the same shape that see the same training images. `children.csv` has a line a
child, `operators.csv` the medians. Columns are smoothed validation errors: of the parent; ``rewritten``, right after
the rewrite; ``trained``; ``distilled`` and ``trained then``, where the first `--distil` of the same images brings what
an inexact rewrite touched back to the parent's outputs (empty for exact ones); ``taught``, trained with the best
chain's opinions beside the labels, as in a search; ``fresh`` and ``fresh, taught``. Those
after the rewrite and after distilling are of 1,000 validation images at most. All children are of different sites.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asked import add_out, add_settings, config_of, positive, run_main
from outcome import write_origin, write_table

from lemonade.budgets import ChildBudget
from lemonade.config import TrainingSettings
from lemonade.data import load_dataset
from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.objectives import resolve
from lemonade.spaces.network import chain
from lemonade.types import Candidate, Evaluation, Job, Stored
from morphisms import OPERATORS, Exactness, Morphism, NetworkGraph, Site, params

WIDTHS = (12, 6, 3)
MOST_DRAWS = 100
"""Sites drawn of an operator in one chain; those that come twice are passed over, and some operators have few."""
ERRORS = ("parent", "rewritten", "trained", "distilled", "trained then", "taught", "fresh", "fresh, taught")


class Laboratory:
    """Trains networks one at a time; weights lie in a folder that goes away.

    Args:
        bench: Data and device.
        training: How networks are trained.
        share: Of an inexact child's images, what it is distilled with where it is.
        folder: For weights.
    """

    def __init__(self, bench: Bench, training: TrainingSettings, share: float, folder: Path) -> None:
        self.bench = bench
        self.training = {
            "trained": training.model_copy(update={"distill_share": 0.0}),
            "trained then": training.model_copy(update={"distill_share": share, "restart": False}),
        }
        self.budget = ChildBudget.of(training, len(bench.dataset.train))
        self.folder = folder
        self.teacher: Stored | None = None
        self.count = 0

    def parent(self, graph: NetworkGraph, seed: int) -> Evaluation:
        """A network trained long from fresh weights; the first one is the teacher of all others."""
        found = self._evaluated(graph, seed, self.budget.initial)
        if self.teacher is None:
            self.teacher = Stored(graph, str(found.weights))
        return found

    def row(
        self, graph: NetworkGraph, parent: Evaluation, made: NetworkGraph, record: Morphism, seed: int
    ) -> dict[str, Any]:
        """What becomes of one child and of its fresh twin."""
        inherits = {"parent": Stored(graph, str(parent.weights)), "records": (record,)}
        images = self.budget.child
        child = self._evaluated(made, seed, images, **inherits)
        found = {
            "parent": parent.values["error_smoothed"],
            "rewritten": child.stages["inherited"].error_smoothed,
            "trained": _end(child),
            "distilled": None,
            "trained then": None,
            "taught": _end(self._evaluated(made, seed, images, teacher=self.teacher, **inherits)),
            "fresh": _end(self._evaluated(made, seed, images)),
            "fresh, taught": _end(self._evaluated(made, seed, images, teacher=self.teacher)),
        }
        if record.exactness is Exactness.APPROXIMATE:
            then = self._evaluated(made, seed, images, way="trained then", **inherits)
            found["distilled"] = then.stages["distilled"].error_smoothed
            found["trained then"] = _end(then)
        return {"params": params(made), **found}

    def _evaluated(
        self,
        graph: NetworkGraph,
        seed: int,
        images: int,
        parent: Stored | None = None,
        records: tuple[Morphism, ...] = (),
        teacher: Stored | None = None,
        way: str = "trained",
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
            examples=images,
            seed=seed,
        )
        job = Job(
            candidate=candidate,
            training=self.training[way],
            inherit=parent is not None,
            parent=parent,
            output=str(self.folder / f"{candidate.id}.safetensors"),
            teacher=teacher,
        )
        return evaluate_child(job, self.bench)


def _end(evaluation: Evaluation) -> float:
    """The smoothed error of a trained network; one that diverged has learnt nothing."""
    return evaluation.values.get("error_smoothed", 1.0)


def measured(laboratory: Laboratory, names: Sequence[str], sites: int, seed: int) -> list[dict[str, Any]]:
    """Children of chains by every operator, and their fresh twins."""
    rows = []
    rng = np.random.default_rng(seed)
    data = laboratory.bench.dataset
    for width in WIDTHS:
        graph = chain(data.input_shape, len(data.classes), width, 3)
        graph = OPERATORS["add_skip"].draw(graph, rng)[1].child  # type: ignore[index]  # so there is one to remove
        parent = laboratory.parent(graph, int(rng.integers(2**31)))
        for name in names:
            operator = OPERATORS[name]
            drawn_so_far: set[Site] = set()
            for _ in range(MOST_DRAWS):
                drawn = operator.draw(graph, rng) if name != "continue" else (Site(), None)
                if drawn is None or drawn[0] in drawn_so_far or len(drawn_so_far) == sites:
                    continue
                drawn_so_far.add(drawn[0])
                record = operator.record(graph, drawn[0], int(rng.integers(2**31)))
                made = drawn[1].child if drawn[1] is not None else graph
                row = laboratory.row(graph, parent, made, record, int(rng.integers(2**31)))
                rows.append({"operator": name, "width": width, **row})
                print(record.summary, *[f"{key} {row[key]:.3f}" for key in ERRORS if row[key] is not None], flush=True)
    return rows


def medians(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an operator, and how often the inherited child ended below its fresh twin."""
    found = []
    for name in dict.fromkeys(row["operator"] for row in rows):
        mine = [row for row in rows if row["operator"] == name]
        inexact = [row for row in mine if row["trained then"] is not None]
        found.append(
            {
                "operator": name,
                "children": len(mine),
                **{key: _median([row[key] for row in mine]) for key in ERRORS},
                "better than fresh": sum(row["trained"] < row["fresh"] for row in mine),
                "taught better than fresh, taught": sum(row["taught"] < row["fresh, taught"] for row in mine),
                "distilled better than not": _count(row["trained then"] < row["trained"] for row in inexact),
            }
        )
    return found


def _median(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return round(float(np.median(there)), 4) if there else None


def _count(found: Iterable[bool]) -> int | None:
    each = list(found)
    return sum(each) if each else None


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_settings(parser)
    parser.add_argument("--sites", type=positive, default=6, help="children of each chain by each operator, at most")
    parser.add_argument("--operators", nargs="+", default=list(OPERATORS), choices=list(OPERATORS))
    parser.add_argument("--distil", type=float, default=0.15, help="share of the images of an inexact child")
    parser.add_argument("--seed", type=positive, default=1)
    add_out(parser)
    arguments = parser.parse_args()
    if not 0 < arguments.distil < 1:
        parser.error(f"--distil expects a share between 0 and 1, got {arguments.distil:g}")
    torch.set_num_threads(1)
    config = config_of(arguments)
    data = load_dataset(config.dataset, config.data)
    (error, _) = resolve(("error", "params"), len(data.classes))
    bench = Bench(data, {}, (error,), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(bench, config.training, arguments.distil, Path(folder))
        rows = measured(laboratory, arguments.operators, arguments.sites, arguments.seed)
    for name, table in (("children", rows), ("operators", medians(rows))):
        write_table(table, arguments.out / f"{name}.csv")
    write_origin(arguments.out, examples=laboratory.budget.child, initial=laboratory.budget.initial)


if __name__ == "__main__":
    run_main(main)
