"""What cutting networks out of wider ones is worth, and how children learn from a better network.

``python runs/recipes/inheritance/teaching.py --out FOLDER`` trains the widest of some chains for long, cuts the others
out of it, each half as wide as the one before, and takes children of each. `cut.csv`: every narrower chain right after
the cut, all groups at once and one by one, after training with and without a teacher, and from fresh weights for as
many images and for as many as the widest saw. `children.csv`: children that are trained on or widened, by the teacher's
share of the targets and by peak rate.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from asked import add_out, add_settings, config_of, positive, positive_number, run_main
from outcome import write_origin, write_table

from lemonade.data import calibration_batch, load_dataset
from lemonade.spaces.network import chain
from lemonade.training import Teacher, read_error, train
from morphisms import OPERATORS, NetworkGraph, Operator, Weights, act, build_module, initial_weights, narrowing, params


class Laboratory:
    """Trains networks and reads them on the validation images.

    Args:
        arguments: The data set, and how many images a network sees.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        config = config_of(arguments)
        self.settings = config.training
        self.data = load_dataset(config.dataset, config.data)
        self.batch = calibration_batch(self.data)
        self.seed = arguments.seed
        self.arguments = arguments
        self.teacher: Teacher | None = None

    def chain(self, width: int) -> NetworkGraph:
        """A start network."""
        return chain(self.data.input_shape, len(self.data.classes), width, 3)

    def error(self, graph: NetworkGraph, weights: Weights) -> float:
        """Plain error of a network as it is."""
        return round(read_error(build_module(graph, weights), self.data.validation, self.data, "cpu").error, 5)

    def trained(self, graph: NetworkGraph, weights: Weights, images: int, rate: float, share: float = 0.0) -> Weights:
        """The weights after some training, with that share of a teacher."""
        module = build_module(graph, weights)
        options: dict[str, Any] = {"teacher": self.teacher if share else None, "teacher_share": share, "rate": rate}
        train(module, self.data, self.settings, examples=images, seed=self.seed + 10, device="cpu", **options)
        return module.weights()

    def cut(self, wide: NetworkGraph, weights: Weights, narrow: NetworkGraph, at_once: bool) -> Weights:
        """What is left of a network that is pruned to be another, all groups at once or one by one."""
        site = narrowing(wide, narrow)
        assert site is not None
        prune = OPERATORS["prune"]
        transfer = Operator.transfer if at_once else type(prune).transfer
        return transfer(prune, prune.rewrite(wide, site), weights, np.random.default_rng(self.seed), self.batch)


def main() -> None:
    """Train, read, write down."""
    arguments = _arguments()
    laboratory = Laboratory(arguments)
    cut: list[dict[str, Any]] = []
    children: list[dict[str, Any]] = []
    wide = weights = None
    for width in arguments.widths:
        graph = laboratory.chain(width)
        row, own = _fresh(laboratory, graph)
        if wide is None or weights is None:
            laboratory.teacher = Teacher(build_module(graph, own), laboratory.data)
        else:
            more, own = _cut(laboratory, wide, weights, graph)
            row |= more
        cut.append(row)
        print(row, flush=True)
        wide, weights = graph, own
        children += _children(laboratory, wide, weights)
    write_table(cut, arguments.out / "cut.csv")
    write_table(children, arguments.out / "children.csv")
    write_origin(arguments.out)


def _fresh(laboratory: Laboratory, graph: NetworkGraph) -> tuple[dict[str, Any], Weights]:
    """Errors of a network from fresh weights, for as many images as a child and as the widest see; its weights then."""
    row: dict[str, Any] = {"params": params(graph)}
    trained = given = initial_weights(graph, laboratory.seed)
    for name, images in (("fresh", laboratory.arguments.child), ("fresh, long", laboratory.arguments.first)):
        trained = laboratory.trained(graph, given, images, laboratory.settings.peak_rate)
        row[name] = laboratory.error(graph, trained)
    return row, trained


def _cut(
    laboratory: Laboratory, wide: NetworkGraph, weights: Weights, narrow: NetworkGraph
) -> tuple[dict[str, Any], Weights]:
    """A network cut out of a wider one: errors, and its weights once it has been taught."""
    row: dict[str, Any] = {}
    for name, at_once in (("cut at once", True), ("cut one by one", False)):
        given = laboratory.cut(wide, weights, narrow, at_once)
        row[name] = laboratory.error(narrow, given)
    for name, share in (("trained", 0.0), ("taught", laboratory.arguments.share)):
        made = laboratory.trained(narrow, given, laboratory.arguments.child, laboratory.arguments.rate, share)
        row[name] = laboratory.error(narrow, made)
    return row, made


def _children(laboratory: Laboratory, graph: NetworkGraph, weights: Weights) -> list[dict[str, Any]]:
    """The network trained on and widened, by the teacher's share and by peak rate."""
    arguments, parent, rows = laboratory.arguments, laboratory.error(graph, weights), []
    wider = act("widen", graph, weights, "conv2", channels=3 * graph["conv1"].attrs["channels"], batch=laboratory.batch)
    taught = [(arguments.share, rate) for rate in arguments.rates]
    for name, made, given in (("trained on", graph, weights), ("widened", wider.graph, wider.weights)):
        for share, rate in ((0.0, arguments.rate), *taught, (1.0, arguments.rate)):
            trained = laboratory.trained(made, given, arguments.child, rate, share)
            errors = {"parent": parent, "child": laboratory.error(made, trained)}
            rows.append({"child of": params(graph), "how": name, "share": share, "rate": rate, **errors})
            print(rows[-1], flush=True)
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_settings(parser)
    parser.add_argument("--widths", type=positive, nargs="+", default=[32, 16, 8, 4], help="each half the last one")
    parser.add_argument("--first", type=positive, default=36_800, help="images that the widest chain sees")
    parser.add_argument("--child", type=positive, default=18_400, help="images that all others see")
    parser.add_argument("--share", type=float, default=0.7, help="the teacher's, of the targets")
    parser.add_argument("--rate", type=positive_number, default=0.1, help="peak rate of what inherits")
    parser.add_argument("--rates", type=positive_number, nargs="+", default=(0.03, 0.1, 0.2), help="others to try")
    parser.add_argument("--seed", type=positive, default=1)
    add_out(parser)
    arguments = parser.parse_args()
    if arguments.widths != sorted(arguments.widths, reverse=True):
        parser.error("--widths: expected the widest first")
    if not 0 < arguments.share <= 1:
        parser.error(f"--share: expected a share above 0, got {arguments.share:g}")
    return arguments


if __name__ == "__main__":
    run_main(main)
