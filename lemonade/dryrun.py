"""What a run would do, in sentences; nothing is trained or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lemonade.assembly import Assembly
from lemonade.config import Config
from lemonade.numbers import quantity
from lemonade.run import first_generation
from lemonade.settings import with_budget
from lemonade.spaces import Start
from lemonade.types import AT_RANDOM, Candidate, is_above
from morphisms import NetworkGraph

ROUNDS = {
    "halfway": "then cut out, halfway between those",
    "separable": "then made of those, with the largest convolution separable",
}
"""Kinds of rounds in words."""


def describe(config: Config) -> list[str]:
    """Sentences on what a run with these settings would do.

    Raises:
        LemonadeError: for wrong settings or unreadable data.
    """
    config = with_budget(config)
    with Assembly(config, start=False) as assembly:
        first = first_generation(config.budget, assembly)
        facts, sees = assembly.facts, sorted({one.examples for one in first})
        less = f" (the narrowest {sees[0]:,})" if len(sees) > 1 else ""
        channels, height, width = facts.input_shape
        return [
            f"{facts.name}: {facts.train:,} training, {facts.validation:,} validation and {facts.test:,} test images, "
            f"{height}x{width}x{channels}, {len(facts.classes)} classes",
            *facts.notes,
            f"objectives: {', '.join(f'{one.name} ({one.kind.value})' for one in assembly.objectives)}",
            *[f"limit: {name} <= {value:,.10g}" for name, value in config.limits.items()],
            f"{quantity(assembly.workers, 'worker')} on {assembly.device}",
            f"an initial network sees {sees[-1]:,} training images{less}, a child {assembly.child_budget.child:,}",
            "members are ranked by the smoothed error" if assembly.smoothed else "members are ranked by the error",
            *_beginning(assembly, first),
        ]


def _beginning(assembly: Assembly, first: Sequence[Candidate]) -> Iterator[str]:
    """The networks that it begins with, those of them that are made of others by their kind."""
    if all(one.origin == AT_RANDOM for one in first):
        yield f"initial networks are {AT_RANDOM}, {len(first)} in the first generation"
        return
    told: set[str] = set()
    for what, networks in (
        ("start network", [(one.origin, one.costs) for one in first]),
        ("cut out of the next wider one", _costs(assembly, assembly.family.starts)),
        ("beyond the limits or the box", _costs(assembly, assembly.space.starts())),
    ):
        for origin, costs in networks:
            if origin not in told:
                told.add(origin)
                yield f"{what}: {origin}; {', '.join(f'{name} {value:,.0f}' for name, value in costs.items())}"
    if not any(is_above(assembly.costs(start.genotype), assembly.floors) for start in assembly.family.starts):
        yield "warning: all of these lie below where the box begins, and children have to grow into it"
    for one in assembly.family.rounds:
        yield _round(one.kind, [assembly.costs(made.graph) for made in one.made])


def _costs(assembly: Assembly, starts: Sequence[Start[NetworkGraph]]) -> list[tuple[str, Mapping[str, float]]]:
    return [(start.origin, assembly.costs(start.genotype)) for start in starts]


def _round(kind: str, made: Sequence[Mapping[str, float]]) -> str:
    """Networks that are made of start networks at the same time, by what they cost."""
    ranges = {name: [pick(costs[name] for costs in made) for pick in (min, max)[: len(made)]] for name in made[0]}
    told = ", ".join(f"{name} {' to '.join(f'{value:,.0f}' for value in ends)}" for name, ends in ranges.items())
    return f"{ROUNDS[kind]}: at most {quantity(len(made), 'network')}; {told}"
