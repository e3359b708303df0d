"""Whether this machine can search: most parts are put to a tiny real use, not only imported."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lemonade import numbers
from morphisms import NetworkGraph, Node, flops, params

PACKAGES = (
    "torch", "torchvision", "pymoo", "deap", "numpy", "fvcore",
    "scipy", "scikit-learn", "safetensors", "pydantic", "PyYAML", "typer", "rich", "matplotlib", "joblib", "plotly",
    "onnx", "onnxscript", "onnxruntime",
)  # fmt: skip
LEAST_FREE_BYTES = 1e9
INSTALL = "Install it anew: pip install --force-reinstall lemonade-nas"


class Outcome(StrEnum):
    """How a check ended: `WARN` lets a search run, only slower or with less."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the doctor.

    Attributes:
        name: What was looked at.
        state: How it ended.
        found: What was found.
        remedy: What to do about it; empty if ok.
    """

    name: str
    state: Outcome
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def examine(runs: Path = Path("runs")) -> Iterator[Check]:
    """Go through all checks; slow ones come one by one, so that each can be shown as it ends.

    Args:
        runs: Folder whose disk is looked at; it need not exist.
    """
    yield _python()
    yield from _versions()
    yield _guarded("training step", _training_step, INSTALL)
    yield _guarded("threads", _threads, INSTALL)
    yield from _accelerators()
    yield _guarded("bfloat16", _bfloat16, INSTALL)
    yield _guarded("fvcore", _fvcore, INSTALL)
    yield _guarded("pymoo", _pymoo, INSTALL)
    yield _guarded("deap", _deap, INSTALL)
    yield _guarded("torchvision", _torchvision, "Install the torchvision that belongs to this torch.")
    yield _guarded("matplotlib", _matplotlib, INSTALL)
    yield _disk(runs)


def _guarded(name: str, check: Callable[[], Check], remedy: str) -> Check:
    try:
        return check()
    except Exception as error:  # whatever fails in another package is what the doctor is there to say
        text = " ".join(str(error).split())[:200]
        return Check(name, Outcome.FAIL, f"{type(error).__name__}: {text}", remedy)


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", Outcome.OK, found)


def _versions() -> Iterator[Check]:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Check("packages", Outcome.OK, ", ".join(found))
    if missing:
        yield Check("missing", Outcome.FAIL, ", ".join(missing), f"pip install {' '.join(missing)}")


def small_network() -> NetworkGraph:
    """A network with the kinds of operation that cost something."""
    nodes = (
        Node("conv1", "conv", ("input",), {"channels": 8, "kernel": 3}),
        Node("bn1", "batch_norm", ("conv1",)),
        Node("relu1", "relu", ("bn1",)),
        Node("pool1", "global_avg_pool", ("relu1",)),
        Node("flatten1", "flatten", ("pool1",)),
        Node("linear1", "linear", ("flatten1",), {"features": 4}),
    )
    return NetworkGraph((3, 8, 8), nodes, "linear1")


def _training_step(device: str = "cpu") -> Check:
    import torch

    from morphisms import build_module

    graph = small_network()
    module = build_module(graph).to(device)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((16, *graph.input_shape), generator=generator).to(device)
    labels = (torch.arange(16) % 4).to(device)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05)
    losses = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(module(images), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    name = "training step" if device == "cpu" else device
    if not losses[-1] < losses[0]:
        return Check(
            name, Outcome.FAIL, f"5 steps on {device} led from loss {losses[0]:.3f} to {losses[-1]:.3f}", INSTALL
        )
    return Check(name, Outcome.OK, f"5 steps on {device}: loss {losses[0]:.3f} to {losses[-1]:.3f}")


def _threads() -> Check:
    import joblib

    usable = joblib.cpu_count()
    physical = joblib.cpu_count(only_physical_cores=True)
    side_by_side = numbers.quantity(physical, "child", "children")
    cores = numbers.quantity(usable, "usable core")
    found = f"{cores}, {physical} physical: {side_by_side} side by side, one thread each"
    return Check("threads", Outcome.OK, found)


def _accelerators() -> Iterator[Check]:
    try:
        import torch
    except Exception:  # said by the training step already
        return
    names = []
    if torch.cuda.is_available():
        names += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    if not names:
        yield Check("accelerator", Outcome.OK, "none that this torch can use: children train on the CPU")
    for name in names:
        check = _guarded(name, lambda name=name: _training_step(name), "Search with --device cpu, or mend the driver.")  # type: ignore[misc]
        if check.state is Outcome.OK and name.startswith("cuda"):
            facts = torch.cuda.get_device_properties(name)
            check = Check(name, Outcome.OK, f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB; {check.found}")
        # a broken accelerator does not keep anyone from searching on the CPU
        yield check if check.state is Outcome.OK else Check(name, Outcome.WARN, check.found, check.remedy)


def _bfloat16() -> Check:
    import torch

    from lemonade.training.engine import fast_bfloat16

    kinds = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    found = [f"{'fast' if fast_bfloat16(torch.device(kind)) else 'slow'} on {kind}" for kind in kinds]
    return Check("bfloat16", Outcome.OK, f"{', '.join(found)}; used only where it is fast")


def _fvcore() -> Check:
    from morphisms.reference import fvcore_costs

    graph = small_network()
    parameters, counted = fvcore_costs(graph)
    if (counted, parameters) != (flops(graph), params(graph)):
        found = f"fvcore counts {counted} flops, {parameters} params; lemonade {flops(graph)}, {params(graph)}"
        return Check("fvcore", Outcome.WARN, found, "Costs are ours; please report the fvcore version.")
    return Check("fvcore", Outcome.OK, f"counts {counted:,} flops and {parameters} params, as lemonade does")


def _pymoo() -> Check:
    from lemonade.front import Axis, hypervolume

    value = hypervolume([[0.25, 0.5], [0.5, 0.25]], [Axis(0, 1, False)] * 2)
    if abs(value - 0.5) > 1e-9:
        return Check("pymoo", Outcome.FAIL, f"hypervolume of a known set is 0.5, got {value:.6f}", INSTALL)
    return Check("pymoo", Outcome.OK, "hypervolume of a known set is right")


def _deap() -> Check:
    from deap import base

    low, high = (type("Fitness", (base.Fitness,), {"weights": (-1.0, -1.0)})(values) for values in ((1, 1), (2, 2)))
    if not low.dominates(high):
        return Check("deap", Outcome.FAIL, "(1, 1) does not dominate (2, 2)", INSTALL)
    return Check("deap", Outcome.OK, "compares fitness as it should")


def _torchvision() -> Check:
    import torch
    from torchvision.transforms.v2 import functional

    resized = functional.resize(torch.zeros(3, 8, 8, dtype=torch.uint8), [4, 4])
    return Check("torchvision", Outcome.OK, f"imports, and resizes an image to {resized.shape[1]}x{resized.shape[2]}")


def _matplotlib() -> Check:
    from matplotlib.figure import Figure

    Figure().subplots().plot([0, 1], [0, 1])
    return Check("matplotlib", Outcome.OK, "draws without a window")


def _disk(runs: Path) -> Check:
    place = runs
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Check("disk", Outcome.WARN, f"{runs}: {error.strerror or error}", "Choose another --out.")
    found = f"{free / 1e9:.0f} GB free for {runs}/"
    if not os.access(place, os.W_OK):
        return Check("disk", Outcome.WARN, f"{place} cannot be written to", "Choose another --out.")
    if free < LEAST_FREE_BYTES:
        return Check(
            "disk", Outcome.WARN, f"{free / 1e6:.0f} MB free for {runs}/", "Make room or choose another --out."
        )
    return Check("disk", Outcome.OK, found)
