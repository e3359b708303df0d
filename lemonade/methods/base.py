"""What every search method is: ask for candidates, tell results. A method never sees training, tensors or files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lemonade.config import SearchSettings
from lemonade.errors import LemonadeError
from lemonade.front import Axis, Front
from lemonade.methods.family import Family
from lemonade.spaces import Space
from lemonade.types import Candidate, Evaluation, is_above, is_within


@dataclass(frozen=True)
class Setting:
    """What a method is made with, for a run (`assembly`) or on a table (`bench`).

    Attributes:
        search: The method's settings.
        space: Where it searches.
        family: What a search begins with that begins with start networks.
        costs: Values of the cheap objectives of a genotype, without training; NaN where one of the user's own fails.
        limits: Largest cost by name, that is allowed or of interest.
        floors: Smallest cost of interest by name: where the hypervolume's box begins. Networks below gain nothing
            there, and inverse densities would draw ever more of them (LEMONADE has a lower bound on size as well).
        vector: Objective values that decide dominance, all minimised, from a candidate's costs and evaluation.
        shown: The same values as people see them: plain where smoothed ones decide.
        axes: Sides of the hypervolume's box by objective.
        seed: The run's.
        child_examples: Training images a child may see.
        initial_examples: Training images an initial network may see.
        taught: Whether children that inherit may learn from a teacher.
        effort: How long a genotype is likely to train on an image, where the run trains, in any unit; rows of a table
            cost the same.
    """

    search: SearchSettings
    space: Space[Any]
    family: Family
    costs: Callable[[Any], Mapping[str, float]]
    limits: Mapping[str, float]
    floors: Mapping[str, float]
    vector: Callable[[Candidate, Evaluation], tuple[float, ...]]
    shown: Callable[[Candidate, Evaluation], tuple[float, ...]]
    axes: Mapping[str, Axis]
    seed: int
    child_examples: int
    initial_examples: int
    taught: bool = True
    effort: Callable[[Any], float] = lambda genotype: 1.0

    def candidate_seed(self, number: int) -> int:
        """Seed of the candidate with that number; what happens to one does not depend on the others."""
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])

    def within_limits(self, costs: Mapping[str, float]) -> bool:
        """Whether all costs lie within their limits."""
        return is_within(costs, self.limits)

    def above_floors(self, costs: Mapping[str, float]) -> bool:
        """Whether all costs reach their floors."""
        return is_above(costs, self.floors)

    def out_of_reach(self) -> LemonadeError:
        """The error to raise where no network meets limits and floors: it names one, and the nearest network."""
        fallback = self.space.smallest()
        for name, limit in self.limits.items():
            least = min(self.costs(start.genotype).get(name, 0) for start in fallback)
            if least > limit:
                return LemonadeError(
                    f"no start network of the space '{self.space.name}' has {name} <= {limit:g}: the smallest has "
                    f"{least:,.0f}. Raise the limit (or the end of its box), or choose another space."
                )
        for name, floor in self.floors.items():
            most = max(self.costs(start.genotype).get(name, floor) for start in [*self.space.starts(), *fallback])
            if most < floor:
                return LemonadeError(
                    f"no start network of the space '{self.space.name}' has {name} >= {floor:g}, where its box begins: "
                    f"the largest has {most:,.0f}. Let the box begin lower, or choose another space."
                )
        all_of_them = ", ".join(f"{name} <= {limit:g}" for name, limit in self.limits.items())
        return LemonadeError(f"no start network meets all limits at once ({all_of_them}). Raise one of them.")


def log_costs(costs: Mapping[str, float]) -> NDArray[np.float64]:
    """Costs by their log10; below 1, where a logarithm would tell nothing from hardly anything, as a straight line."""
    values = np.array(list(costs.values()), dtype=np.float64)
    return np.where(values >= 1, np.log10(np.maximum(values, 1)), values - 1)


@dataclass
class Tally:
    """How proposals of one generation fared, for one operator or over all."""

    proposed: int = 0
    duplicate: int = 0
    failed: int = 0
    over_limit: int = 0
    below_floor: int = 0
    accepted: int = 0


@dataclass
class GenerationReport:
    """What a generation's proposals came to; a proposal counts under each operator it used."""

    generation: int
    total: Tally = field(default_factory=Tally)
    operators: dict[str, Tally] = field(default_factory=dict)

    def count(self, operators: Sequence[str], what: str) -> None:
        """Add one to the field `what` of the total and of each operator."""
        for tally in [self.total, *[self.operators.setdefault(name, Tally()) for name in dict.fromkeys(operators)]]:
            setattr(tally, what, getattr(tally, what) + 1)


class Search(Protocol):
    """A search method.

    Candidates of a generation are made as a whole, from the seed and the generation's number, and results are told in
    order of id at its end, so what it asks for depends neither on who is ready first nor on when a run was interrupted.
    """

    report: GenerationReport
    """On the generation last asked for."""

    @property
    def front(self) -> Front:
        """Members by dominance of everything told."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to ask."""
        ...

    def ask(self) -> list[Candidate]:
        """The next generation; empty while results of the last one are missing, or if finished."""
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Results of the whole generation, in order of id, failures included."""
        ...

    def adopt(self, candidates: Sequence[Candidate]) -> None:
        """A generation that an earlier process asked for: as if `ask` had just returned it.

        Whatever `ask` remembers of what it returns (keys, numbers, parents) has to be remembered here, too.
        """
        ...

    def live(self) -> set[str]:
        """Ids of candidates whose weights may still be asked for as a parent's."""
        ...
