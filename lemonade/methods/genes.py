"""What pymoo's algorithms are given so that they search among networks: drawing, crossover, mutation, duplicates.

An individual has one variable, a `Gene`. Importing this file imports pymoo's algorithms, which takes a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling

from lemonade.spaces import GridSpace, Space
from lemonade.types import Genotype
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
            for child in (0, 1):
                one, other = X[child, k, 0], X[1 - child, k, 0]
                genotype, morphisms = space.crossover(one.genotype, other.genotype, random_state)
                mixed[child, k, 0] = Gene(genotype, space.key(one.genotype), morphisms)
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
        return Gene(genotype, gene.parent or self._space.key(gene.genotype), (*gene.morphisms, *morphisms))


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


def column(genes: Sequence[Gene]) -> Genes:
    """One individual a row, as pymoo wants variables, (n, 1)."""
    found = np.empty((len(genes), 1), dtype=object)
    found[:, 0] = genes
    return found
