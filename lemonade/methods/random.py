"""Random search (Bergstra and Bengio 2012): networks drawn without regard to what was found, each from fresh weights.

What every other method has to beat.
"""

from __future__ import annotations

from dataclasses import replace

from lemonade.methods.generations import Generational
from lemonade.types import AT_RANDOM, Candidate


class RandomSearch(Generational):
    """Draws `search.children` networks a generation from the space, none twice; keeps the front."""

    def generation(self) -> list[Candidate]:
        """Networks drawn from the space."""
        rng, setting = self.rng(), self.setting
        candidates: list[Candidate] = []
        while len(candidates) < setting.search.children and (genotype := self.drawn(rng)) is not None:
            one = self.without_parent(genotype, setting.child_examples, AT_RANDOM)
            candidates.append(replace(one, begins=False))  # nothing descends from it
        return candidates

    def live(self) -> set[str]:
        """None: no network inherits."""
        return set()
