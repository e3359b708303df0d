"""Which device to train on, and how many children side by side."""

from __future__ import annotations

import joblib
import torch

from lemonade.environment import processor
from lemonade.errors import LemonadeError

GPU_WORKERS = 4
GPU_BYTES = 4 * 2**30
"""Memory of a GPU for each process on it: most of it is CUDA's own and room for wide networks."""


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes CUDA where there is some, else MPS, else the CPU.

    Raises:
        LemonadeError: if it does not exist here.
    """
    available = ["cpu"]
    if torch.cuda.is_available():
        available += ["cuda", *[f"cuda:{k}" for k in range(torch.cuda.device_count())]]
    if torch.backends.mps.is_available():
        available.append("mps")
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if kind in available), "cpu"))
    if name not in available:
        raise LemonadeError(f"device '{name}' is not available here. Available: auto, {', '.join(available)}.")
    return torch.device(name)


def hardware_name(device: torch.device) -> str:
    """Name of the processor or card behind a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def worker_count(device: torch.device) -> int:
    """Children side by side: one a physical core this process may use; on a GPU a few, as its memory allows.

    One process leaves a large GPU idle while Python makes, reads and stores networks: four, eight and twelve of them
    trained 1.33, 1.33 and 1.41 times as many images as one in 15 s (CIFAR-10 at 16x16 on an H100, 2.6 million by one).
    """
    cores = int(joblib.cpu_count(only_physical_cores=True))
    if device.type == "cpu":
        return cores
    if device.type != "cuda":
        return 1
    room = round(torch.cuda.get_device_properties(device).total_memory / GPU_BYTES)  # 8 GB are a little less than 8 GiB
    return max(1, min(cores, room, GPU_WORKERS))
