"""Trained networks as files that run without lemonade, each checked after it is written."""

from __future__ import annotations

from lemonade.exporting.base import Format, Model, Written
from lemonade.exporting.formats import Onnx, Program, PythonFile, Safetensors, load

__all__ = ["FORMATS", "Format", "Model", "Written", "load"]

# in the order in which they are written
FORMATS: dict[str, Format] = {one.name: one for one in (Safetensors(), Program(), Onnx(), PythonFile())}
