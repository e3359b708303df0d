"""Random search (Bergstra and Bengio 2012): networks drawn without regard to what was found, each from fresh weights.

What every other method has to beat.
"""

from __future__ import annotations

import numpy as np

from lemonade.methods.generations import Generational
from lemonade.types import Candidate, Genotype

MOST_DRAWS = 1_000
"""Networks drawn in a row without a new one within the limits before the search counts as exhausted."""


class RandomSearch(Generational):
    """Draws `search.children` networks a generation from the space, none twice; keeps the front."""

    def generation(self) -> list[Candidate]:
        """Networks drawn from the space."""
        rng, setting = self.rng(), self.setting
        candidates: list[Candidate] = []
        while len(candidates) < setting.search.children and (genotype := self._drawn(rng)) is not None:
            number = len(self._known) + len(candidates)
            candidates.append(self.without_parent(number, genotype, setting.child_examples, "drawn at random"))
            self._keys.add(candidates[-1].key)
        if not candidates and not self._known:
            raise setting.out_of_reach()
        return candidates

    def live(self) -> set[str]:
        """None: no network inherits."""
        return set()

    def _drawn(self, rng: np.random.Generator) -> Genotype | None:
        """A network not drawn before, within limits and floors; None if none turns up."""
        space = self.setting.space
        for _ in range(MOST_DRAWS):
            genotype: Genotype = space.random(rng)
            if not self.is_refused([], space.key(genotype) in self._keys, self.setting.costs(genotype)):
                return genotype
        return None
