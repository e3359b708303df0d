"""At what rate does a network learn on that has been trained before?

``python runs/recipes/inheritance/cycles.py --out FOLDER`` trains a chain, then trains it on in cycles, as
children of the operator ``continue`` are, with several peak rates, and for comparison a fresh one for as many images in
one go. `cycles-PARAMS.csv` has a line for each reading: rate, images seen, plain and smoothed validation error.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

from asked import add_out, add_settings, config_of, positive, positive_number, run_main
from outcome import write_origin, write_table

from lemonade.data import load_dataset
from lemonade.spaces.network import chain
from lemonade.training import read_error, train
from morphisms import build_module, params


def main() -> None:
    """Train, read, write down."""
    arguments = _arguments()
    config = config_of(arguments)
    data = load_dataset(config.dataset, config.data)
    graph = chain(data.input_shape, len(data.classes), arguments.width, 3)
    rows: list[dict[str, Any]] = []

    def go_on(module: Any, examples: int, seed: int, rate: float, how: str, seen: int) -> None:
        train(module, data, config.training, examples=examples, seed=seed, device="cpu", rate=rate)
        reading = read_error(module, data.validation, data, "cpu")
        errors = {"error": round(reading.error, 5), "smoothed": round(reading.error_smoothed, 5)}
        rows.append({"params": params(graph), "how": how, "rate": rate, "images": seen + examples, **errors})
        print(rows[-1], flush=True)

    usual, cycle = config.training.peak_rate, arguments.cycle
    parent = build_module(graph, seed=arguments.seed)
    go_on(parent, arguments.first, arguments.seed, usual, "first training", 0)
    for rate in arguments.rates:
        module = copy.deepcopy(parent)
        for number in range(arguments.cycles):
            go_on(module, cycle, 10 + number, rate, "trained on", arguments.first + number * cycle)
    fresh = build_module(graph, seed=arguments.seed)
    go_on(fresh, arguments.first + arguments.cycles * cycle, arguments.seed, usual, "in one go", 0)
    write_table(rows, arguments.out / f"cycles-{params(graph)}.csv")
    write_origin(arguments.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_settings(parser)
    parser.add_argument("--width", type=positive, default=8, help="channels of the chain's first block")
    parser.add_argument("--first", type=positive, default=40_000, help="images of the first training")
    parser.add_argument("--cycle", type=positive, default=20_000, help="images of each training that follows")
    parser.add_argument("--cycles", type=positive, default=4)
    parser.add_argument("--rates", type=positive_number, nargs="+", default=(0.3, 0.1, 0.03))
    parser.add_argument("--seed", type=positive, default=1)
    add_out(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run_main(main)
