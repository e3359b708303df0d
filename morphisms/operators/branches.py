"""Add, remove and change branches of a cell, at all its copies alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from morphisms.branches import KINDS, Branch, branch, new_branch
from morphisms.graph import GraphError, NetworkGraph, Node, without_unread
from morphisms.operators.base import Operator, Rewrite, site
from morphisms.operators.places import is_map
from morphisms.record import Exactness, Site

if TYPE_CHECKING:
    from torch import Tensor

    from morphisms.weights import Weights

NEW = tuple([kind for kind in KINDS if kind != "none"])
"""Kinds of branch that are worth putting somewhere."""


class BranchOperator(Operator):
    """Base of the three. A site is (source, merge), or several of them in a row, of which the first speaks for all.

    What a new branch brings starts at nothing where it can: its scale at 0 in a scaled add, else the weight of the
    batch norm that ends it. Then adding it is exact.
    """

    arity = 2
    repeats = True
    verb: ClassVar[str]
    """What it does, with the kind in braces."""

    def refusal(self, graph: NetworkGraph, site: Site) -> str:
        places = _places(site)
        if len({merge for _, merge in places}) < len(places):
            return "expected each merge once"
        kind = dict(site.params).get("kind", "none")
        if kind not in KINDS:
            return f"unknown kind '{kind}'. Known: {', '.join(KINDS)}"
        order = {name: position for position, name in enumerate(graph.by_name)}
        for source, merge in places:
            if graph[merge].op != "add":
                return f"expected branches to end in an add, got {graph[merge].op} '{merge}'"
            if order[source] >= order[merge]:
                return f"'{source}' is not before '{merge}'"
            if reason := self.place_refusal(graph, branch(graph, source, merge), source, merge, site):
                return reason
        return ""

    @abstractmethod
    def place_refusal(self, graph: NetworkGraph, found: Branch | None, source: str, merge: str, site: Site) -> str:
        """Why it cannot act at one place, given what branch is there; empty if it can."""

    @abstractmethod
    def inputs(self, node: Node, found: Branch | None, new: Sequence[Node], site: Site) -> tuple[str, ...]:
        """What the merge reads in the child."""

    def apply(self, graph: NetworkGraph, site: Site) -> Rewrite:
        before: dict[str, list[Node]] = {}  # what is put before which node
        merges: dict[str, Node] = {}
        gone: set[str] = set()
        added: list[tuple[Branch | None, tuple[Node, ...], str]] = []
        for source, merge in _places(site):
            found = branch(graph, source, merge)
            try:
                new = _new(graph, source, merge, site) if "kind" in self.parameters else ()
            except ValueError as error:
                raise GraphError(str(error)) from None
            old = found.nodes if found is not None else ()
            gone.update(node.name for node in old)
            before.setdefault(old[0].name if old else merge, []).extend(new)
            merges[merge] = replace(graph[merge], inputs=self.inputs(graph[merge], found, new, site))
            added.append((found, new, merge))
        nodes: list[Node] = []
        for node in graph.nodes:
            nodes += before.get(node.name, ())
            if node.name not in gone:
                nodes.append(merges.get(node.name, node))
        child = without_unread(graph.input_shape, nodes, graph.output)
        return Rewrite(site, graph, child, {"branches": added})

    def carry(self, rewrite: Rewrite, weights: Weights, rng: np.random.Generator, batch: Tensor | None) -> Weights:
        import torch

        from morphisms.calibration import with_batch_statistics
        from morphisms.weights import carried, fresh_node

        child, tensors = rewrite.child, {}
        norms: set[str] = set()
        for found, nodes, merge in rewrite.changes["branches"]:
            made: dict[str, Tensor] = {}
            for node in nodes:
                made.update(fresh_node(child, node.name, rng, weights.example))
            grown = found is not None and _alike(found.nodes, nodes)
            if grown:
                made = _resized(found.nodes, nodes, weights, made)
            else:
                norms.update(node.name for node in nodes if node.op == "batch_norm")
                if nodes and nodes[-1].op == "batch_norm" and not child[merge].attrs["scaled"]:
                    last = f"{nodes[-1].name}.weight"
                    made[last] = made[last].new_zeros(made[last].shape)
            if child[merge].attrs["scaled"] and not grown:
                scale = weights[f"{merge}.scale"]
                at = found.position if found is not None else rewrite.site["position"]
                behind = scale[at + 1 :] if found is not None else scale[at:]
                made[f"{merge}.scale"] = torch.cat([scale[:at], scale.new_zeros(1 if nodes else 0), behind])
            tensors.update(made)
        whole = carried(child, weights, {}, rng, tensors)
        return whole if batch is None or not norms else with_batch_statistics(child, whole, batch, only=norms)

    def exactness(self, graph: NetworkGraph, site: Site) -> Exactness:
        levels = [self.place_exactness(graph, source, merge, site) for source, merge in _places(site)]
        return max(levels, key=list(Exactness).index)

    @abstractmethod
    def place_exactness(self, graph: NetworkGraph, source: str, merge: str, site: Site) -> Exactness:
        """The level kept at one place."""

    def summary(self, graph: NetworkGraph, site: Site) -> str:
        (source, merge), *others = _places(site)
        copies = f" ({1 + len(others)} copies)" if others else ""
        return f"{self.verb.format(**dict(site.params))} from {source} to {merge}{copies}"


class AddBranch(BranchOperator):
    """A branch of a kind, as one more input of an add at `position`."""

    name, verb = "add_branch", "add {kind}"
    parameters = {"kind": str, "position": int}  # noqa: RUF012  (declared ClassVar in Operator)

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        names = [node.name for node in graph.nodes]
        for place, node in enumerate(graph.nodes):
            if node.op == "add":
                for source in names[:place]:
                    if is_map(graph, source):
                        for kind in NEW:
                            yield site(source, node.name, kind=kind, position=len(node.inputs))

    def place_refusal(self, graph: NetworkGraph, found: Branch | None, source: str, merge: str, site: Site) -> str:
        if found is not None:
            return f"there is a branch from '{source}' to '{merge}' already"
        if not 0 <= site["position"] <= len(graph[merge].inputs):
            return f"'{merge}' has {len(graph[merge].inputs)} inputs, got position {site['position']}"
        return ""

    def inputs(self, node: Node, found: Branch | None, new: Sequence[Node], site: Site) -> tuple[str, ...]:
        position = site["position"]
        return (*node.inputs[:position], new[-1].name, *node.inputs[position:])

    def place_exactness(self, graph: NetworkGraph, source: str, merge: str, site: Site) -> Exactness:
        is_silent = _is_silent(graph[merge], _new(graph, source, merge, site))
        return Exactness.BITWISE if is_silent else Exactness.APPROXIMATE


class RemoveBranch(BranchOperator):
    """Without a branch; its nodes, and what nothing else reads, are gone."""

    name, verb = "remove_branch", "remove what leads"

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for source, merge in _there(graph):
            yield site(source, merge)

    def place_refusal(self, graph: NetworkGraph, found: Branch | None, source: str, merge: str, site: Site) -> str:
        if found is None:
            return f"there is no branch from '{source}' to '{merge}'"
        if len(graph[merge].inputs) == 1:
            return f"it is all that '{merge}' reads"
        return ""

    def inputs(self, node: Node, found: Branch | None, new: Sequence[Node], site: Site) -> tuple[str, ...]:
        assert found is not None
        return tuple([name for k, name in enumerate(node.inputs) if k != found.position])

    def place_exactness(self, graph: NetworkGraph, source: str, merge: str, site: Site) -> Exactness:
        return Exactness.APPROXIMATE


class ChangeBranch(BranchOperator):
    """A branch of a kind in place of another one.

    Where only kernels differ, weights are inherited: a larger kernel has zeros around the old one, which is exact, a
    smaller one is the middle of it.
    """

    name, verb = "change_branch", "put {kind}"
    parameters = {"kind": str}  # noqa: RUF012  (declared ClassVar in Operator)

    def possible_sites(self, graph: NetworkGraph) -> Iterator[Site]:
        for source, merge in _there(graph):
            for kind in NEW:
                yield site(source, merge, kind=kind)

    def place_refusal(self, graph: NetworkGraph, found: Branch | None, source: str, merge: str, site: Site) -> str:
        if found is None:
            return f"there is no branch from '{source}' to '{merge}'"
        try:
            new = _new(graph, source, merge, site)
        except ValueError as error:
            return str(error)
        if [_form(node) for node in new] == [_form(node) for node in found.nodes]:
            return f"the branch from '{source}' to '{merge}' is {site['kind']} already"
        if site["kind"] == "skip_connect" and not found.nodes:
            return f"'{merge}' reads '{source}' itself already"
        return ""

    def inputs(self, node: Node, found: Branch | None, new: Sequence[Node], site: Site) -> tuple[str, ...]:
        assert found is not None
        return (*node.inputs[: found.position], new[-1].name, *node.inputs[found.position + 1 :])

    def place_exactness(self, graph: NetworkGraph, source: str, merge: str, site: Site) -> Exactness:
        found, new = branch(graph, source, merge), _new(graph, source, merge, site)
        assert found is not None
        if _alike(found.nodes, new) and all(
            node.attrs.get("kernel", 0) >= old.attrs.get("kernel", 0)
            for node, old in zip(new, found.nodes, strict=True)
        ):
            return Exactness.TOLERANCE
        was_nothing = [node.op for node in found.nodes] == ["zero"]
        return Exactness.BITWISE if was_nothing and _is_silent(graph[merge], new) else Exactness.APPROXIMATE


def _places(site: Site) -> list[tuple[str, str]]:
    return list(zip(site.nodes[::2], site.nodes[1::2], strict=True))


def _new(graph: NetworkGraph, source: str, merge: str, site: Site) -> tuple[Node, ...]:
    return new_branch(site["kind"], source, merge, graph.shape(source), graph.shape(merge))


def _there(graph: NetworkGraph) -> Iterator[tuple[str, str]]:
    """(source, merge) of branches: for each input of an add, as far up as one node alone reads the next."""
    found: dict[tuple[str, str], None] = {}
    for node in graph.nodes:
        if node.op == "add":
            for name in node.inputs:
                while name in graph and len(graph[name].inputs) == 1 and len(graph.consumers[name]) == 1:
                    name = graph[name].inputs[0]
                if name in graph:
                    found[name, node.name] = None
    yield from found


def _form(node: Node) -> tuple[str, Mapping[str, float]]:
    return node.op, node.attrs


def _is_silent(merge: Node, new: Sequence[Node]) -> bool:
    """Whether a new branch adds nothing to begin with."""
    return bool(merge.attrs["scaled"]) or new[-1].op in ("batch_norm", "zero")


def _alike(old: Sequence[Node], new: Sequence[Node]) -> bool:
    """Whether two branches differ in kernels alone."""
    forms = [[(node.op, {**node.attrs, "kernel": 0}) for node in nodes] for nodes in (old, new)]
    return forms[0] == forms[1] and any("channels" in node.attrs for node in new)


def _resized(
    old: Sequence[Node], new: Sequence[Node], weights: Weights, fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Tensors of a branch from those of one that differs in kernels alone."""
    from torch.nn import functional as F

    made = {}
    before = {node.name: other.name for node, other in zip(new, old, strict=True)}
    for full, wanted in fresh.items():
        node, _, param = full.partition(".")
        tensor = weights[f"{before[node]}.{param}"]
        if tensor.shape != wanted.shape:
            margin = (wanted.shape[-1] - tensor.shape[-1]) // 2  # negative: the middle is cut out
            tensor = F.pad(tensor, [margin] * 4).contiguous()
        made[full] = tensor
    return made
