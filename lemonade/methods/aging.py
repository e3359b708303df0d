"""Aging evolution (Real, Aggarwal, Huang, Le 2019, Algorithm 1): the oldest of a population makes room, not the worst.

A population of P random networks; then again and again S of them are drawn with replacement, the best of these gets a
child by one mutation, and the oldest leaves. DEAP keeps the books: operators in a toolbox, statistics of the
population, the best network so far. What differs from the paper: a generation of `search.children` networks is drawn
from the same population (as its asynchronous workers do; 1 is the published loop), and no network is trained twice, so
the paper's identity mutation (5 %) is left out.

Two variants make several objectives out of the one it minimises: `search.resource_weight` adds the resources'
logarithms to the error, `search.size_limits` splits the budget evenly over populations with a limit each.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from deap import base, tools

from lemonade.errors import LemonadeError
from lemonade.methods.base import Setting, log_costs
from lemonade.methods.generations import MOST_DRAWS, Generational
from lemonade.types import AT_RANDOM, Candidate, Evaluation, Genotype, Status
from morphisms import Morphism


class _Fitness(base.Fitness):  # type: ignore[misc]
    """What is minimised."""

    weights = (-1.0,)


class Individual:
    """A network of the population, as DEAP wants it.

    Args:
        id: The candidate's.
        value: What is minimised.
    """

    def __init__(self, id: str, value: float) -> None:  # noqa: A002 (the field's name everywhere)
        self.id = id
        self.fitness = _Fitness((value,))


class Colony:
    """One population with its books.

    Args:
        size: P.
        limit: Largest value of the first cheap objective.

    Attributes:
        exhausted: Whether no new network was found for it; its turns then go to the next one.
        members: Oldest first.
        best: The best network it ever had.
        logbook: Least, mean and largest fitness of the population after each of its generations.
    """

    def __init__(self, size: int, limit: float) -> None:
        self.limit = limit
        self.exhausted = False
        self.members: deque[Individual] = deque(maxlen=size)  # what is appended to a full one pushes the oldest out
        self.best = tools.HallOfFame(1, similar=lambda one, other: one.id == other.id)
        self.logbook = tools.Logbook()
        self._statistics = tools.Statistics(lambda one: one.fitness.values[0])
        for name, function in (("least", np.min), ("mean", np.mean), ("largest", np.max)):
            self._statistics.register(name, function)

    @property
    def is_full(self) -> bool:
        """Whether it has P members, so that children follow random networks."""
        return len(self.members) == self.members.maxlen

    def told(self, generation: int, newcomers: Sequence[Individual]) -> None:
        """Take in a generation, oldest first."""
        self.members.extend(newcomers)
        self.best.update(newcomers)
        if self.members:
            self.logbook.record(generation=generation, **self._statistics.compile(self.members))


class AgingEvolution(Generational):
    """The method of the paper, and its two variants."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        search = setting.search
        self.colonies = [Colony(search.population, limit) for limit in search.size_limits or (math.inf,)]
        self._check_limits(search.size_limits)
        self._colony = self.colonies[0]  # whose turn it is
        self._newcomers: list[Individual] = []
        self._toolbox = base.Toolbox()
        self._toolbox.register("mutate", setting.space.mutate, most=1)
        self._toolbox.register("select", tournament, size=search.sample)

    def generation(self) -> list[Candidate]:
        """Random networks until the population is full, then children; each population has the same share of a budget.

        One for which nothing new is found is passed over from then on.
        """
        rng, first = self.rng(), self._generation % len(self.colonies)
        for colony in [*self.colonies[first:], *self.colonies[:first]]:
            self._colony = colony
            if not colony.exhausted and (candidates := self._candidates(colony, rng)):
                return candidates
            colony.exhausted = True
        return []

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process, and know which population it was made for."""
        if len(self.colonies) > 1:
            self.generation()
        super().adopt(candidates)

    def told(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Take in one result; what failed never joins the population."""
        super().told(candidate, evaluation)
        if evaluation.status is Status.OK:
            resources = float(log_costs(candidate.costs).mean())
            value = self.setting.vector(candidate, evaluation)[0] + self.setting.search.resource_weight * resources
            self._newcomers.append(Individual(candidate.id, value))

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Results of the generation: they join, the oldest leave."""
        generation = self._generation
        super().tell(evaluations)
        self._colony.told(generation, self._newcomers)
        self._newcomers = []

    def live(self) -> set[str]:
        """All populations: any member may become a parent."""
        return {one.id for colony in self.colonies for one in colony.members}

    def _check_limits(self, limits: Sequence[float]) -> None:
        """Refuse a limit that not even the smallest network meets.

        Raises:
            LemonadeError: naming the limit and the network's size.
        """
        if not limits:
            return
        sizes = [next(iter(self.setting.costs(start.genotype).items())) for start in self.setting.space.smallest()]
        name, least = min(sizes, key=lambda size: size[1])
        for limit in limits:
            if limit < least:
                raise LemonadeError(
                    f"search.size_limits: expected {name} of {least:,.0f} and more, the smallest network's, got "
                    f"{limit:g}. Raise it, or leave it out."
                )

    def _candidates(self, colony: Colony, rng: np.random.Generator) -> list[Candidate]:
        candidates: list[Candidate] = []
        while len(candidates) < self.setting.search.children:
            made = self._child(colony, rng) if colony.is_full else self._random(colony, rng)
            if made is None:
                break
            candidates.append(made)
        return candidates

    def _random(self, colony: Colony, rng: np.random.Generator) -> Candidate | None:
        genotype = self.drawn(rng, lambda one: self._is_new_in(colony, one, ()))
        if genotype is None:
            return None
        return self.without_parent(genotype, self.setting.child_examples, AT_RANDOM)

    def _child(self, colony: Colony, rng: np.random.Generator) -> Candidate | None:
        for _ in range(MOST_DRAWS):
            parent = self._known[self._toolbox.select(colony.members, rng).id]
            made: tuple[Any, tuple[Morphism, ...]] | None = self._toolbox.mutate(parent.genotype, rng)
            if made is not None and self._is_new_in(colony, *made):
                return self.child_of(parent, *made)
        return None

    def _is_new_in(self, colony: Colony, genotype: Genotype, morphisms: Sequence[Morphism]) -> bool:
        if next(iter(self.setting.costs(genotype).values())) > colony.limit:
            operators = [morphism.operator for morphism in morphisms]
            self.report.count(operators, "proposed")
            self.report.count(operators, "over_limit")
            return False
        return self.is_new(genotype, morphisms)


def tournament(population: Sequence[Individual], rng: np.random.Generator, size: int) -> Individual:
    """The best of so many drawn with replacement; DEAP's own draws from the global generator."""
    drawn = [population[k] for k in rng.integers(len(population), size=size)]
    best: Individual = max(drawn, key=lambda one: one.fitness)
    return best
