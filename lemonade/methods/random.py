"""Random search (Bergstra and Bengio 2012): networks drawn without regard to what was found, each from fresh weights.

What every other method has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lemonade.front import Front
from lemonade.methods.base import GenerationReport, Setting, candidate_id
from lemonade.types import Candidate, Evaluation, Status
from morphisms import NetworkGraph

MOST_DRAWS = 1_000
"""Networks drawn in a row without a new one within the limits before the search counts as exhausted."""


class RandomSearch:
    """Draws `search.children` networks a generation from the space, none twice; keeps the front."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.report = GenerationReport(0)
        self._front = Front()
        self._known: dict[str, Candidate] = {}
        self._keys: set[str] = set()
        self._waiting = False
        self._generation = 0
        self._exhausted = False

    @property
    def front(self) -> Front:
        """What no network told of dominates."""
        return self._front

    @property
    def finished(self) -> bool:
        """Whether no new network within the limits could be found."""
        return self._exhausted

    def ask(self) -> list[Candidate]:
        """The next generation."""
        if self._waiting or self._exhausted:
            return []
        self.report = GenerationReport(self._generation)
        rng = np.random.default_rng([self.setting.seed, self._generation])
        candidates: list[Candidate] = []
        while len(candidates) < self.setting.search.children and (graph := self._drawn(rng)) is not None:
            number = len(self._known) + len(candidates)
            key = self.setting.space.key(graph)
            self._keys.add(key)
            candidates.append(
                Candidate(
                    id=candidate_id(number),
                    graph=graph,
                    key=key,
                    parent=None,
                    morphisms=(),
                    generation=self._generation,
                    costs=dict(self.setting.costs(graph)),
                    examples=self.setting.child_examples,
                    seed=self.setting.candidate_seed(number),
                    origin="drawn at random",
                )
            )
        self._exhausted = not candidates
        self._register(candidates)
        if self._exhausted and not self._known:
            raise self.setting.out_of_reach()
        return candidates

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process."""
        self.report = GenerationReport(self._generation)
        self._register(candidates)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add the generation's results to the front."""
        for evaluation in evaluations:
            if evaluation.status is Status.OK:
                candidate = self._known[evaluation.id]
                self._front.add(candidate.id, self.setting.vector(candidate, evaluation))
        self._waiting = False
        self._generation += 1

    def live(self) -> set[str]:
        """None: no network inherits."""
        return set()

    def _register(self, candidates: Sequence[Candidate]) -> None:
        self._known.update({candidate.id: candidate for candidate in candidates})
        self._keys.update(candidate.key for candidate in candidates)
        self._waiting = bool(candidates)

    def _drawn(self, rng: np.random.Generator) -> NetworkGraph | None:
        """A network not drawn before, within limits and floors; None if none turns up."""
        setting = self.setting
        for _ in range(MOST_DRAWS):
            graph = setting.space.random(rng)
            costs = setting.costs(graph)
            self.report.count([], "proposed")
            if setting.space.key(graph) in self._keys:
                self.report.count([], "duplicate")
            elif not setting.within_limits(costs):
                self.report.count([], "over_limit")
            elif not setting.above_floors(costs):
                self.report.count([], "below_floor")
            else:
                self.report.count([], "accepted")
                return graph
        return None
