"""What methods that go by generations share: who is known, what is waited for, the front, how a network is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lemonade.front import Front
from lemonade.methods.base import GenerationReport, Setting, candidate_id
from lemonade.types import Candidate, Evaluation, Genotype, Status
from morphisms import Morphism


class Generational(ABC):
    """A `lemonade.methods.base.Search` but for its candidates: see `generation`."""

    spaces: ClassVar[tuple[str, ...] | None] = None
    """Names of the spaces it exists on; None: all of them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.report = GenerationReport(0)
        self._front = Front()
        self._known: dict[str, Candidate] = {}
        self._keys: set[str] = set()
        self._waiting = False
        self._generation = 0
        self._exhausted = False

    @abstractmethod
    def generation(self) -> list[Candidate]:
        """The candidates of the next generation; none if there is nothing left to ask."""

    @abstractmethod
    def live(self) -> set[str]:
        """Ids of candidates whose weights may still be asked for as a parent's."""

    @property
    def front(self) -> Front:
        """What no network told of dominates."""
        return self._front

    @property
    def finished(self) -> bool:
        """Whether no new network within the limits could be found."""
        return self._exhausted

    def ask(self) -> list[Candidate]:
        """The next generation; empty while results of the last one are missing, or if finished."""
        if self._waiting or self._exhausted:
            return []
        self.report = GenerationReport(self._generation)
        candidates = self.generation()
        self._exhausted = not candidates
        self.register(candidates)
        return candidates

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process."""
        self.report = GenerationReport(self._generation)
        self.register(candidates)

    def register(self, candidates: Sequence[Candidate]) -> None:
        """Know these candidates, and wait for their results."""
        self._known.update({candidate.id: candidate for candidate in candidates})
        self._keys.update(candidate.key for candidate in candidates)
        self._waiting = bool(candidates)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add the generation's results to the front."""
        for evaluation in evaluations:
            self.told(self._known[evaluation.id], evaluation)
        self._waiting = False
        self._generation += 1

    def told(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Take in one result."""
        if evaluation.status is Status.OK:
            self._front.add(candidate.id, self.setting.vector(candidate, evaluation))

    def rng(self) -> np.random.Generator:
        """The generator that everything random about this generation is drawn from."""
        return np.random.default_rng([self.setting.seed, self._generation])

    def is_refused(self, operators: Sequence[str], is_known: bool, costs: Mapping[str, float]) -> bool:
        """Count a proposal, and say whether it is a duplicate or lies outside limits or floors."""
        self.report.count(operators, "proposed")
        if is_known:
            self.report.count(operators, "duplicate")
        elif not self.setting.within_limits(costs):
            self.report.count(operators, "over_limit")
        elif not self.setting.above_floors(costs):
            self.report.count(operators, "below_floor")
        else:
            return False
        return True

    def without_parent(self, number: int, genotype: Genotype, examples: int, origin: str) -> Candidate:
        """A candidate to be trained from fresh weights; counted as accepted."""
        self.report.count([], "accepted")
        return self.candidate(number, genotype, examples=examples, origin=origin)

    def child_of(
        self, parent: Candidate, number: int, genotype: Genotype, morphisms: tuple[Morphism, ...]
    ) -> Candidate:
        """A candidate that starts from its parent's weights; counted as accepted."""
        self.report.count([morphism.operator for morphism in morphisms], "accepted")
        return self.candidate(number, genotype, parent=parent.id, morphisms=morphisms)

    def candidate(self, number: int, genotype: Genotype, **more: Any) -> Candidate:
        """A candidate of this generation; `more` are fields that differ from a fresh network's of a child's length."""
        usual: dict[str, Any] = {
            "key": self.setting.space.key(genotype),
            "parent": None,
            "morphisms": (),
            "examples": self.setting.child_examples,
        }
        return Candidate(
            id=candidate_id(number),
            genotype=genotype,
            generation=self._generation,
            costs=dict(self.setting.costs(genotype)),
            seed=self.setting.candidate_seed(number),
            **{**usual, **more},
        )
