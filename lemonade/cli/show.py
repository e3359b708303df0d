"""`lemonade show`: one network, its place on the front and its history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from lemonade import numbers
from lemonade.cli import common, options
from lemonade.errors import LemonadeError
from lemonade.reporting import network, reading, screen, tables
from lemonade.reporting.retrained import retrained_lines
from lemonade.retraining import Retrained, retrained
from morphisms import activation_bytes, flops, params
from morphisms.cost import node_shares

if TYPE_CHECKING:
    from lemonade.history import Member, Run

HISTORY_SHOWN = 10


def show(run: options.RunFolder, model: options.ModelId, as_json: options.AsJson = False) -> None:
    """Show one network: its nodes, its place on the front and its ancestors.

    Any candidate of the run can be shown, also one that is not on the front.
    """
    from lemonade.history import Run

    loaded = Run.load(run)
    member = loaded.member(model)
    lines, group = [], None
    try:
        lines, group = retrained_lines(loaded, member.id), retrained(loaded, member.id)
    except LemonadeError as error:  # the network itself can be shown all the same
        common.print_warning(str(error))
    if as_json:
        common.print_json(_document(loaded, member, group))
        return
    console, shown = screen.console(), common.short_path(run)
    _print_summary(console, loaded, member, lines)
    console.print()
    console.print(network.node_table(member.graph, console.width))
    console.print(Text(tables.FLOPS_NOTE, style="quiet"))
    console.print()
    _print_place(console, loaded, member)
    _print_history(console, loaded, member, shown)
    common.print_next(
        console,
        [(("lineage", shown, member.id), "what each ancestor added and cost"), (("front", shown), "all members")],
    )


def _print_summary(console: Console, run: Run, member: Member, retrainings: Sequence[str]) -> None:
    knee = run.front.knee
    place = "on the front" if reading.on_front(run, member) else "not on the front"
    place += ", the knee" if knee is not None and knee.id == member.id else ""
    console.print(Text(f"{member.id} · {place} · {origin(member)}"))
    graph = member.graph
    size = (
        f"{numbers.count(params(graph))} params, {numbers.short(flops(graph))} flops,"
        f" {numbers.measured('activation_bytes', activation_bytes(graph))} of activations at most,"
        f" input {network.shape_text(graph.input_shape)}"
    )
    console.print(Text(size))
    errors = [one for one in run.objectives if numbers.is_error(one.name) and one.name in member.values]
    for one in errors:
        value = numbers.share(member.values[one.name], reading.images_of(member))
        ranking = tables.smoothed_too(run, member, one)
        console.print(Text(f"{one.name} {value}{ranking}, {tables.between(member, one.name)}"))
    told = {"params", "flops", "activation_bytes", *(one.name for one in errors)}
    others = [name for name in run.objective_names if name not in told]
    for name in others:
        if name in member.values:
            protocol = member.latency_protocol if name == "latency_ms" else ""
            value = numbers.measured(name, member.values[name])
            console.print(Text(f"{name} {value}{f', {protocol}' if protocol else ''}"))
    for line in retrainings:
        console.print(Text(f"retrained {line}"))
    if failure := network.failure(member):
        console.print(Text(failure, style="warn"))


def origin(member: Member) -> str:
    """Where a candidate comes from: ``"generation 9, from c0097: widen conv3 24 to 36; taught by c0004"``."""
    if member.parent is None:
        return f"generation {member.generation}, a start network: {member.summary}"
    teacher = f"; taught by {member.candidate.teacher}" if member.candidate.teacher else ""
    return f"generation {member.generation}, from {member.parent}: {member.summary}{teacher}"


def _print_place(console: Console, run: Run, member: Member) -> None:
    for word, other in network.neighbours(run, member).items():
        if other is not None:
            console.print(Text(f"next {word} on the front: {tables.best_sentence(run, other)}"))
        elif reading.on_front(run, member):
            console.print(Text(f"next {word} on the front: none", style="quiet"))


def _print_history(console: Console, run: Run, member: Member, shown: Path) -> None:
    chain = list(run.lineage(member.id))
    console.print()
    console.print(network.history_table(chain[:HISTORY_SHOWN], reading.ERROR, console.width))
    if len(chain) > HISTORY_SHOWN:
        rest = numbers.quantity(len(chain) - HISTORY_SHOWN, "older ancestor")
        console.print(Text(f"  ... {rest}: {common.command('lineage', shown, member.id)}", style="quiet"))


def _document(run: Run, member: Member, group: Retrained | None) -> dict[str, Any]:
    shares = node_shares(member.graph)
    beside = network.neighbours(run, member)
    nodes = [
        {
            "name": node.name,
            "op": node.op,
            "inputs": list(node.inputs),
            "attrs": dict(node.attrs),
            "shape": list(member.graph.facts[node.name].shape),
            "params": member.graph.facts[node.name].params,
            "flops": member.graph.facts[node.name].flops,
            "share_of_flops": shares[node.name],
        }
        for node in member.graph.nodes
    ]
    return {
        **network.record(member),
        "retrained": group.to_json() if group else None,
        "on_front": reading.on_front(run, member),
        "input_shape": list(member.graph.input_shape),
        "nodes": nodes,
        "neighbours": {word.replace(" ", "_"): other.id if other else None for word, other in beside.items()},
        "lineage": [ancestor.id for ancestor in run.lineage(member.id)],
    }
