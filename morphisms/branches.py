"""Branches: what lies between two nodes of a cell, by the names that NAS-Bench-201 and DARTS use for its operations.

A branch leads from a source to a merge (an `add`) through nodes of one input and one reader each. Which kind it is
follows from its nodes, so that a network read from a file tells its cells without a word written beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from morphisms.graph import INPUT, NetworkGraph, Node
from morphisms.ops import Attrs, Shape

Step = tuple[str, Attrs]
"""An operation and its attributes, but for stride and channels, which follow from where a branch leads."""


def _relu_conv_norm(kernel: int) -> tuple[Step, ...]:
    return ("relu", {}), ("conv", {"kernel": kernel}), ("batch_norm", {})


def _separable(kernel: int, dilation: int = 1) -> tuple[Step, ...]:
    depthwise: Step = ("depthwise", {"kernel": kernel, "dilation": dilation})
    return ("relu", {}), depthwise, ("conv", {"kernel": 1}), ("batch_norm", {})


KINDS: dict[str, tuple[Step, ...]] = {
    "none": (("zero", {}),),
    "skip_connect": (("identity", {}),),
    "nor_conv_1x1": _relu_conv_norm(1),
    "nor_conv_3x3": _relu_conv_norm(3),
    "avg_pool_3x3": (("avg_pool", {"kernel": 3, "count_include_pad": False}),),
    "max_pool_3x3": (("max_pool", {"kernel": 3}),),
    "sep_conv_3x3": _separable(3) * 2,
    "sep_conv_5x5": _separable(5) * 2,
    "dil_conv_3x3": _separable(3, dilation=2),
    "dil_conv_5x5": _separable(5, dilation=2),
}
"""Operations of NAS-Bench-201 (Dong and Yang 2020) and DARTS (Liu, Simonyan and Yang 2019), whose separable convolution
comes twice."""

_STRIDED = {"conv", "depthwise", "avg_pool", "max_pool"}


@dataclass(frozen=True)
class Branch:
    """A branch that is there.

    Attributes:
        position: Which input of the merge it is.
        nodes: Its nodes from the source on; none where the merge reads the source itself.
    """

    position: int
    nodes: tuple[Node, ...]


def branch(graph: NetworkGraph, source: str, merge: str) -> Branch | None:
    """The branch from `source` to `merge`; None if there is none."""
    for position, name in enumerate(graph[merge].inputs):
        nodes: list[Node] = []
        while name not in (source, INPUT):
            node = graph[name]
            if len(node.inputs) > 1 or len(graph.consumers[name]) > 1:
                break
            nodes.append(node)
            name = node.inputs[0]
        if name == source:
            return Branch(position, tuple(reversed(nodes)))
    return None


@lru_cache(maxsize=1024)
def steps(kind: str, source: Shape, target: Shape) -> tuple[Step, ...]:
    """Operations of a branch of that kind from one shape to another, with stride and channels.

    A skip that changes height, width or channels is a projection: ReLU, a 1x1 convolution and batch norm.

    Raises:
        ValueError: if it cannot lead there.
    """
    if len(source) != 3 or len(target) != 3:
        raise ValueError(f"expected feature maps, got shapes {source} and {target}")
    found = KINDS["nor_conv_1x1"] if kind == "skip_connect" and source != target else KINDS[kind]
    rates = [rate for rate in (1, 2) if all(-(-a // rate) == b for a, b in zip(source[1:], target[1:], strict=True))]
    ops = [op for op, _ in found]
    if not rates or (rates[0] > 1 and not _STRIDED & set(ops)):
        raise ValueError(f"{kind} cannot lead from {source} to {target}")
    if source[0] != target[0] and "conv" not in ops:
        raise ValueError(f"{kind} cannot change channels from {source[0]} to {target[0]}")
    first = next((k for k, op in enumerate(ops) if op in _STRIDED), None)
    last = max((k for k, op in enumerate(ops) if op == "conv"), default=None)
    made = []
    for k, (op, attrs) in enumerate(found):
        stride = {"stride": rates[0] if k == first else 1} if op in _STRIDED else {}
        channels = {"channels": target[0] if k == last else source[0]} if op == "conv" else {}
        made.append((op, {**attrs, **stride, **channels}))
    return tuple(made)


def new_branch(kind: str, source: str, merge: str, before: Shape, behind: Shape) -> tuple[Node, ...]:
    """Nodes of a branch, called after its ends: ``s1c2_n0_n3_conv`` from ``s1c2_n0`` to ``s1c2_n3``.

    Args:
        kind: One of `KINDS`.
        source: What it reads.
        merge: What will read it.
        before: Shape of the source.
        behind: Shape of the merge.

    Raises:
        ValueError: if the kind cannot lead from one shape to the other.
    """
    stem, read, nodes = f"{source}_{merge.rpartition('_')[2]}", source, []
    used: Counter[str] = Counter()
    for op, attrs in steps(kind, before, behind):
        used[op] += 1
        name = f"{stem}_{op}" + (str(used[op]) if used[op] > 1 else "")
        nodes.append(Node(name, op, (read,), attrs))
        read = name
    return tuple(nodes)


def kind_of(graph: NetworkGraph, source: str, merge: str, kinds: Iterable[str]) -> str | None:
    """Which of the kinds the branch from `source` to `merge` is; None if there is none, or it is of no such kind."""
    found = branch(graph, source, merge)
    if found is None:
        return None
    shapes = graph.shape(source), graph.shape(merge)
    for kind in kinds:
        try:
            wanted = steps(kind, *shapes)
        except ValueError:
            continue
        if len(wanted) == len(found.nodes) and all(
            node.op == op and attrs.items() <= node.attrs.items()
            for node, (op, attrs) in zip(found.nodes, wanted, strict=True)
        ):
            return kind
    return None
