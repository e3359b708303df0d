"""One network in text: its nodes as a table, its place on the front, its ancestors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from lemonade import numbers
from lemonade.objectives import vector
from lemonade.reporting import reading
from lemonade.reporting.layout import Column, fitted
from lemonade.types import Evaluation, Status
from morphisms import INPUT, Exactness, Morphism, NetworkGraph, Node
from morphisms.cost import node_shares
from morphisms.ops import OPS

if TYPE_CHECKING:
    from lemonade.history import Member, Run

BAR_WIDTH = 12
STAGES = {"inherited": "before", "distilled": "distilled", "trained": "trained"}
"""Stages of a child in order, with what stands above its error after each."""
_WORDS = {
    "conv": "conv", "depthwise": "depthwise", "grouped_conv": "grouped conv", "batch_norm": "batch norm",
    "max_pool": "max pool", "avg_pool": "average pool", "global_avg_pool": "global average pool",
    "relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "gelu": "GELU", "hard_swish": "hard-swish",
    "scaled": "scales",
}  # fmt: skip


def node_table(graph: NetworkGraph, width: int) -> Table:
    """Nodes in order with operation, output shape, parameters and share of the flops."""
    shares = node_shares(graph)
    columns = [
        Column("node"),
        Column("operation", gives_way=True),
        Column("reads", style="quiet", folds=True),
        Column("output"),
        Column("params", right=True),
        Column("share of flops"),
    ]
    rows = [[INPUT, "images, normalised", "", shape_text(graph.input_shape), "", ""]]
    previous = INPUT
    for node in graph.nodes:
        facts = graph.facts[node.name]
        # only what does not follow from the line above is said
        reads = "" if node.inputs == (previous,) else ", ".join(node.inputs)
        amount = numbers.count(facts.params) if facts.params else ""
        rows.append([node.name, operation(node), reads, shape_text(facts.shape), amount, _share(shares[node.name])])
        previous = node.name
    if not any(row[2] for row in rows):
        del columns[2]
        rows = [[*row[:2], *row[3:]] for row in rows]
    return fitted(columns, rows, width)


def _share(share: float) -> str:
    return f"{share * 100:5.1f} % {numbers.bar(share, BAR_WIDTH)}" if share else ""


def operation(node: Node) -> str:
    """A node's operation in words: ``"conv 3x3, stride 2"``."""
    attrs = dict(node.attrs)
    kernel = attrs.pop("kernel", None)
    text = _WORDS.get(node.op, node.op.replace("_", " ")) + (f" {kernel}x{kernel}" if kernel is not None else "")
    # the number of output channels stands in the shape beside it
    for name in ("channels", "features"):
        attrs.pop(name, None)
    usual = OPS[node.op].defaults
    extras = [_attribute(name, value) for name, value in attrs.items() if usual.get(name) != value]
    return ", ".join([text, *[extra for extra in extras if extra]])


