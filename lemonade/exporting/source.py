"""A network as one Python file that an engineer could have written: torch alone, one class, formatted as ruff would."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from morphisms import INPUT, NetworkGraph, Node
from morphisms.ops import OPS, Source
from morphisms.ops.activations import ACTIVATIONS

WIDTH = 88
FOLLOWERS = {"batch_norm", "dropout", "identity", "flatten", "linear", *(kind.name for kind in ACTIVATIONS)}
"""Operations that stand in one line with what they alone read."""

_READER = '''
def read_tensors(path):
    """Tensors by name from a safetensors file: header size, JSON header, values."""
    data = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = torch.frombuffer(
            data, dtype=torch.float32, offset=start + first, count=(last - first) // 4
        )
        tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors


def load(path=WEIGHTS):
    """The trained network, in eval mode."""
    network = Network()
    found = network.load_state_dict(read_tensors(path), strict=False)
    # the file leaves out the counters of batch norms, which are read in training alone
    missing = [name for name in found.missing_keys if "num_batches" not in name]
    if missing or found.unexpected_keys:
        raise ValueError(f"{path}: lacks {missing}, or is another network's")
    return network.eval()
'''


@dataclass(frozen=True)
class _Statement:
    """``target = expression``; the expression names other targets in braces."""

    target: str
    expression: str
    reads: tuple[str, ...]


def python_source(
    graph: NetworkGraph, classes: Sequence[str], mean: Sequence[float], std: Sequence[float], about: str
) -> str:
    """The text of the file.

    Args:
        graph: The network, its nodes named for a reader (see `morphisms.naming`).
        classes: Names, in order of the logits.
        mean: Of the training images in [0, 1], one for each channel.
        std: Their deviation.
        about: What the docstring says.
    """
    sources = {node.name: OPS[node.op].source(node.attrs, graph.input_shapes(node)) for node in graph.nodes}
    layers = [_layer(name, made.layer) for name, made in sources.items() if made.layer]
    shape = ", ".join(map(str, graph.input_shape))
    body = _body(graph, sources)
    uses_functional = any("F." in line for line in body)
    return "\n".join(
        [
            f'"""{_harmless(about)}"""',
            "",
            "import json",
            "from pathlib import Path",
            "",
            "import torch",
            *["import torch.nn.functional as F"] * uses_functional,
            "from torch import nn",
            "",
            *_tuple("CLASSES", classes),
            'WEIGHTS = Path(__file__).with_name("model.safetensors")',
            "",
            "",
            "class Network(nn.Module):",
            f'    """Takes float32 images (N, {shape}) in [0, 1]; returns logits (N, {len(classes)})."""',
            "",
            "    def __init__(self):",
            "        super().__init__()",
            *_constant("mean", mean),
            *_constant("std", std),
            *layers,
            "",
            "    def forward(self, images):",
            *body,
            "",
            _READER.rstrip("\n"),
            "",
        ]
    )


def _body(graph: NetworkGraph, sources: Mapping[str, Source]) -> list[str]:
    """Lines of `forward`: a statement each, with the shape it gives behind it or above it."""
    statements = _statements(graph, sources)
    names = _variables(statements)
    lines = [_commented(f"{names[INPUT]} =", "(images - self.mean) / self.std", graph.shape(INPUT))]
    for statement in statements:
        head = "return" if statement is statements[-1] else f"{names[statement.target]} ="
        lines.append(_commented(head, _filled(statement.expression, names), graph.shape(statement.target)))
    return lines


def _statements(graph: NetworkGraph, sources: Mapping[str, Source]) -> list[_Statement]:
    """One for each node that is not written into the line of its only reader."""
    inlined: dict[str, _Statement] = {}
    passed: dict[str, str] = {}  # what is another value by another name
    statements = []
    for node in graph.nodes:
        made = sources[node.name]
        names = [passed.get(name, name) for name in node.inputs]
        if made == Source(None, "{0}") and names[0] not in inlined and node.name != graph.output:
            passed[node.name] = names[0]
            continue
        parts = [inlined.pop(name, _Statement(name, f"{{{name}}}", (name,))) for name in names]
        expression = made.call.replace("{layer}", f"self.{node.name}")
        for position, part in enumerate(parts):
            expression = expression.replace(f"{{{position}}}", part.expression)
        reads = tuple(dict.fromkeys(name for part in parts for name in part.reads))
        statement = _Statement(node.name, expression, reads)
        if _joins_its_reader(graph, node):
            inlined[node.name] = statement
        else:
            statements.append(statement)
    return statements


def _joins_its_reader(graph: NetworkGraph, node: Node) -> bool:
    readers = graph.consumers[node.name]
    if len(readers) != 1 or readers[0].op not in FOLLOWERS or len(readers[0].inputs) != 1:
        return False
    # a new line begins behind an activation, as in a diagram
    return node.op not in FOLLOWERS - {"batch_norm", "identity", "dropout", "flatten"}


def _variables(statements: Sequence[_Statement]) -> dict[str, str]:
    """The variable of each value: x if only the next statement reads it, else its own name."""
    readers: dict[str, list[int]] = {}
    for position, statement in enumerate(statements):
        for name in statement.reads:
            readers.setdefault(name, []).append(position)
    names = {INPUT: "x" if readers[INPUT] == [0] else "x0"}
    for position, statement in enumerate(statements):
        is_passed_on = readers.get(statement.target) == [position + 1]
        names[statement.target] = "x" if is_passed_on else statement.target
    return names


def _layer(name: str, expression: str) -> str:
    """The statement that makes a layer, in as many lines as it needs."""
    line = f"        self.{name} = {expression}"
    if len(line) <= WIDTH:
        return line
    head, _, inside = line.partition("(")
    return f"{head}(\n            {inside[:-1]}\n        )"


def _commented(head: str, expression: str, shape: Sequence[int]) -> str:
    """A statement of `forward` with the shape it gives as a comment, in as many lines as it needs."""
    indent, comment = " " * 8, " x ".join(map(str, shape))
    line = f"{indent}{head} {expression}"
    if len(line) + 4 + len(comment) <= WIDTH:
        return f"{line}  # {comment}"
    above = f"{indent}# {comment}\n"
    if len(line) <= WIDTH:
        return above + line
    if _opening(expression) is None:  # a sum, or a value by itself
        inner = f"{indent}    "
        is_short = len(inner + expression) <= WIDTH
        lines = [inner + expression] if is_short else _summands(inner, expression)
        return above + "\n".join([f"{indent}{head} (", *lines, f"{indent})"])
    return above + "\n".join(_wrapped(indent, f"{head} {expression}"))


def _wrapped(indent: str, text: str, end: str = "") -> list[str]:
    """A call or list in as many lines as it needs: all that is inside on the next one, or each value on its own."""
    line = f"{indent}{text}{end}"
    opening = _opening(text)
    if len(line) <= WIDTH or opening is None:
        return [line]
    inner, inside = f"{indent}    ", text[opening + 1 : -1]
    parts = _split(inside, ", ")
    if len(inner + inside) <= WIDTH:
        body = [inner + inside]
    elif len(parts) > 1:
        body = [line for part in parts for line in _wrapped(inner, part, ",")]
    else:
        body = _summands(inner, inside) if len(_split(inside, " + ")) > 1 else _wrapped(inner, inside)
    return [indent + text[: opening + 1], *body, indent + text[-1] + end]


def _summands(indent: str, text: str) -> list[str]:
    first, *others = _split(text, " + ")
    return [indent + first, *[f"{indent}+ {other}" for other in others]]


def _opening(text: str) -> int | None:
    """Where the bracket opens that the last character closes; None if more than one name, call or list is added up."""
    if text[-1] not in ")]" or len(_split(text, " + ")) > 1:
        return None
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += (text[position] in ")]") - (text[position] in "([")
        if depth == 0:
            return position
    return None


def _split(text: str, by: str) -> list[str]:
    """The parts between separators that stand outside all brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0 and text.startswith(by, position):
            parts.append(text[start:position])
            start = position + len(by)
    return [*parts, text[start:]]


def _filled(expression: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], expression)


def _constant(name: str, values: Sequence[float]) -> list[str]:
    """Lines that make a buffer of one value a channel; it is no weight, so it stands here and not in the file."""
    numbers = f"torch.tensor([{', '.join(str(np.float32(value)) for value in values)}])"
    return [
        f"        {name} = {numbers}",
        f'        self.register_buffer("{name}", {name}.view(1, -1, 1, 1), persistent=False)',
    ]


def _tuple(name: str, texts: Sequence[str]) -> list[str]:
    quoted = [_quoted(text) for text in texts]
    line = f"{name} = ({', '.join(quoted)})"
    return [line] if len(line) <= WIDTH else [f"{name} = (", *[f"    {text}," for text in quoted], ")"]


def _quoted(text: str) -> str:
    """A literal with double quotes, unless that needs more escapes."""
    return repr(text) if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)


def _harmless(text: str) -> str:
    """Text that may stand in a docstring."""
    return text.replace("\\", "/").replace('"""', "'''").rstrip('"')
