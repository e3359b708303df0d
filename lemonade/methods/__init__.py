"""Search methods. To add one: its file here and its line in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable

from lemonade.methods.base import GenerationReport, Search, Setting, Tally
from lemonade.methods.lemonade import Lemonade
from lemonade.methods.random import RandomSearch

__all__ = ["METHODS", "GenerationReport", "Search", "Setting", "Tally"]

METHODS: dict[str, Callable[[Setting], Search]] = {"lemonade": Lemonade, "random": RandomSearch}