def _attribute(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"with {_WORDS.get(name, name)}" if value else ""
    return f"{name.replace('_', ' ')} {value}"


def shape_text(shape: Sequence[int]) -> str:
    """``"24x8x8"``."""
    return "x".join(str(size) for size in shape)


def neighbours(run: Run, member: Member) -> dict[str, Member | None]:
    """The members of the front next to it: ``smaller`` and ``more accurate``; None at the ends or untrained."""
    resource = reading.resource_of(run)
    if reading.ERROR not in member.values:
        return {"smaller": None, "more accurate": None}
    others = [other for other in run.front.members if other.id != member.id]
    smaller = [other for other in others if other.values[resource] < member.values[resource]]
    ranking = [one for one in run.objectives if one.name == reading.ERROR]
    own = vector(member.values, ranking, run.smoothed)
    better = [other for other in others if vector(other.values, ranking, run.smoothed) < own]
    return {
        "smaller": max(smaller, key=lambda other: other.values[resource], default=None),
        "more accurate": min(better, key=lambda other: (other.values[resource], other.id), default=None),
    }


def lineage_table(chain: Sequence[Member], resource: str, width: int) -> Table:
    """A network and its ancestors, youngest first, with what each step did and cost.

    Args:
        chain: From the network to its start network.
        resource: A resource objective to show beside the error.
        width: Columns of the screen.
    """
    wide, middling = width >= 100, width >= 76
    stages = [stage for stage in STAGES if any(stage in member.evaluation.stages for member in chain)]
    if not middling:
        stages = [stage for stage in stages if stage == "trained"]
    columns = [
        Column("id"),
        Column("how", gives_way=True, folds=True),
        *[Column(f"error\n{STAGES[stage]}", right=True) for stage in stages],
        *([Column(f"\n{resource}", right=True)] if wide else []),
        Column("examples\ntrained", right=True),
        *([Column("examples\ninherited", right=True)] if middling else []),
        *([Column("\ntime", right=True)] if wide else []),
    ]
    rows = []
    for depth, (member, before) in enumerate(zip(chain, inherited_examples(chain), strict=True)):
        found, images = member.evaluation.stages, reading.images_of(member)
        rows.append(
            [
                f"{'└ ' if depth else ''}{member.id}",
                how(member),
                *[numbers.share(found[stage].error, images) if stage in found else "" for stage in stages],
                *([numbers.measured(resource, member.values[resource])] if wide else []),
                numbers.count(member.evaluation.examples),
                *([numbers.count(before)] if middling else []),
                *([numbers.duration(member.evaluation.seconds)] if wide else []),
            ]
        )
    return fitted(columns, rows, width)


def history_table(chain: Sequence[Member], error: str, width: int) -> Table:
    """A network and its ancestors, youngest first, one line each."""
    rows = []
    for member in chain:
        value = member.values.get(error)
        shown = "" if value is None else numbers.share(value, reading.images_of(member))
        rows.append([member.id, how(member), shown])
    return fitted([Column("history"), Column("", gives_way=True), Column(error, right=True)], rows, width)


def how(member: Member) -> str:
    """What was done to the parent, and whether that kept its function: ``"widen conv3 24 to 36 (exact)"``."""
    return steps(member.candidate.morphisms, member.evaluation) or member.summary


def steps(morphisms: Sequence[Morphism], evaluation: Evaluation) -> str:
    """The same of the rewrites themselves; empty for none."""
    if not morphisms:
        return ""
    said = [one.summary for one in morphisms]
    if evaluation.stages and evaluation.is_fresh:
        return f"{'; '.join(said)} (from fresh weights)"
    kept = ["approximate" if one.exactness is Exactness.APPROXIMATE else "exact" for one in morphisms]
    if len(set(kept)) == 1:
        return f"{'; '.join(said)} ({kept[0]})"
    return "; ".join(f"{step} ({word})" for step, word in zip(said, kept, strict=True))


def failure(member: Member) -> str:
    """How its training ended, and why; empty if it came to a good end."""
    ended = member.evaluation
    if ended.status is Status.OK:
        return ""
    return f"Its training ended as {ended.status.value}{f': {ended.message}' if ended.message else ''}"


def inherited_examples(chain: Sequence[Member]) -> list[int]:
    """For each of a lineage, youngest first, the training images its weights had seen in its ancestors."""
    return [round(total) for total in _before(chain, [member.evaluation.examples for member in chain])]


def inherited_seconds(chain: Sequence[Member]) -> list[float]:
    """For each of a lineage, youngest first, the seconds that went into its weights in its ancestors."""
    return _before(chain, [member.evaluation.seconds for member in chain])


def _before(chain: Sequence[Member], own: Sequence[float]) -> list[float]:
    """For each of a lineage the sum over those ancestors whose weights it goes back to."""
    totals: list[float] = []
    total = 0.0
    for member, amount in zip(reversed(chain), reversed(own), strict=True):
        total = 0.0 if member.evaluation.is_fresh else total
        totals.append(total)
        total += amount
    return totals[::-1]


def inheritance_sentences(chain: Sequence[Member], chance: float) -> list[str]:
    """What the youngest of a lineage was given by its ancestors, and what it was spared.

    Args:
        chain: From the network to its start network.
        chance: The error of guessing.
    """
    member, evaluation = chain[0], chain[0].evaluation
    examples, seconds = inherited_examples(chain)[0], inherited_seconds(chain)[0]
    own = f"{member.id} itself was trained on {numbers.count(evaluation.examples)} examples"
    own += f" in {numbers.duration(evaluation.seconds)}"
    if not examples:
        return [f"{own}, from fresh weights: nothing was inherited, and nothing saved."]
    total = examples + evaluation.examples
    sentences = [
        f"{own}. Inherited, and so saved: {numbers.count(examples)} examples and {numbers.duration(seconds)} in its"
        f" ancestors, {100 * examples / total:.0f} % of the {numbers.count(total)} examples that its weights have seen."
    ]
    if (stage := evaluation.stages.get("inherited")) is not None:
        error = numbers.share(stage.error, stage.images or None)
        sentences.append(f"Before any training of its own its error was {error}; guessing has {numbers.share(chance)}.")
    return sentences


def record(member: Member) -> dict[str, Any]:
    """A candidate as a JSON object: where it comes from, what it is worth, how its evaluation went."""
    evaluation = member.evaluation
    return {
        "id": member.id,
        "parent": member.parent,
        "teacher": member.candidate.teacher,
        "generation": member.generation,
        "operators": list(member.operators),
        "summary": member.summary,
        "values": dict(member.values),
        "status": evaluation.status.value,
        "message": evaluation.message,
        "stages": {name: asdict(stage) for name, stage in evaluation.stages.items()},
        "examples": evaluation.examples,
        "seconds": evaluation.seconds,
        "morphisms": [morphism.to_json() for morphism in member.candidate.morphisms],
    }
