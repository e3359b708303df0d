"""LEMONADE (Elsken, Metzen, Hutter 2019), Algorithm 1: cheap objectives decide which children are worth training.

Each generation draws parents from the Pareto front with probability inverse to the density of the cheap objectives
(Eq. 1), proposes many children without touching a tensor, accepts a few of them, and keeps what no other network
dominates. The paper accepts by a second inverse-density draw (Eq. 2); here most are those of which a forecast promises
the largest gain (`SearchSettings.accept`), and before there are children more networks are made of the start networks
(`beginning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lemonade.density import inverse_density_weights
from lemonade.methods.base import Setting
from lemonade.methods.beginning import Beginning, FromParent, FromScratch
from lemonade.methods.forecast import Features, Forecast
from lemonade.methods.generations import Generational
from lemonade.types import RESTARTED, Candidate, Evaluation, Genotype, Status
from morphisms import OPERATORS, Morphism, Site

MOST_DRAWS = 20
"""Rounds of proposals without a single new network within the limits before the search counts as exhausted."""


@dataclass(frozen=True)
class _Proposal:
    genotype: Genotype
    key: str
    parent: Candidate
    morphisms: tuple[Morphism, ...]
    costs: dict[str, float]

    @property
    def operators(self) -> list[str]:
        return [morphism.operator for morphism in self.morphisms]


class Lemonade(Generational):
    """The search method of the paper; every open point of it is a field of `SearchSettings`."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._lineage_examples: dict[str, int] = {}
        self._forecast = Forecast(setting)
        self._beginning = Beginning(setting)
        # a member trained further from scratch would be the same network again
        operators = setting.search.operators
        self._continues = setting.search.inherit and (operators is None or "continue" in operators)

    def generation(self) -> list[Candidate]:
        """The next generation: initial networks, those made of them, then children."""
        if self._generation == 0:
            return self._begin(self._beginning.first())
        begins = self._begin(self._beginning.next(self._keys, set(self._front.ids))) if self._begins else []
        return begins or self._children()

    @property
    def _begins(self) -> bool:
        """Whether nothing but start networks was asked for."""
        return self._keys <= self._beginning.keys

    def told(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Learn from a result, and add it to the front."""
        self._forecast.told(candidate, evaluation, self._features(candidate))
        super().told(candidate, evaluation)
        if evaluation.payload.get(RESTARTED):  # what its parent had seen was lost
            self._lineage_examples[candidate.id] = candidate.examples
        if evaluation.status is Status.OK:
            self._beginning.told(candidate)

    def live(self) -> set[str]:
        """The population: every parent is drawn from it; and start networks, as long as others are made of them."""
        return set(self._front.ids) | (self._beginning.live if self._begins else set())

    def register(self, candidates: Sequence[Candidate]) -> None:
        """Know these candidates, and what their lineages will have seen."""
        super().register(candidates)
        for candidate in candidates:
            # a child made from scratch has seen only its own examples
            before = self._lineage_examples.get(candidate.parent or "", 0) if self.setting.search.inherit else 0
            self._lineage_examples[candidate.id] = before + candidate.examples

    def _begin(self, wanted: Sequence[FromScratch | FromParent]) -> list[Candidate]:
        """Candidates of the networks that a search begins with."""
        rng = self.rng()
        made: list[Candidate] = []
        for one in wanted:
            if isinstance(one, FromScratch):
                self.report.count([], "proposed")
                made.append(self.without_parent(one.start.genotype, one.examples, one.start.origin))
            else:
                operator, parent = one.made.operator, one.parent
                self.report.count([operator.name], "proposed")
                record = operator.record(parent.graph, one.made.site, int(rng.integers(2**31)))
                made.append(self.child_of(parent, one.made.graph, (record,)))
        return [replace(one, begins=True) for one in made]

    def teacher(self, parent: str | None) -> str | None:
        """The best member, for a child that inherits; its own children learn from it too, or they would forget."""
        if parent is None or not self.setting.search.inherit or not self.setting.taught:
            return None
        errors = {name: point[0] for name, point in self._front.members.items()}
        return min(errors, key=errors.__getitem__, default=None)

    def _children(self) -> list[Candidate]:
        """One generation of Algorithm 1, steps a to f."""
        rng = self.rng()
        population = [self._known[name] for name in self._front.ids]
        if not population:  # every initial network failed: nothing to inherit from
            return []
        proposals: list[_Proposal] = []
        for _ in range(MOST_DRAWS):
            proposals = self._proposals(population, rng)
            if proposals:
                break
        chosen = self._accepted(proposals, population, rng)
        return [self._candidate(proposals[position]) for position in chosen]

    def _features(self, child: Candidate | _Proposal) -> Features | None:
        """What the forecast sees of a child; None for a start network, if it has to know a parent."""
        parent = child.parent if isinstance(child, _Proposal) else self._known.get(child.parent or "")
        before = self._lineage_examples[parent.id] if parent is not None and self.setting.search.inherit else 0
        return self._forecast.features(child.genotype, child.costs, child.morphisms, parent, before)

    def _proposals(self, population: list[Candidate], rng: np.random.Generator) -> list[_Proposal]:
        """`proposals` children of parents drawn by Eq. 1, without duplicates and those beyond a limit."""
        search, points = self.setting.search, _points(population)
        weights = self._weights(points, points)
        found: dict[str, _Proposal] = {}
        for _ in range(search.proposals):
            proposal = self._proposal(population[rng.choice(len(population), p=weights)], rng)
            if proposal is None:
                continue
            is_known = proposal.key in self._keys or proposal.key in found
            if not self.is_refused(proposal.operators, is_known, proposal.costs):
                found[proposal.key] = proposal
        return list(found.values())

    def _proposal(self, parent: Candidate, rng: np.random.Generator) -> _Proposal | None:
        space, search = self.setting.space, self.setting.search
        if self._continues and rng.random() < search.continue_share:
            record = OPERATORS["continue"].record(parent.graph, Site(), int(rng.integers(2**31)))
            # the same network counts as another one for each number of examples its lineage has seen
            key = f"{space.key(parent.genotype)}+{self._lineage_examples[parent.id]}"
            return _Proposal(parent.graph, key, parent, (record,), dict(parent.costs))
        made = space.mutate(parent.genotype, rng)
        if made is None:
            return None
        genotype, morphisms = made
        return _Proposal(genotype, space.key(genotype), parent, morphisms, dict(self.setting.costs(genotype)))

    def _accepted(self, proposals: list[_Proposal], population: list[Candidate], rng: np.random.Generator) -> list[int]:
        """Positions of the proposals to train, drawn by Eq. 2 without replacement; all if there are no more.

        Once there is something to learn from, most are not drawn but taken by the gain they promise.
        """
        search = self.setting.search
        children = max(search.children, int(search.children_share * len(self._known)))
        if len(proposals) <= children:
            chosen = list(range(len(proposals)))
        else:
            ranks = search.accept == "gain" and self._forecast.ready
            drawn = round(children * search.explore_share) if ranks else children
            chosen = []
            if drawn:
                at = _points(proposals)
                weights = self._weights(_points(population) if search.density_of == "population" else at, at)
                chosen = rng.choice(len(proposals), size=drawn, replace=False, p=weights).tolist()
            if ranks:
                chosen = self._forecast.ranked(
                    [features for one in proposals if (features := self._features(one)) is not None],
                    [one.costs for one in proposals],
                    [1.0 if search.gain_per == "child" else self.setting.effort(one.genotype) for one in proposals],
                    self._front.ids,
                    children,
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

    def _candidate(self, proposal: _Proposal) -> Candidate:
        return self.candidate(
            proposal.genotype,
            key=proposal.key,
            parent=proposal.parent.id,
            morphisms=proposal.morphisms,
            hurdle=self._forecast.hurdle(self._features(proposal), proposal.costs, self._front.ids),
        )


def _points(networks: Sequence[Candidate] | Sequence[_Proposal]) -> NDArray[np.float64]:
    """Cheap objectives, shape (networks, objectives)."""
    return np.array([list(network.costs.values()) for network in networks], dtype=np.float64)
