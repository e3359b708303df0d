"""Synthetic tables in the format of NAS-Bench-201, with other numbers of edges and operations, and laws of other kinds.

``python runs/recipes/table/tables.py FOLDER`` writes four of them, so that what is chosen with one real table in sight
can be tried elsewhere: ``lemonade bench table FOLDER/wiring-4096.csv``.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from lemonade.spaces.table import join_architecture, split_architecture

USUAL = ("none", "skip_connect", "conv_1x1", "conv_3x3")
PRICES = {"none": 0, "skip_connect": 0, "conv_1x1": 100, "conv_3x3": 800}
Law = Callable[[str], float]


def architectures(nodes: int = 3, operations: Sequence[str] = USUAL) -> list[str]:
    """All cells of so many nodes behind the input, each joined to all before it."""
    shape = list(range(1, nodes + 1))
    sources = [source for node in range(1, nodes + 1) for source in range(node)]
    return [
        join_architecture([f"{op}~{source}" for op, source in zip(chosen, sources, strict=True)], shape)
        for chosen in itertools.product(operations, repeat=len(sources))
    ]


def price(text: str, prices: Mapping[str, float] = PRICES, least: float = 1_000) -> float:
    """What the operations cost, on top of the least there is."""
    return least + sum(prices[edge.rpartition("~")[0]] for node in split_architecture(text) for edge in node)


def by_wiring(text: str) -> float:
    """Percent: 90 without a path; else less the more convolutions lie on the best path, with a little luck."""
    depth = [0.0]
    for node in split_architecture(text):
        ways = [
            (depth[int(edge.rpartition("~")[2])], edge.rpartition("~")[0])
            for edge in node
            if edge.rpartition("~")[0] != "none"
        ]
        worth = {"skip_connect": 0.0, "conv_1x1": 0.6, "conv_3x3": 1.0}
        depth.append(max([before + worth[op] for before, op in ways], default=-np.inf))
    if depth[-1] == -np.inf:
        return 90.0
    return round(5 + 25 * float(np.exp(-depth[-1])) + 1.5 * luck(text), 4)


def luck(text: str) -> float:
    """0 to 1, the same on every machine."""
    return zlib.crc32(text.encode()) / 2**32


def interacting(operations: Sequence[str], edges: int, seed: int) -> Law:
    """Percent: a sum over edges of what each operation is worth, and over pairs of edges; nothing else matters."""
    rng = np.random.default_rng(seed)
    single = rng.gamma(1.0, 1.0, (edges, len(operations)))
    pairs = 0.5 * rng.normal(size=(edges, edges, len(operations), len(operations)))

    def law(text: str) -> float:
        flat = [edge.rpartition("~")[0] for node in split_architecture(text) for edge in node]
        at = [operations.index(op) for op in flat]
        total = sum(single[k, op] for k, op in enumerate(at))
        total += sum(pairs[j, k, at[j], at[k]] for j in range(edges) for k in range(j))
        return round(5 + 20 / (1 + float(np.exp(-0.5 * (total - edges)))), 4)

    return law


def write_table(path: Path, rows: Sequence[str], law: Law = by_wiring, prices: Mapping[str, float] = PRICES) -> Path:
    """A CSV file of these architectures with accuracy and two costs."""
    lines = ["architecture,test_accuracy,params,macs"]
    for text in rows:
        lines.append(f"{text},{100 - law(text):.4f},{price(text, prices):.0f},{7 * price(text, prices, 50):.0f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "wiring-4096.csv", architectures(3, USUAL), by_wiring)
    write_table(folder / "wiring-59049.csv", architectures(4, USUAL[1:]), by_wiring)
    for operations, nodes in (("pqrs", 3), ("abcdefg", 2)):
        rows = architectures(nodes, tuple(operations))
        edges = nodes * (nodes + 1) // 2
        prices = {name: 10 * 1.9**k for k, name in enumerate(operations)}
        write_table(folder / f"pairs-{len(rows)}.csv", rows, interacting(operations, edges, seed=4), prices)


if __name__ == "__main__":
    main()
