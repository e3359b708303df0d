"""What every export format is, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lemonade.contract import Normalised
from lemonade.facts import DataFacts
from morphisms import NetworkGraph, Weights, build_module
from morphisms.naming import names_by_role, renamed

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network on its way out, its nodes named for a reader.

    Attributes:
        graph: The network.
        weights: Its float32 tensors, named after the graph's nodes.
        facts: Of the data set.
        about: One paragraph for a person: what it does, how large it is, how well it does it.
    """

    graph: NetworkGraph
    weights: Weights
    facts: DataFacts
    about: str

    @classmethod
    def of(cls, graph: NetworkGraph, weights: Weights, facts: DataFacts, about: str) -> Model:
        """A model from a network as the search names it."""
        names = names_by_role(graph)
        parts = {name: name.partition(".") for name in weights}
        tensors = {f"{names[node]}.{param}": weights[name] for name, (node, _, param) in parts.items()}
        return cls(renamed(graph, names), Weights(tensors), facts, about)

    @cached_property
    def module(self) -> Normalised:
        """In eval mode; takes float32 images in [0, 1]."""
        return Normalised(build_module(self.graph, self.weights), self.facts.mean, self.facts.std).eval()

    @cached_property
    def program(self) -> ExportedProgram:
        """The same, traced by torch.export for any number of images."""
        import torch

        # two images: torch.export takes a batch of one for a constant
        example = torch.zeros(2, *self.graph.input_shape)
        batch = torch.export.Dim("batch")
        return torch.export.export(self.module, (example,), dynamic_shapes={"images": {0: batch}})


@dataclass(frozen=True)
class Written:
    """One exported file.

    Attributes:
        format: Name of its format.
        file: Name of the file.
        size: Bytes.
        deviation: max|a - b| / max|a| of its logits b from the original's a.
        checked_on: What was run through both, in words.
    """

    format: str
    file: str
    size: int
    deviation: float
    checked_on: str


class Format(ABC):
    """One way to write a model down. To add one: a class in `formats.py`, and a place in `FORMATS`.

    Attributes:
        name: What ``--to`` calls it.
        file: Name of the file it writes.
        needs: Packages it imports that not every installation has.
        beside: Names of other formats whose files it reads.
        loading: Lines of Python, run in the file's folder, that load it and make `logits` of `images`.
        loaded_with: What these lines need, in words.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    needs: ClassVar[Sequence[str]] = ()
    beside: ClassVar[Sequence[str]] = ()
    loading: ClassVar[Sequence[str]]
    loaded_with: ClassVar[str]

    @abstractmethod
    def write(self, model: Model, path: Path) -> None:
        """Write the model to a path, whose name may differ from `file` but for its ending."""

    @abstractmethod
    def logits(self, path: Path, images: Tensor) -> Tensor:
        """Read the file back as a stranger would, and run it on float32 images (N, C, H, W) in [0, 1]."""
