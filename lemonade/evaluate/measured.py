"""Objectives that are measured before training: latency, and what plug-ins time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lemonade.config import LatencySettings
from lemonade.data import Dataset
from lemonade.evaluate.devices import hardware_name, resolve_device
from lemonade.objectives import Objective, readings
from lemonade.onnx_program import INPUT, onnx_program
from lemonade.types import LATENCY
from morphisms import NetworkGraph, build_module

LEAST_SECONDS = 0.05
"""Passes go on for at least so long: fifty of a tiny network are over before the clock of the processor has settled."""
MOST_PASSES = 1_000

Pass = Callable[[], object]
"""One forward pass."""


@dataclass(frozen=True)
class Latency:
    """A measured latency with its protocol.

    Attributes:
        median_ms: Median of the timed passes, milliseconds.
        spread_ms: Distance between their quartiles, milliseconds.
        passes: How many were timed.
        warm_up: How many went before, and do not count.
        runtime: What ran the network, with its version: ``"torch 2.14.1"``.
        device: Where: ``"cpu"``, ``"cuda:0"``.
        hardware: Name of the processor or card.
        batch: Images a pass.
        threads: Threads of the runtime; means nothing on a GPU.
        dtype: Number format of weights and images.
    """

    median_ms: float
    spread_ms: float
    passes: int
    warm_up: int
    runtime: str
    device: str
    hardware: str
    batch: int
    threads: int
    dtype: str


def measure_latency(
    graph: NetworkGraph, device: torch.device | str, settings: LatencySettings | None = None
) -> Latency:
    """Time eval-mode forward passes with fresh weights, whose values do not change the time.

    Args:
        graph: The network, without the standardisation of its images.
        device: Where a search trains; `settings` may name another one.
        settings: The protocol.

    Raises:
        LemonadeError: for a device that is not there.
    """
    settings = settings or LatencySettings()
    place = latency_device(settings, device)
    module = build_module(graph).eval()
    images = torch.rand(settings.batch, *graph.input_shape, generator=torch.Generator().manual_seed(0))
    with _threads(settings.threads), torch.inference_mode():
        run = RUNTIMES[settings.runtime](module, images, place, settings)
        warm_up = _times(run, place, settings.warm_up)
        times = _times(run, place, settings.repeats)
    low, median, high = np.percentile(times, [25, 50, 75])
    return Latency(
        median_ms=float(median),
        spread_ms=float(high - low),
        passes=len(times),
        warm_up=len(warm_up),
        runtime=f"{settings.runtime} {_version(settings.runtime)}",
        device=str(place),
        hardware=hardware_name(place),
        batch=settings.batch,
        threads=settings.threads,
        dtype=settings.dtype,
    )


def latency_device(settings: LatencySettings, device: torch.device | str) -> torch.device:
    """Where networks are timed that are trained on `device`.

    Raises:
        LemonadeError: if the settings name a device that is not there.
    """
    if settings.runtime != "torch":
        return torch.device("cpu")
    return resolve_device(settings.device) if settings.device else torch.device(device)


def _torch_pass(module: nn.Module, images: Tensor, device: torch.device, settings: LatencySettings) -> Pass:
    dtype = getattr(torch, settings.dtype)
    placed, there = module.to(device, dtype), images.to(device, dtype)
    return lambda: placed(there)


def _onnx_pass(module: nn.Module, images: Tensor, device: torch.device, settings: LatencySettings) -> Pass:
    import onnxruntime

    with torch.inference_mode(False):  # tensors made in it cannot be traced
        model = onnx_program(module, images.clone()).model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = settings.threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {INPUT: images.numpy()}
    return lambda: session.run(None, given)


RUNTIMES: dict[str, Callable[[nn.Module, Tensor, torch.device, LatencySettings], Pass]] = {
    "torch": _torch_pass,
    "onnxruntime": _onnx_pass,
}
"""What makes a forward pass of a float32 module in eval mode and images on the CPU, by `latency.runtime`."""


def _times(run: Pass, device: torch.device, least: int) -> list[float]:
    """Milliseconds of at least so many passes, and of as many as `LEAST_SECONDS` has room for."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or (len(times) < MOST_PASSES and time.perf_counter() - began < LEAST_SECONDS):
        times.append(_timed(run, device))
    return times


def _timed(run: Pass, device: torch.device) -> float:
    """Milliseconds of one pass; on CUDA between two events."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            start.record()
            run()
            end.record()
            end.synchronize()
        return float(start.elapsed_time(end))
    began = time.perf_counter()
    run()
    if device.type == "mps":  # what runs there has only been asked for by now
        torch.mps.synchronize()
    return (time.perf_counter() - began) * 1e3


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def measure(
    graph: NetworkGraph,
    objectives: Sequence[Objective],
    dataset: Dataset,
    device: torch.device,
    settings: LatencySettings,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Values of measured objectives of a network, before it is trained, and how the latency was measured.

    Args:
        graph: The network.
        objectives: Objectives of kind `measured`; a plug-in's gets a module with fresh weights.
        dataset: Passed on to plug-ins.
        device: Where the network is to be trained.
        settings: How latency is measured.

    Raises:
        ValueError: if a plug-in's objective returns no finite number.
    """
    values: dict[str, float] = {}
    payload: dict[str, Any] = {}
    for one in objectives:
        if one.name == "latency_ms":
            latency = measure_latency(graph, device, settings)
            values[one.name] = latency.median_ms
            payload[LATENCY] = asdict(latency)
        else:
            assert one.measure is not None
            values.update(readings(one, one.measure(build_module(graph).eval().to(device), dataset, device)))
    return values, payload
