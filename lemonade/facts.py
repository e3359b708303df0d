"""What a run writes down about its data: all that whoever reads a run folder knows of the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True)
class DataFacts:
    """The data set of a run, without its images.

    Attributes:
        name: As it was given: a path, or the name of a source.
        classes: Names, in the order of the networks' outputs.
        train: Training images.
        validation: Validation images.
        test: Test images, kept shut.
        input_shape: (C, H, W) of the images that networks see.
        mean: Of each channel of the training images, which are in [0, 1].
        std: Of each channel.
        flip: Whether training flips images horizontally.
        split_hash: Digest of what lies in which split.
        notes: Sentences a person should read.
        decoded: Whether the images were read from image files.
    """

    name: str
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool
    split_hash: str
    notes: tuple[str, ...]
    decoded: bool

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DataFacts:
        """Read what `to_json` wrote.

        Raises:
            pydantic.ValidationError: if a fact is missing or of another kind.
        """
        return _FACTS.validate_python(data)


_FACTS = TypeAdapter(DataFacts)
