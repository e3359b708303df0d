"""One network in text: its nodes as a table, its place on the front, its ancestors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from lemonade.reporting import numbers, reading
from morphisms import INPUT, Exactness, NetworkGraph, Node
from morphisms.cost import node_shares

if TYPE_CHECKING:
    from lemonade.history import Member, Run

BAR_WIDTH = 12
STAGES = ("inherited", "distilled", "trained")
_WORDS = {
    "conv": "conv", "depthwise": "depthwise", "grouped_conv": "grouped conv", "batch_norm": "batch norm",
    "max_pool": "max pool", "avg_pool": "average pool", "global_avg_pool": "global average pool",
    "relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "gelu": "GELU", "hard_swish": "hard-swish",
}  # fmt: skip


def node_table(graph: NetworkGraph) -> Table:
    """Nodes in order with operation, output shape, parameters and share of the flops."""
    shares = node_shares(graph)
    straight = reads_only_previous(graph)
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="quiet", show_edge=False)
    table.add_column("node", no_wrap=True)
    table.add_column("operation", no_wrap=True, overflow="ellipsis")
    if not straight:
        table.add_column("reads", overflow="ellipsis", no_wrap=True, style="quiet")
    table.add_column("output", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("share of flops", no_wrap=True)
    reads = [] if straight else [""]
    table.add_row(INPUT, "images in [0, 1], normalised", *reads, shape_text(graph.input_shape), "", "", style="quiet")
    previous = INPUT
    for node in graph.nodes:
        facts = graph.facts[node.name]
        source = "" if node.inputs == (previous,) else ", ".join(node.inputs)
        cells = [] if straight else [source]
        amount = numbers.count(facts.params) if facts.params else ""
        table.add_row(node.name, operation(node), *cells, shape_text(facts.shape), amount, _share(shares[node.name]))
        previous = node.name
    return table


def _share(share: float) -> str:
    return f"{share * 100:5.1f} % {numbers.bar(share, BAR_WIDTH)}" if share else ""


def reads_only_previous(graph: NetworkGraph) -> bool:
    """Whether the network is a plain chain."""
    names = [INPUT, *[node.name for node in graph.nodes]]
    return all(node.inputs == (before,) for before, node in zip(names, graph.nodes, strict=False))


def operation(node: Node) -> str:
    """A node's operation in words: ``"conv 3x3, stride 2"``."""
    attrs = dict(node.attrs)
    kernel = attrs.pop("kernel", None)
    text = _WORDS.get(node.op, node.op.replace("_", " ")) + (f" {kernel}x{kernel}" if kernel is not None else "")
    # the number of output channels stands in the shape beside it
    for name in ("channels", "features"):
        attrs.pop(name, None)
    extras = [_attribute(name, value) for name, value in attrs.items()]
    return ", ".join([text, *[extra for extra in extras if extra]])


def _attribute(name: str, value: object) -> str:
    if name == "stride" and value == 1:
        return ""
    if isinstance(value, bool):
        return f"with {name}" if value else ""
    return f"{name.replace('_', ' ')} {value}"


def shape_text(shape: Sequence[int]) -> str:
    """``"24x8x8"``."""
    return "x".join(str(size) for size in shape)


def neighbours(run: Run, member: Member) -> dict[str, Member | None]:
    """The members of the front next to it: ``smaller`` and ``more accurate``; None at the ends or without an error."""
    error = reading.error_name(run)
    resource = next(iter(reading.resource_names(run)), None)
    if error is None or resource is None or error not in member.values:
        return {"smaller": None, "more accurate": None}
    others = [other for other in run.front.members if other.id != member.id]
    smaller = [other for other in others if other.values[resource] < member.values[resource]]
    better = [other for other in others if other.values[error] < member.values[error]]
    return {
        "smaller": max(smaller, key=lambda other: other.values[resource], default=None),
        "more accurate": min(better, key=lambda other: (other.values[resource], other.id), default=None),
    }


def lineage_table(chain: Sequence[Member], resource: str | None) -> Table:
    """A member and its ancestors, youngest first, with what each step did and cost.

    Args:
        chain: From the member to its start network.
        resource: A resource objective to show beside the error.
    """
    inherited = inherited_examples(chain)
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="quiet", show_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("how", overflow="fold", ratio=1)
    stages = [stage for stage in STAGES if any(stage in stages_of(member) for member in chain)]
    for stage in stages:
        table.add_column(f"error\n{stage}", justify="right", no_wrap=True)
    if resource is not None:
        table.add_column(f"\n{resource}", justify="right", no_wrap=True)
    table.add_column("examples\ntrained", justify="right", no_wrap=True)
    table.add_column("examples\ninherited", justify="right", no_wrap=True)
    table.add_column("\ntime", justify="right", no_wrap=True)
    for depth, (member, before) in enumerate(zip(chain, inherited, strict=True)):
        found = stages_of(member)
        images = reading.images_of(member)
        errors = [numbers.share(found[stage]["error"], images) if stage in found else "" for stage in stages]
        size = [numbers.measured(resource, member.values[resource])] if resource is not None else []
        table.add_row(
            f"{'└ ' if depth else ''}{member.id}",
            Text(how(member)),
            *errors,
            *size,
            numbers.count(member.evaluation.examples),
            numbers.count(before),
            numbers.duration(member.evaluation.seconds),
        )
    return table


def how(member: Member) -> str:
    """What was done to the parent, and whether that kept its function: ``"widen conv3 24 to 36 (exact)"``."""
    morphisms = member.candidate.morphisms
    if not morphisms:
        return member.summary
    exact = all(morphism.exactness is not Exactness.APPROXIMATE for morphism in morphisms)
    return f"{'; '.join(morphism.summary for morphism in morphisms)} ({'exact' if exact else 'approximate'})"


def stages_of(member: Member) -> Mapping[str, dict[str, float]]:
    """Stages of a member's evaluation by name, as plain numbers; none if it was not trained."""
    return {
        name: {
            "error": stage.error,
            "error_smoothed": stage.error_smoothed,
            "images": stage.images,
            "examples": stage.examples,
            "seconds": stage.seconds,
        }
        for name, stage in member.evaluation.stages.items()
    }


def inherited_examples(chain: Sequence[Member]) -> list[int]:
    """For each of a lineage, youngest first, the training images its ancestors had seen."""
    totals: list[int] = []
    seen = 0
    for member in reversed(chain):
        totals.append(seen)
        seen += member.evaluation.examples
    return totals[::-1]


def record(member: Member) -> dict[str, Any]:
    """A candidate as a JSON object: where it comes from, what it is worth, how its evaluation went."""
    evaluation = member.evaluation
    return {
        "id": member.id,
        "parent": member.parent,
        "generation": member.generation,
        "operators": list(member.operators),
        "summary": member.summary,
        "values": dict(member.values),
        "status": evaluation.status.value,
        "message": evaluation.message,
        "stages": {name: dict(stage) for name, stage in stages_of(member).items()},
        "examples": evaluation.examples,
        "seconds": evaluation.seconds,
        "morphisms": [morphism.to_json() for morphism in member.candidate.morphisms],
    }
