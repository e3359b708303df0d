"""How should members be chosen from few validation images?

``python runs/recipes/inheritance/choice.py RUN [RUN ...] --out FOLDER`` reads all networks of searches that kept them
(``--set keep=all``) on validation and test images, and chooses members as if there were fewer validation images: by the
plain error, by the smoothed one (one minus the mean probability of the true class), by that with the likeliest other
class alone beside it, and by plain and smoothed errors averaged over shifted views of each image. `choice.csv` tells,
for each number of images and each way: optimism (hypervolume of the chosen on the images they were chosen by, minus on
test images) and loss of choice (the best possible on test images minus the chosen); medians over subsets and runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asked import add_box, add_out, box_of, positive, run_main
from numpy.typing import NDArray
from outcome import write_origin, write_table
from torch import Tensor

import lemonade
from lemonade.data import Dataset, Split, load_dataset, load_test
from lemonade.errors import LemonadeError
from lemonade.front import Axis, Front, hypervolume
from lemonade.training.measure import logits
from lemonade.types import Status
from morphisms import build_module
from morphisms.module import GraphModule

Floats = NDArray[np.float64]
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
SUBSETS = 20


@dataclass(frozen=True)
class Readings:
    """What one network says of each image.

    Attributes:
        wrong: Whether it is wrong.
        doubt: One minus the true class's probability.
        against: The same if there were no class but the true and the likeliest other one.
    """

    wrong: Floats
    doubt: Floats
    against: Floats


@dataclass(frozen=True)
class Measured:
    """One network: its size, its readings of validation images as they are and over shifted views, its test error."""

    size: float
    once: Readings
    views: Readings
    test: float


WAYS: dict[str, Callable[[Measured], Floats]] = {
    "plain": lambda one: one.once.wrong,
    "smoothed": lambda one: one.once.doubt,
    "smoothed against one class": lambda one: one.once.against,
    "plain over 5 views": lambda one: one.views.wrong,
    "smoothed over 5 views": lambda one: one.views.doubt,
}


def shifted(split: Split, by: tuple[int, int]) -> Split:
    """The images moved by so many pixels, edges repeated."""
    padded = torch.nn.functional.pad(split.images.float(), (1, 1, 1, 1), mode="replicate").to(split.images.dtype)
    down, right = 1 + by[0], 1 + by[1]
    height, width = split.images.shape[-2:]
    return replace(split, images=padded[..., down : down + height, right : right + width].contiguous())


def readings(probabilities: Tensor, labels: Tensor) -> Readings:
    """From class probabilities (n, classes)."""
    wrong = (probabilities.argmax(dim=1) != labels).double()
    true = probabilities.double().gather(1, labels[:, None])[:, 0]
    other = probabilities.double().scatter(1, labels[:, None], 0.0).amax(dim=1)
    return Readings(wrong.numpy(), (1 - true).numpy(), (other / (true + other)).numpy())


def measured(run: lemonade.Run, data: Dataset, test: Split) -> list[Measured]:
    """All networks of a run."""
    views = [shifted(data.validation, by) for by in SHIFTS]
    found = []
    for name, evaluation in run.evaluations.items():
        if evaluation.status is Status.OK:
            member = run.member(name)
            module = build_module(member.graph, member.weights())
            every = [_probabilities(module, view, data) for view in views]
            labels = data.validation.labels
            on_test = readings(_probabilities(module, test, data), test.labels).wrong.mean()
            found.append(
                Measured(
                    member.values["params"],
                    readings(every[0], labels),
                    readings(torch.stack(every).mean(dim=0), labels),
                    float(on_test),
                )
            )
    return found


def judged(
    networks: list[Measured], images: NDArray[np.int64], box: tuple[Axis, Axis]
) -> dict[str, tuple[float, float]]:
    """Optimism and loss of choice of each way, from so many validation images."""
    possible = _volume(networks, [one.test for one in networks], [one.test for one in networks], box)
    found = {}
    for way, reading in WAYS.items():
        by = [float(reading(one)[images].mean()) for one in networks]
        seen = [float(one.once.wrong[images].mean()) for one in networks]
        on_test = _volume(networks, by, [one.test for one in networks], box)
        found[way] = (_volume(networks, by, seen, box) - on_test, possible - on_test)
    return found


def _volume(networks: list[Measured], by: list[float], told: list[float], box: tuple[Axis, Axis]) -> float:
    """Hypervolume, in errors `told`, of the front by errors `by`."""
    front = Front()
    for position, (one, error) in enumerate(zip(networks, by, strict=True)):
        front.add(str(position), (error, one.size))
    return hypervolume([(told[int(name)], networks[int(name)].size) for name in front.ids], box)


def _probabilities(module: GraphModule, split: Split, data: Dataset) -> Tensor:
    return logits(module, split, data, "cpu").softmax(dim=1)


def main() -> None:
    """Read, choose, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--images", type=positive, nargs="+", default=(100, 300, 1_000, 5_000))
    add_box(parser)
    add_out(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    box = box_of(arguments)
    rng = np.random.default_rng(0)
    outcomes: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for folder in arguments.runs:
        run = lemonade.Run.load(folder)
        data = load_dataset(run.config.dataset, run.config.data)
        if data.split_hash != run.facts.split_hash:
            raise LemonadeError(
                f"{folder}: the images of '{run.config.dataset}' are not those the run began with. Put them back."
            )
        networks = measured(run, data, load_test(run.config.dataset, run.config.data))
        print(f"{folder}: {len(networks)} networks read", flush=True)
        for count in [count for count in arguments.images if count <= len(data.validation)]:
            for _ in range(1 if count == len(data.validation) else SUBSETS):
                images = rng.permutation(len(data.validation))[:count]
                for way, outcome in judged(networks, images, box).items():
                    outcomes.setdefault((count, way), []).append(outcome)
    if not outcomes:
        raise LemonadeError("--images: the runs have fewer validation images. Give a smaller number.")
    rows: list[dict[str, Any]] = [
        {
            "validation images": count,
            "chosen by": way,
            "choices": len(found),
            "optimism": round(float(np.median([one for one, _ in found])), 4),
            "loss of choice": round(float(np.median([one for _, one in found])), 4),
        }
        for (count, way), found in sorted(outcomes.items(), key=lambda pair: pair[0][0])
    ]
    write_table(rows, arguments.out / "choice.csv")
    write_origin(arguments.out)


if __name__ == "__main__":
    run_main(main)
