"""What methods that go by generations share: who is known, what is waited for, the front, how a network is refused."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from lemonade.front import Front
from lemonade.methods.base import GenerationReport, Setting
from lemonade.types import Candidate, Evaluation, Genotype, Hurdle, Status, candidate_id
from morphisms import Morphism

MOST_DRAWS = 1_000
"""Networks drawn in a row without a new one within the limits before a search counts as exhausted."""


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
        self._number = 0  # of the next candidate
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
        """The next generation; empty while results of the last one are missing, or if finished.

        Raises:
            LemonadeError: if no network meets the limits.
        """
        if self._waiting or self._exhausted:
            return []
        self.report = GenerationReport(self._generation)
        self._number = len(self._known)
        candidates = self.generation()
        if not candidates and not self._known:
            raise self.setting.out_of_reach()
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
        """Count a proposal, and say whether it is a duplicate, has no costs or lies outside limits or floors."""
        self.report.count(operators, "proposed")
        if is_known:
            self.report.count(operators, "duplicate")
        elif any(math.isnan(cost) for cost in costs.values()):
            self.report.count(operators, "failed")
        elif not self.setting.within_limits(costs):
            self.report.count(operators, "over_limit")
        elif not self.setting.above_floors(costs):
            self.report.count(operators, "below_floor")
        else:
            return False
        return True

    def drawn(self, rng: np.random.Generator, is_new: Callable[[Genotype], bool] | None = None) -> Genotype | None:
        """A network drawn from the space that is new and within limits and floors; None if none turns up.

        Args:
            rng: Draws.
            is_new: What decides in place of the method `is_new`.
        """
        space = self.setting.space
        for _ in range(MOST_DRAWS):
            genotype: Genotype = space.random(rng)
            if (is_new or self.is_new)(genotype):
                return genotype
        return None

    def is_new(self, genotype: Genotype, morphisms: Sequence[Morphism] = ()) -> bool:
        """Count a proposal, and say whether it is a network not known yet and within limits and floors."""
        operators = [morphism.operator for morphism in morphisms]
        return not self.is_refused(
            operators, self.setting.space.key(genotype) in self._keys, self.setting.costs(genotype)
        )

    def without_parent(self, genotype: Genotype, examples: int, origin: str) -> Candidate:
        """A candidate to be trained from fresh weights; counted as accepted."""
        self.report.count([], "accepted")
        return self.candidate(genotype, examples=examples, origin=origin)

    def child_of(self, parent: Candidate, genotype: Genotype, morphisms: tuple[Morphism, ...]) -> Candidate:
        """A candidate that starts from its parent's weights; counted as accepted."""
        self.report.count([morphism.operator for morphism in morphisms], "accepted")
        return self.candidate(genotype, parent=parent.id, morphisms=morphisms)

    def candidate(
        self,
        genotype: Genotype,
        *,
        key: str | None = None,
        parent: str | None = None,
        morphisms: tuple[Morphism, ...] = (),
        examples: int | None = None,
        origin: str = "",
        hurdle: Hurdle | None = None,
    ) -> Candidate:
        """The next candidate of this generation; by default known by its genotype, and trained as long as a child."""
        number, self._number = self._number, self._number + 1
        key = self.setting.space.key(genotype) if key is None else key
        self._keys.add(key)
        return Candidate(
            id=candidate_id(number),
            genotype=genotype,
            key=key,
            parent=parent,
            morphisms=morphisms,
            generation=self._generation,
            costs=dict(self.setting.costs(genotype)),
            examples=self.setting.child_examples if examples is None else examples,
            seed=self.setting.candidate_seed(number),
            origin=origin,
            hurdle=hurdle,
            teacher=self.teacher(parent),
            begins=parent is None,
        )

    def teacher(self, parent: str | None) -> str | None:
        """Id of the member that a child of that parent learns from; by default of none."""
        return None
