"""Export formats, each a class: safetensors, torch.export's archive, ONNX, and Python."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonade.contract import Normalised
from lemonade.errors import LemonadeError
from lemonade.exporting.base import Format, Model
from lemonade.exporting.source import python_source
from lemonade.onnx_program import INPUT, OUTPUT, onnx_program, silence
from morphisms import GraphError, build_module, graph_from_json, graph_to_json, load_weights, save_weights

if TYPE_CHECKING:
    from torch import Tensor


class Safetensors(Format):
    """The weights, with the graph and the input contract as JSON in the header: all that lemonade itself needs."""

    name, file = "safetensors", "model.safetensors"
    loading = (
        "from lemonade.exporting import load",
        'network = load("model.safetensors")',
        "logits = network(images)",
    )
    loaded_with = "lemonade, which builds the network from the graph in the file's header"

    def write(self, model: Model, path: Path) -> None:
        """One file; its metadata hold the graph, the classes and what images are standardised by."""
        facts = {name: list(getattr(model.facts, name)) for name in ("classes", "mean", "std")}
        metadata = {"format": "pt", "graph": json.dumps(graph_to_json(model.graph)), "facts": json.dumps(facts)}
        save_weights(model.weights, path, metadata)

    def logits(self, path: Path, images: Tensor) -> Tensor:
        """By `load`."""
        found: Tensor = load(path)(images)
        return found


def load(path: str | Path) -> Normalised:
    """The network of a safetensors file that lemonade exported, in eval mode; takes float32 images in [0, 1].

    Raises:
        LemonadeError: naming the file, if it is missing, damaged, or not from `lemonade export`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        graph, facts = graph_from_json(json.loads(metadata["graph"])), json.loads(metadata["facts"])
        return Normalised(build_module(graph, load_weights(Path(path))), facts["mean"], facts["std"]).eval()
    except KeyError as missing:
        raise LemonadeError(f"{path}: its header holds no {missing}; it was not written by lemonade export.") from None
    except (OSError, SafetensorError, GraphError, ValueError) as error:
        raise LemonadeError(f"{path}: cannot be read ({error}).") from None


class Program(Format):
    """torch.export's archive: loads without the network's code."""

    name, file = "pt2", "model.pt2"
    loading = (
        "import torch",
        'network = torch.export.load("model.pt2").module()',
        "logits = network(images)",
    )
    loaded_with = "torch alone"

    def write(self, model: Model, path: Path) -> None:
        """One archive; made in memory, since torch's own writer ends the process where a disk is full."""
        import torch

        archive = io.BytesIO()
        with silence():
            torch.export.save(model.program, archive)
        path.write_bytes(archive.getvalue())

    def logits(self, path: Path, images: Tensor) -> Tensor:
        """By torch.export.load, which unpickles a sample input of its own: only ever of the file just written."""
        import torch

        with silence():
            found: Tensor = torch.export.load(path).module()(images)
        return found


class Onnx(Format):
    """ONNX with a dynamic batch, its weights inside; names of the classes and a sentence lie in its metadata."""

    name, file = "onnx", "model.onnx"
    needs = ("onnx", "onnxscript", "onnxruntime")
    loading = (
        "import onnxruntime",
        'network = onnxruntime.InferenceSession("model.onnx")',
        'logits = network.run(None, {"images": images.numpy()})[0]',
    )
    loaded_with = f"any ONNX runtime; the input is called `{INPUT}`, its first dimension `batch`, the output `{OUTPUT}`"

    def write(self, model: Model, path: Path) -> None:
        """One file, in the opset that torch recommends."""
        with silence():
            program = onnx_program(model.program)
            program.model.metadata_props["classes"] = json.dumps(list(model.facts.classes))
            program.model.metadata_props["about"] = model.about
            program.save(path, external_data=False)

    def logits(self, path: Path, images: Tensor) -> Tensor:
        """By onnxruntime on the CPU."""
        import onnxruntime
        import torch

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])


class PythonFile(Format):
    """The network as readable code that needs torch alone and loads the safetensors beside it."""

    name, file = "python", "model.py"
    beside = ("safetensors",)
    loading = (
        "from model import load",
        "network = load()",
        "logits = network(images)",
    )
    loaded_with = "torch alone, and `model.safetensors` beside it"

    def write(self, model: Model, path: Path) -> None:
        """One file; see `lemonade.exporting.source`."""
        facts = model.facts
        text = python_source(model.graph, facts.classes, facts.mean, facts.std, model.about)
        path.write_text(text, encoding="utf-8")

    def logits(self, path: Path, images: Tensor) -> Tensor:
        """By its own `load`."""
        code: dict[str, Any] = {"__file__": str(path), "__name__": path.stem}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), code)
        found: Tensor = code["load"](path.with_name(Safetensors.file))(images)
        return found
