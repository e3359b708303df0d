"""What is written down about a rewrite: enough to do it again, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Parameter = int | float | str


class Exactness(StrEnum):
    """How close a child is to its parent right after the rewrite, in eval mode.

    `BITWISE`: the same bits. `TOLERANCE`: relative error of the logits, max|a - b| / max|a| over the batch, below 1e-5
    in float32 and 1e-12 in float64 an operator (sums over more channels round differently). `APPROXIMATE`: the error is
    measured and recorded; layers behind the change are fitted anew, and training makes up for the rest. bfloat16
    carries no guarantee.
    """

    BITWISE = "bitwise"
    TOLERANCE = "tolerance"
    APPROXIMATE = "approximate"


@dataclass(frozen=True)
class Site:
    """Where an operator acts and with which parameters.

    Attributes:
        nodes: Names of nodes, in the order the operator defines.
        params: (name, value) pairs, such as ``("channels", 36)``.
    """

    nodes: tuple[str, ...] = ()
    params: tuple[tuple[str, Parameter], ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Value of a parameter; KeyError if the site does not have it."""
        return dict(self.params)[name]


@dataclass(frozen=True)
class Morphism:
    """The record of one rewrite; with the parent's graph, weights and calibration batch it replays bit for bit.

    Attributes:
        operator: Name in `morphisms.operators.OPERATORS`.
        site: Where it acted.
        seed: Seed of what the transfer draws.
        exactness: The level it keeps.
        summary: The rewrite in words, as ``"widen conv3 24 to 36"``.
    """

    operator: str
    site: Site
    seed: int
    exactness: Exactness
    summary: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it."""
        return {
            "operator": self.operator,
            "nodes": list(self.site.nodes),
            "params": dict(self.site.params),
            "seed": self.seed,
            "exactness": self.exactness.value,
            "summary": self.summary,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Morphism:
        """Read what `to_json` wrote; KeyError or ValueError if it is something else."""
        site = Site(tuple(data["nodes"]), tuple(data["params"].items()))
        return cls(data["operator"], site, data["seed"], Exactness(data["exactness"]), data["summary"])
