"""What a run ran on and with. Names of users and hosts are left out: run folders get published."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pymoo", "fvcore", "safetensors")


def environment() -> dict[str, Any]:
    """Versions, processor and code of this process, ready for JSON; imports nothing heavy."""
    return {
        "lemonade": _version("lemonade-nas"),
        "commit": _commit(Path(__file__).resolve().parent.parent),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "vectors": _vectors(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "accelerators": _accelerators(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _vectors() -> str | None:
    """The vector instructions that torch uses on the processor, ``"AVX2"``; None where it has not been imported."""
    torch = sys.modules.get("torch")
    return None if torch is None else str(torch.backends.cpu.get_cpu_capability())


def _accelerators() -> list[str]:
    """Names of the CUDA cards that torch sees; none where torch has not been imported, and so has trained nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def processor() -> str:
    """Name of the processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit(root: Path) -> str | None:
    """Commit of a checkout, with ``-dirty`` behind it if tracked files differ; None for an installed package."""
    if not (root / ".git").exists():
        return None
    try:
        result = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--match="],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
