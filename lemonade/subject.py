"""Which weights of a network are taken elsewhere (exported, asked for a prediction), and how well they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lemonade.errors import LemonadeError, unknown
from lemonade.history import Run
from lemonade.members import Member
from lemonade.numbers import count
from lemonade.retraining import Retrained, Training, all_retrained, rank, searched_test
from morphisms import Weights, build_module, load_weights

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = ("auto", "search", "retrained")
"""As the search left them, or as `retrain` did; ``"auto"`` takes retrained ones that are no worse on the validation
images, by what members are ranked by."""


def check_kind(weights: str) -> None:
    """Refuse what is none of `WEIGHTS`.

    Raises:
        LemonadeError: naming those there are.
    """
    if weights not in WEIGHTS:
        raise unknown("kind of weights", weights, WEIGHTS)


@dataclass(frozen=True, eq=False)
class Subject:
    """A network of a run with the weights that go out.

    Attributes:
        run: Where it comes from.
        member: The network.
        group: Its long trainings, if weights of theirs are taken.
        reason: Why these weights, where there were others; empty if there was nothing to choose.
    """

    run: Run
    member: Member
    group: Retrained | None = None
    reason: str = ""

    @classmethod
    def of(cls, run: Run, member: Member, weights: str = "auto") -> Subject:
        """The network with weights of one kind of `WEIGHTS`; of its trainings, the longest count that did not fail.

        Raises:
            LemonadeError: for an unknown kind, a damaged record, or retrained weights that are not there.
        """
        check_kind(weights)
        groups = all_retrained(run, member.id) if weights != "search" else ()
        group = next((one for one in groups if one.chosen is not None), None)
        if group is None:
            if weights == "retrained":
                raise LemonadeError(
                    f"{member.id} has no retrained weights in {run.folder}. Make them: "
                    f"lemonade retrain {run.folder} --models {member.id}"
                )
            return cls(run, member)
        theirs, ours = (rank(values, run.smoothed) for values in (vars(group.chosen), member.values))
        compared = f"{'smoothed ' * run.smoothed}validation error {theirs[0]:.4f} retrained, {ours[0]:.4f} searched"
        return cls(run, member, group if theirs <= ours or weights == "retrained" else None, compared)

    @property
    def training(self) -> Training | None:
        """The long training that the weights come from: of all seeds and starts, the best on validation images."""
        return self.group.chosen if self.group else None

    def weights(self) -> Weights:
        """The tensors, named after the graph's nodes.

        Raises:
            LemonadeError: naming the file, if it is missing or damaged.
        """
        path = self.group.weights if self.group else None
        if path is None or self.training is None:
            return self.member.weights()
        try:
            weights = load_weights(path, sha256=self.training.sha256)
            build_module(self.member.graph, weights)  # another network's are not taken for these
            return weights
        except (ValueError, OSError) as error:
            told = str(error) if str(path) in str(error) else f"{path}: {error}"
            raise LemonadeError(
                f"{told}. Take the search's weights with --weights search, or delete {path.with_suffix('.json')} and "
                "retrain."
            ) from None

    @property
    def path(self) -> Path:
        """The file that the weights lie in; only for a network that has any."""
        own = self.member.folder / str(self.member.evaluation.weights)
        return self.group.weights or own if self.group else own

    def module(self) -> nn.Module:
        """The network in eval mode; takes float32 images in [0, 1].

        Raises:
            LemonadeError: as `weights`, or if they are another network's.
        """
        return self.member.module(None if self.group is None else self.weights())

    @property
    def errors(self) -> Mapping[str, float]:
        """Share of wrong images of these weights by part of the data: ``"validation"``, and ``"test"`` if opened."""
        training = self.training
        if training is None:
            read = {"validation": self.member.values["error"], "test": searched_test(self.member)}
        else:
            read = {"validation": training.error, "test": training.test}
        return {part: value for part, value in read.items() if value is not None}

    @property
    def images(self) -> Mapping[str, int]:
        """Number of images that each part holds."""
        return {"validation": self.run.facts.validation, "test": self.run.facts.test}

    @property
    def words(self) -> str:
        """Where the weights come from, and why: ``"as the search left them"``."""
        training = self.training
        if training is None:
            told = "as the search left them"
        else:
            told = f"retrained on {count(training.examples)} images {training.origin}"
        return f"{told} ({self.reason})" if self.reason else told
