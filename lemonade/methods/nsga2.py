"""NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002): pymoo's own, asked and told.

Selection, survival and the order of things are pymoo's; drawing, crossover, mutation and what counts as a duplicate are
the space's. On the free network space two networks have no parts that correspond, so a crossover has no meaning there:
children come about by mutation alone, and inherit from the one parent they have. No network is evaluated twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination

from lemonade.methods.base import Setting
from lemonade.methods.generations import Generational
from lemonade.spaces import GridSpace, Space
from lemonade.types import Candidate, Evaluation, Genotype, Status
from morphisms import Morphism

MOST_DRAWS = 100
"""Rounds of drawing the initial population before it is taken as it is."""
CROSSOVER_SHARE = 0.9
"""Share of the pairs that are mixed; pymoo's usual one."""

Genes = NDArray[np.object_]


@dataclass(frozen=True)
class Gene:
    """The one variable of an individual: a genotype, the key of what it comes from, and how."""

    genotype: Genotype
    parent: str | None = None
    morphisms: tuple[Morphism, ...] = ()


class Draw(Sampling):  # type: ignore[misc]
    """Networks that `is_new`, drawn from the space."""

    def __init__(self, space: Space[Any], is_new: Callable[[Gene], bool]) -> None:
        super().__init__()
        self._space, self._is_new = space, is_new

    def _do(self, problem: Problem, n_samples: int, *args: Any, random_state: Any = None, **kwargs: Any) -> Genes:
        found: dict[str, Gene] = {}
        for _ in range(MOST_DRAWS * n_samples):
            gene = Gene(self._space.random(random_state))
            key = self._space.key(gene.genotype)
            if key not in found and self._is_new(gene):
                found[key] = gene
            if len(found) == n_samples:
                break
        return column(list(found.values()))


class Mix(Crossover):  # type: ignore[misc]
    """Two children of two parents, mixed position by position where the space has positions; else one parent each."""

    def __init__(self, space: Space[Any]) -> None:
        mates = isinstance(space, GridSpace)
        super().__init__(2 if mates else 1, 2 if mates else 1, prob=CROSSOVER_SHARE)
        self._space = space

    def _do(self, problem: Problem, X: Genes, *args: Any, random_state: Any = None, **kwargs: Any) -> Genes:  # noqa: N803
        space = self._space
        if not isinstance(space, GridSpace):
            return X
        mixed = X.copy()
        for k in range(X.shape[1]):
            one, other = X[0, k, 0], X[1, k, 0]
            for child, first in enumerate((one, other)):
                genotype = space.crossover(one.genotype, other.genotype, random_state)
                mixed[child, k, 0] = Gene(genotype, space.key(first.genotype))
        return mixed


class Mutate(Mutation):  # type: ignore[misc]
    """One step of the space."""

    def __init__(self, space: Space[Any]) -> None:
        super().__init__(prob=1.0)
        self._space = space

    def _do(self, problem: Problem, X: Genes, *args: Any, random_state: Any = None, **kwargs: Any) -> Genes:  # noqa: N803
        return column([self._mutated(gene, random_state) for gene in X[:, 0]])

    def _mutated(self, gene: Gene, rng: np.random.Generator) -> Gene:
        made = self._space.mutate(gene.genotype, rng, most=1)
        genotype, morphisms = made if made is not None else (gene.genotype, ())
        # what no crossover touched is a member of the population itself
        return Gene(genotype, gene.parent or self._space.key(gene.genotype), morphisms)


class OnlyNew(DuplicateElimination):  # type: ignore[misc]
    """Lets through what `is_new` and is not among the offspring already."""

    def __init__(self, space: Space[Any], is_new: Callable[[Gene], bool]) -> None:
        super().__init__()
        self._space, self._is_new = space, is_new

    def do(self, pop: Population, *others: Population, **kwargs: Any) -> Population:
        """Individuals of `pop` that stay."""
        seen = {self._space.key(one.X[0].genotype) for other in others for one in other}
        stays = []
        for one in pop:
            key = self._space.key(one.X[0].genotype)
            stays.append(key not in seen and self._is_new(one.X[0]))
            seen.add(key)
        return pop[np.array(stays, dtype=bool)]


class Nsga2(Generational):
    """pymoo's NSGA-II behind the interface that all methods share."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        search, space = setting.search, setting.space
        self._ids: dict[str, str] = {}  # of candidates, by key
        self._values: dict[str, tuple[float, ...]] = {}  # of the generation under way, by id
        self._algorithm = NSGA2(
            pop_size=search.population,
            n_offsprings=search.children,
            sampling=Draw(space, self._is_new),
            crossover=Mix(space),
            mutation=Mutate(space),
            eliminate_duplicates=OnlyNew(space, lambda gene: self._is_new(gene)),
        )
        problem = Problem(n_var=1, n_obj=len(setting.axes), vtype=object)
        self._algorithm.setup(problem, seed=setting.seed, termination=NoTermination(), verbose=False)

    def generation(self) -> list[Candidate]:
        """pymoo's next offspring."""
        first = len(self._known)
        candidates = [self._candidate(gene, first + k) for k, gene in enumerate(self._asked())]
        if not candidates and not self._known:
            raise self.setting.out_of_reach()
        return candidates

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process; pymoo draws as it did then."""
        self._asked()
        super().adopt(candidates)

    def register(self, candidates: Sequence[Candidate]) -> None:
        """Know these candidates by their keys."""
        super().register(candidates)
        self._ids.update({candidate.key: candidate.id for candidate in candidates})

    def told(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Take in one result; what failed never joins the population."""
        super().told(candidate, evaluation)
        if evaluation.status is Status.OK:
            self._values[candidate.id] = self.setting.vector(candidate, evaluation)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Results of the generation, handed on to pymoo."""
        super().tell(evaluations)
        values, self._values = self._values, {}
        if values:
            genes = column([Gene(self._known[name].genotype) for name in values])
            self._algorithm.tell(infills=Population.new("X", genes, "F", np.array(list(values.values()))))

    def live(self) -> set[str]:
        """pymoo's population."""
        population = self._algorithm.pop if self._algorithm.is_initialized else ()
        return {self._ids[self.setting.space.key(one.X[0].genotype)] for one in population}

    def _asked(self) -> list[Gene]:
        infills = self._algorithm.ask()
        return [] if infills is None else [one.X[0] for one in infills]

    def _is_new(self, gene: Gene) -> bool:
        key, operators = self.setting.space.key(gene.genotype), [record.operator for record in gene.morphisms]
        return not self.is_refused(operators, key in self._keys, self.setting.costs(gene.genotype))

    def _candidate(self, gene: Gene, number: int) -> Candidate:
        if gene.parent is None:
            return self.without_parent(number, gene.genotype, self.child_examples, "drawn at random")
        return self.child_of(self._known[self._ids[gene.parent]], number, gene.genotype, gene.morphisms)


def column(genes: Sequence[Gene]) -> Genes:
    """One individual a row, as pymoo wants variables, (n, 1)."""
    found = np.empty((len(genes), 1), dtype=object)
    found[:, 0] = genes
    return found
