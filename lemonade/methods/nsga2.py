"""NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002): pymoo's own, asked and told.

Selection, survival and the order of things are pymoo's; drawing, crossover, mutation and what counts as a duplicate are
the space's. On the free network space two networks have no parts that correspond, so a crossover has no meaning there:
children come about by mutation alone, and inherit from the one parent they have. No network is evaluated twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lemonade.methods.base import Setting
from lemonade.methods.generations import Generational
from lemonade.types import AT_RANDOM, Candidate, Evaluation, Status

if TYPE_CHECKING:
    from pymoo.algorithms.moo.nsga2 import NSGA2

    from lemonade.methods.genes import Gene


class Nsga2(Generational):
    """pymoo's NSGA-II behind the interface that all methods share."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._ids: dict[str, str] = {}  # of candidates, by key
        self._values: dict[str, tuple[float, ...]] = {}  # of what pymoo asked for last, by id
        self._pending: list[Gene] = []  # what it asked for and no generation had room for
        self._algorithm = _algorithm(setting, self._is_new)

    def generation(self) -> list[Candidate]:
        """The next of what pymoo asks for: its first population is more than a generation."""
        return [self._candidate(gene) for gene in self._next(self.setting.search.children)]

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """Take over a generation of an earlier process; pymoo draws as it did then."""
        self._next(len(candidates))
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
        """Results of the generation, handed on to pymoo once all that it asked for are there."""
        super().tell(evaluations)
        if self._pending:
            return
        values, self._values = self._values, {}
        if values:
            from pymoo.core.population import Population

            from lemonade.methods.genes import Gene, column

            genes = column([Gene(self._known[name].genotype) for name in values])
            self._algorithm.tell(infills=Population.new("X", genes, "F", np.array(list(values.values()))))

    def live(self) -> set[str]:
        """Pymoo's population, and what is still to be handed on to it: the first one takes several generations."""
        population = self._algorithm.pop if self._algorithm.is_initialized else ()
        return {self._ids[self.setting.space.key(one.X[0].genotype)] for one in population} | self._values.keys()

    def _next(self, count: int) -> list[Gene]:
        if not self._pending:
            infills = self._algorithm.ask()
            self._pending = [] if infills is None else [one.X[0] for one in infills]
        taken, self._pending = self._pending[:count], self._pending[count:]
        return taken

    def _is_new(self, gene: Gene) -> bool:
        return self.is_new(gene.genotype, gene.morphisms)

    def _candidate(self, gene: Gene) -> Candidate:
        if gene.parent is None:
            return self.without_parent(gene.genotype, self.setting.child_examples, AT_RANDOM)
        return self.child_of(self._known[self._ids[gene.parent]], gene.genotype, gene.morphisms)


def _algorithm(setting: Setting, is_new: Callable[[Gene], bool]) -> NSGA2:
    """Pymoo's NSGA-II on the networks of a space, ready to be asked."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination

    from lemonade.methods.genes import Draw, Mix, Mutate, OnlyNew

    search, space = setting.search, setting.space
    algorithm = NSGA2(
        pop_size=search.population,
        n_offsprings=search.children,
        sampling=Draw(space, is_new),
        crossover=Mix(space),
        mutation=Mutate(space),
        eliminate_duplicates=OnlyNew(space, is_new),
    )
    problem = Problem(n_var=1, n_obj=len(setting.axes), vtype=object)
    return algorithm.setup(problem, seed=setting.seed, termination=NoTermination(), verbose=False)
