"""Objectives that are measured before training: latency, and what plug-ins time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from lemonade.data import Dataset
from lemonade.objectives import Objective, readings
from morphisms import NetworkGraph, build_module

WARM_UP = 10
REPEATS = 50


@dataclass(frozen=True)
class Latency:
    """A measured latency with its protocol.

    Attributes:
        median_ms: Median of the timed passes, milliseconds.
        spread_ms: Distance between their quartiles, milliseconds.
        device: Where it was measured.
        batch: Images a pass.
        threads: torch threads.
    """

    median_ms: float
    spread_ms: float
    device: str
    batch: int
    threads: int


def measure_latency(graph: NetworkGraph, device: torch.device | str, batch: int = 1, threads: int = 1) -> Latency:
    """Time eval-mode float32 forward passes with fresh weights (values do not change the time) after warm-up."""
    device = torch.device(device)
    module = build_module(graph).eval().to(device)
    images = torch.rand(batch, *graph.input_shape, generator=torch.Generator().manual_seed(0)).to(device)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            times = [_timed(module, images, device) for _ in range(WARM_UP + REPEATS)][WARM_UP:]
    finally:
        torch.set_num_threads(before)
    low, median, high = np.percentile(times, [25, 50, 75])
    return Latency(float(median), float(high - low), str(device), batch, threads)


def _timed(module: torch.nn.Module, images: torch.Tensor, device: torch.device) -> float:
    """Milliseconds of one pass; on CUDA between two events."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        module(images)
        end.record()
        torch.cuda.synchronize(device)
        return float(start.elapsed_time(end))
    began = time.perf_counter()
    module(images)
    return (time.perf_counter() - began) * 1e3


def measure(
    graph: NetworkGraph, objectives: Sequence[Objective], dataset: Dataset, device: torch.device
) -> tuple[dict[str, float], dict[str, Any]]:
    """Values of measured objectives of a network, before it is trained, and how the latency was measured.

    Args:
        graph: The network.
        objectives: Objectives of kind `measured`; a plug-in's gets a module with fresh weights.
        dataset: Passed on to plug-ins.
        device: Where the network is to be trained, and timed.

    Raises:
        ValueError: if a plug-in's objective returns no finite number.
    """
    values: dict[str, float] = {}
    payload: dict[str, Any] = {}
    for one in objectives:
        if one.name == "latency_ms":
            latency = measure_latency(graph, device)
            values[one.name] = latency.median_ms
            payload["latency"] = asdict(latency)
        else:
            assert one.measure is not None
            values.update(readings(one, one.measure(build_module(graph).eval().to(device), dataset, device)))
    return values, payload
