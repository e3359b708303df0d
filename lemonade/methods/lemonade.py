"""LEMONADE (Elsken, Metzen, Hutter 2019), Algorithm 1: cheap objectives decide which children are worth training.

Each generation draws parents from the Pareto front with probability inverse to the density of the cheap objectives
(Eq. 1), proposes many children without touching a tensor, accepts a few of them by a second inverse-density draw
(Eq. 2), and keeps what no other network dominates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lemonade.density import inverse_density_weights
from lemonade.front import Front
from lemonade.methods.base import GenerationReport, Setting, candidate_id
from lemonade.methods.forecast import Features, Forecast
from lemonade.spaces import Start
from lemonade.types import Candidate, Evaluation, Status
from morphisms import OPERATORS, Morphism, NetworkGraph, Site

MOST_DRAWS = 20
"""Rounds of proposals without a single new network within the limits before the search counts as exhausted."""


@dataclass(frozen=True)
class _Proposal:
    graph: NetworkGraph
    key: str
    parent: Candidate
    morphisms: tuple[Morphism, ...]
    costs: dict[str, float]

    @property
    def operators(self) -> list[str]:
        return [morphism.operator for morphism in self.morphisms]


class Lemonade:
    """The search method of the paper; every open point of it is a field of `SearchSettings`."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.report = GenerationReport(0)
        self._front = Front()
        self._known: dict[str, Candidate] = {}
        self._keys: set[str] = set()
        self._lineage_examples: dict[str, int] = {}
        self._forecast = Forecast(setting)
        self._waiting: list[Candidate] = []
        self._generation = 0
        self._exhausted = False
        # a member trained further from scratch would be the same network again
        operators = setting.search.operators
        self._continues = setting.search.inherit and (operators is None or "continue" in operators)

    @property
    def front(self) -> Front:
        """The population: what no network told of dominates."""
        return self._front

    @property
    def finished(self) -> bool:
        """Whether no new network within the limits could be found."""
        return self._exhausted

    def ask(self) -> list[Candidate]:
        """The next generation; generation 0 is the initial population."""
        if self._waiting or self._exhausted:
            return []
        self.report = GenerationReport(self._generation)
        candidates = self._initial() if self._generation == 0 else self._children()
        self._exhausted = not candidates
        self._register(candidates)
        return candidates

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process."""
        self.report = GenerationReport(self._generation)
        self._register(candidates)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add the generation's results to the front."""
        for evaluation in evaluations:
            candidate = self._known[evaluation.id]
            self._forecast.told(candidate, evaluation, self._features(candidate) if candidate.parent else None)
            if evaluation.status is Status.OK:
                self._front.add(candidate.id, self.setting.vector(candidate, evaluation))
        self._waiting = []
        self._generation += 1

    def live(self) -> set[str]:
        """The population: every parent is drawn from it."""
        return set(self._front.ids)

    def _register(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self._known[candidate.id] = candidate
            self._keys.add(candidate.key)
            # a child made from scratch has seen only its own examples
            before = self._lineage_examples.get(candidate.parent or "", 0) if self.setting.search.inherit else 0
            self._lineage_examples[candidate.id] = before + candidate.examples
        self._waiting = list(candidates)

    def _initial(self) -> list[Candidate]:
        starts = self._starts_within_limits()
        made = []
        for number, start in enumerate(starts):
            self.report.count([], "proposed")
            self.report.count([], "accepted")
            made.append(
                Candidate(
                    id=candidate_id(number),
                    graph=start.graph,
                    key=self.setting.space.key(start.graph),
                    parent=None,
                    morphisms=(),
                    generation=0,
                    costs=dict(self.setting.costs(start.graph)),
                    examples=self.setting.initial_examples,
                    seed=self.setting.candidate_seed(number),
                    origin=start.origin,
                )
            )
        return made

    def _starts_within_limits(self) -> list[Start]:
        """Start networks that meet the limits, or the largest of the smaller ones that does.

        Raises:
            LemonadeError: if none does, naming the limit and the smallest network.
        """
        setting = self.setting
        starts = [start for start in setting.space.starts() if setting.within_limits(setting.costs(start.graph))]
        smaller = [start for start in setting.space.smallest() if setting.within_limits(setting.costs(start.graph))]
        if not starts and not smaller:
            raise setting.out_of_reach()
        return starts or smaller[:1]

    def _children(self) -> list[Candidate]:
        """One generation of Algorithm 1, steps a to f."""
        rng = np.random.default_rng([self.setting.seed, self._generation])
        population = [self._known[name] for name in self._front.ids]
        if not population:  # every initial network failed: nothing to inherit from
            return []
        proposals: list[_Proposal] = []
        for _ in range(MOST_DRAWS):
            proposals = self._proposals(population, rng)
            if proposals:
                break
        chosen = self._accepted(proposals, population, rng)
        first = len(self._known)
        return [self._candidate(proposals[position], first + k) for k, position in enumerate(chosen)]

    def _features(self, child: Candidate | _Proposal) -> Features:
        parent = child.parent if isinstance(child, _Proposal) else self._known[child.parent or ""]
        before = self._lineage_examples[parent.id] if self.setting.search.inherit else 0
        return self._forecast.features(child.graph, child.costs, child.morphisms, parent, before)

    def _proposals(self, population: list[Candidate], rng: np.random.Generator) -> list[_Proposal]:
        """`proposals` children of parents drawn by Eq. 1, without duplicates and those beyond a limit."""
        search, points = self.setting.search, _points(population)
        weights = self._weights(points, points)
        found: dict[str, _Proposal] = {}
        for _ in range(search.proposals):
            proposal = self._proposal(population[rng.choice(len(population), p=weights)], rng)
            if proposal is None:
                continue
            self.report.count(proposal.operators, "proposed")
            if proposal.key in self._keys or proposal.key in found:
                self.report.count(proposal.operators, "duplicate")
            elif not self.setting.within_limits(proposal.costs):
                self.report.count(proposal.operators, "over_limit")
            elif not self.setting.above_floors(proposal.costs):
                self.report.count(proposal.operators, "below_floor")
            else:
                found[proposal.key] = proposal
        return list(found.values())

    def _proposal(self, parent: Candidate, rng: np.random.Generator) -> _Proposal | None:
        space, search = self.setting.space, self.setting.search
        if self._continues and rng.random() < search.continue_share:
            record = OPERATORS["continue"].record(parent.graph, Site(), int(rng.integers(2**31)))
            # the same network counts as another one for each number of examples its lineage has seen
            key = f"{space.key(parent.graph)}+{self._lineage_examples[parent.id]}"
            return _Proposal(parent.graph, key, parent, (record,), dict(parent.costs))
        made = space.mutate(parent.graph, rng)
        if made is None:
            return None
        graph, morphisms = made
        return _Proposal(graph, space.key(graph), parent, morphisms, dict(self.setting.costs(graph)))

    def _accepted(self, proposals: list[_Proposal], population: list[Candidate], rng: np.random.Generator) -> list[int]:
        """Positions of `children` proposals drawn by Eq. 2 without replacement; all if there are no more.

        Once there is something to learn from, most are not drawn but taken by the gain they promise.
        """
        search = self.setting.search
        if len(proposals) <= search.children:
            chosen = list(range(len(proposals)))
        else:
            ranks = search.accept == "gain" and self._forecast.ready
            drawn = round(search.children * search.explore_share) if ranks else search.children
            at = _points(proposals)
            weights = self._weights(_points(population) if search.density_of == "population" else at, at)
            chosen = rng.choice(len(proposals), size=drawn, replace=False, p=weights).tolist()
            if ranks:
                chosen = self._forecast.ranked(
                    [one.graph for one in proposals],
                    [self._features(one) for one in proposals],
                    [one.costs for one in proposals],
                    self._front.ids,
                    search.children,
                    chosen,
                )
            chosen.sort()
        for position in chosen:
            self.report.count(proposals[position].operators, "accepted")
        return chosen

    def _weights(self, fit: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.setting.search.sampling == "uniform":
            return np.full(len(at), 1 / len(at))
        return inverse_density_weights(fit, at, floor=self.setting.search.density_floor)

    def _candidate(self, proposal: _Proposal, number: int) -> Candidate:
        return Candidate(
            id=candidate_id(number),
            graph=proposal.graph,
            key=proposal.key,
            parent=proposal.parent.id,
            morphisms=proposal.morphisms,
            generation=self._generation,
            costs=proposal.costs,
            examples=self.setting.child_examples,
            seed=self.setting.candidate_seed(number),
            hurdle=self._forecast.hurdle(self._features(proposal), proposal.costs, self._front.ids),
        )


def _points(networks: Sequence[Candidate] | Sequence[_Proposal]) -> NDArray[np.float64]:
    """Cheap objectives, shape (networks, objectives)."""
    return np.array([list(network.costs.values()) for network in networks], dtype=np.float64)
