"""Search methods. To add one: its file here and its line in `METHODS`."""

from __future__ import annotations

from lemonade.errors import LemonadeError, unknown
from lemonade.methods.aging import AgingEvolution
from lemonade.methods.base import GenerationReport, Search, Setting, Tally
from lemonade.methods.family import Family
from lemonade.methods.generations import Generational
from lemonade.methods.lemonade import Lemonade
from lemonade.methods.local import LocalSearch
from lemonade.methods.nsga2 import Nsga2
from lemonade.methods.random import RandomSearch

__all__ = [
    "METHODS",
    "Family",
    "GenerationReport",
    "Search",
    "Setting",
    "Tally",
    "check_method",
    "make_search",
    "methods_on",
]

METHODS: dict[str, type[Generational]] = {
    "lemonade": Lemonade,
    "random": RandomSearch,
    "aging": AgingEvolution,
    "nsga2": Nsga2,
    "local": LocalSearch,
}


def methods_on(space: str) -> list[str]:
    """Names of the methods that exist on a space."""
    return [name for name, method in METHODS.items() if method.spaces is None or space in method.spaces]


def check_method(name: str, space: str) -> None:
    """Refuse a method that does not exist, or not on this space.

    Raises:
        LemonadeError: listing those that do.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    if name not in methods_on(space):
        raise LemonadeError(
            f"method '{name}' does not exist on the space '{space}'. There: {', '.join(methods_on(space))}."
        )


def make_search(name: str, setting: Setting) -> Search:
    """A new search by that method.

    Raises:
        LemonadeError: as `check_method`.
    """
    check_method(name, setting.space.name)
    return METHODS[name](setting)
