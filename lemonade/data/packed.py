"""A data set as one safetensors file, for worker processes to map: the pages are shared, nothing is decoded again."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from lemonade.data.base import Dataset, Split


def pack(dataset: Dataset, path: Path) -> None:
    """Write a data set, without test images (it has none)."""
    tensors = {
        f"{part}.{field}": getattr(getattr(dataset, part), field).cpu().contiguous()
        for part in ("train", "validation")
        for field in ("images", "labels")
    }
    names = [field.name for field in fields(Dataset) if field.name not in ("train", "validation")]
    facts = {name: getattr(dataset, name) for name in names}
    save_file(tensors, path, metadata={"facts": json.dumps(facts)})


def unpack(path: Path) -> Dataset:
    """Map a data set that `pack` wrote."""
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dict, and not iterable)
    train, validation = (Split(tensors[f"{one}.images"], tensors[f"{one}.labels"]) for one in ("train", "validation"))
    # JSON knows no tuples
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return Dataset(train=train, validation=validation, **values)
