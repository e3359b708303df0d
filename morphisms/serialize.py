"""Graphs as JSON with a schema version, weights as safetensors. Nothing read from disk is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphisms.graph import GraphError, NetworkGraph, Node

if TYPE_CHECKING:
    from morphisms.weights import Weights

SCHEMA = 1


def graph_to_json(graph: NetworkGraph) -> dict[str, Any]:
    """A JSON object with the schema version; `graph_from_json` reads it."""
    nodes = [
        {"name": node.name, "op": node.op, "inputs": list(node.inputs), "attrs": dict(node.attrs)}
        for node in graph.nodes
    ]
    return {"schema": SCHEMA, "input_shape": list(graph.input_shape), "nodes": nodes, "output": graph.output}


def graph_from_json(data: Mapping[str, Any]) -> NetworkGraph:
    """Read what `graph_to_json` wrote.

    Raises:
        GraphError: for a newer schema, missing or wrong fields, or a graph that cannot be.
    """
    if not isinstance(data, Mapping):
        raise GraphError(f"expected a JSON object with a graph, got {type(data).__name__}")
    schema = data.get("schema")
    if type(schema) is not int or schema < 1:
        raise GraphError(f"graph JSON: expected a schema number, got {schema!r}")
    if schema > SCHEMA:
        raise GraphError(f"graph schema {schema}: this version reads up to {SCHEMA}; a newer lemonade wrote it")
    try:
        nodes = tuple(
            Node(str(node["name"]), str(node["op"]), tuple(map(str, node["inputs"])), dict(node["attrs"]))
            for node in data["nodes"]
        )
        return NetworkGraph(tuple(data["input_shape"]), nodes, str(data["output"]))
    except GraphError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise GraphError(f"graph JSON: a field is missing or of the wrong kind ({error})") from None


def save_graph(graph: NetworkGraph, path: Path) -> None:
    """Write a graph as JSON; the file appears whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(graph_to_json(graph), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def load_graph(path: Path) -> NetworkGraph:
    """Read a graph from a JSON file.

    Raises:
        GraphError: naming the file, if it cannot be read, is damaged or comes from a newer version.
    """
    try:
        return graph_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:  # GraphError and all that decoding raises are ValueErrors
        raise GraphError(f"{path}: the graph cannot be read ({error})") from None


def save_weights(weights: Weights, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write weights as safetensors, with texts for the header; the file appears whole or not at all."""
    from safetensors.torch import save

    partial = path.with_name(f"{path.name}.partial")
    # its own writer leaves files that other users may not read, whatever the umask
    partial.write_bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, metadata))
    partial.replace(path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(path: Path, device: str = "cpu", sha256: str | None = None) -> Weights:
    """Read weights from a safetensors file, mapped into memory.

    Args:
        path: The file.
        device: Where to.
        sha256: What `file_sha256` has to give; None if that is not known.

    Raises:
        GraphError: naming the file, if it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from morphisms.weights import Weights

    try:
        weights = Weights(load_file(path, device=device))
        same = sha256 is None or file_sha256(path) == sha256
    except (OSError, SafetensorError) as error:
        raise GraphError(f"{path}: the weights cannot be read ({error})") from None
    if not same:
        raise GraphError(f"{path}: the weights are not those that were written (another SHA-256)")
    return weights
