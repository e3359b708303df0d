"""LEMONADE (Elsken, Metzen, Hutter 2019), Algorithm 1: cheap objectives decide which children are worth training.

Each generation draws parents from the Pareto front with probability inverse to the density of the cheap objectives
(Eq. 1), proposes many children without touching a tensor, accepts a few of them by a second inverse-density draw
(Eq. 2), and keeps what no other network dominates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemonade.budgets import training_effort
from lemonade.density import inverse_density_weights
from lemonade.methods.base import Setting
from lemonade.methods.forecast import Features, Forecast
from lemonade.methods.generations import Generational
from lemonade.spaces import Start
from lemonade.spaces.family import CUT, are_cut, cut
from lemonade.types import Candidate, Evaluation, Genotype, Status
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
        self._family: list[str] = []  # start networks that were trained
        self._family_complete = False  # whether all others that can be are cut out of them
        # a member trained further from scratch would be the same network again
        operators = setting.search.operators
        self._continues = setting.search.inherit and (operators is None or "continue" in operators)

    def generation(self) -> list[Candidate]:
        """The next generation: initial networks, start networks cut out of them one by one, then children."""
        return self._initial() if self._generation == 0 else self._missing() or self._children()

    def told(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Learn from a result, and add it to the front."""
        self._forecast.told(candidate, evaluation, self._features(candidate))
        super().told(candidate, evaluation)
        if evaluation.status is Status.OK and not self._family_complete:
            self._family.append(candidate.id)

    def live(self) -> set[str]:
        """The population: every parent is drawn from it; and start networks, as long as others are cut out of them."""
        return set(self._front.ids) | (set() if self._family_complete else set(self._family))

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process; what was complete when it was asked for is so again."""
        self._still_missing()
        super().adopt(candidates)

    def register(self, candidates: Sequence[Candidate]) -> None:
        """Know these candidates, and what their lineages will have seen."""
        super().register(candidates)
        for candidate in candidates:
            # a child made from scratch has seen only its own examples
            before = self._lineage_examples.get(candidate.parent or "", 0) if self.setting.search.inherit else 0
            self._lineage_examples[candidate.id] = before + candidate.examples

    def _initial(self) -> list[Candidate]:
        """Start networks with fresh weights: all, or the widest, if the others can be cut out of it.

        Then the narrowest is made all the same, trained as long as a child: it is there soon, whenever the run ends.
        """
        setting, starts = self.setting, self._starts_within_limits()
        long = starts[-setting.long_starts :] if are_cut(starts, setting.search) else starts
        short = starts[:1] if starts[0] is not long[0] else []
        made = []
        for number, start in enumerate([*short, *long]):
            self.report.count([], "proposed")
            most = setting.initial_examples
            examples = min(most, setting.child_examples) if start in short else most
            made.append(self.without_parent(number, start.genotype, examples, start.origin))
        return made

    def _missing(self) -> list[Candidate]:
        """The widest start network that is missing, then those halfway between them all at once, cut out of others."""
        if self._family_complete:
            return []
        rng = self.rng()
        if missing := self._still_missing():
            start = missing[-1]
            made = self._cut_out(start, len(self._known), rng)
            if made is None:  # all that were wider failed
                made = self.without_parent(
                    len(self._known), start.genotype, self.setting.initial_examples, start.origin
                )
            return [made]
        if not are_cut(self._starts_within_limits(), self.setting.search):
            return []
        found: list[Candidate] = []
        for start in self._unknown(self._within_limits(self.setting.space.halfway())):
            made = self._cut_out(start, len(self._known) + len(found), rng)
            found += [made] if made is not None else []
        return found

    def _still_missing(self) -> list[Start[Any]]:
        """Start networks not asked for yet; without any the family is complete."""
        missing = self._unknown(self._starts_within_limits())
        self._family_complete = not missing
        return missing

    def _unknown(self, starts: Sequence[Start[Any]]) -> list[Start[Any]]:
        return [start for start in starts if self.setting.space.key(start.genotype) not in self._keys]

    def _cut_out(self, start: Start[Any], number: int, rng: np.random.Generator) -> Candidate | None:
        """A candidate that is cut out of the narrowest start network that it fits into; None if there is none."""
        for parent in sorted(map(self._known.__getitem__, self._family), key=lambda one: tuple(one.costs.values())):
            if (site := cut(parent.genotype, start.genotype)) is not None:
                self.report.count([CUT.name], "proposed")
                record = CUT.record(parent.graph, site, int(rng.integers(2**31)))
                return self.child_of(parent, number, start.genotype, (record,))
        return None

    def teacher(self, parent: str | None) -> str | None:
        """The best member, for a child that inherits; its own children learn from it too, or they would forget."""
        if parent is None or not self.setting.search.inherit or not self.setting.taught:
            return None
        errors = {name: point[0] for name, point in self._front.members.items()}
        return min(errors, key=errors.__getitem__, default=None)

    def _starts_within_limits(self) -> list[Start[Any]]:
        """Start networks that meet the limits, or the largest of the smaller ones that does.

        Raises:
            LemonadeError: if none does, naming the limit and the smallest network.
        """
        setting = self.setting
        starts, smaller = (self._within_limits(some) for some in (setting.space.starts(), setting.space.smallest()))
        if not starts and not smaller:
            raise setting.out_of_reach()
        return starts or smaller[:1]

    def _within_limits(self, starts: Sequence[Start[Any]]) -> list[Start[Any]]:
        return [start for start in starts if self.setting.within_limits(self.setting.costs(start.genotype))]

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
        first = len(self._known)
        return [self._candidate(proposals[position], first + k) for k, position in enumerate(chosen)]

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
                    [1.0 if search.gain_per == "child" else training_effort(one.genotype) for one in proposals],
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

    def _candidate(self, proposal: _Proposal, number: int) -> Candidate:
        return self.candidate(
            number,
            proposal.genotype,
            key=proposal.key,
            parent=proposal.parent.id,
            morphisms=proposal.morphisms,
            hurdle=self._forecast.hurdle(self._features(proposal), proposal.costs, self._front.ids),
        )


def _points(networks: Sequence[Candidate] | Sequence[_Proposal]) -> NDArray[np.float64]:
    """Cheap objectives, shape (networks, objectives)."""
    return np.array([list(network.costs.values()) for network in networks], dtype=np.float64)
