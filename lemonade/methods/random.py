"""Random search (Bergstra and Bengio 2012): networks drawn without regard to what was found, each from fresh weights.

What every other method has to beat.
"""

from __future__ import annotations

from lemonade.methods.generations import Generational
from lemonade.types import AT_RANDOM, Candidate


class RandomSearch(Generational):
    """Draws `search.children` networks a generation from the space, none twice; keeps the front."""

    def generation(self) -> list[Candidate]:
        """Networks drawn from the space."""
        rng, setting = self.rng(), self.setting
        candidates: list[Candidate] = []
        while len(candidates) < setting.search.children and (genotype := self.drawn(rng)) is not None:
            number = len(self._known) + len(candidates)
            candidates.append(self.without_parent(number, genotype, setting.child_examples, AT_RANDOM))
            self._keys.add(candidates[-1].key)
        if not candidates and not self._known:
            raise setting.out_of_reach()
        return candidates

    def live(self) -> set[str]:
        """None: no network inherits."""
        return set()
