"""The one exception a person sees, for what can be put right outside of the program; what an interrupt exits with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

EXIT_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C or SIGTERM ended where there was nothing to save."""


class LemonadeError(Exception):
    """A wrong input, in one line: what, where, expected, got, what to do. The command line exits with 1."""


class UnreadableImagesError(LemonadeError):
    """Images that cannot be decoded.

    Attributes:
        found: Which ones and why, without what to do.
    """

    def __init__(self, found: str, advice: str) -> None:
        """The line is both."""
        super().__init__(f"{found} {advice}")
        self.found = found


def unknown(kind: str, name: str, known: Iterable[str], also: str = "") -> LemonadeError:
    """An error for a name that is not known, with the nearest known one.

    Args:
        kind: What the name should have been, for example ``"dataset"``.
        name: The name that was given.
        known: The names that exist, in the order to list them.
        also: What else would be accepted, appended to the list of names.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return LemonadeError(f"unknown {kind} '{name}'.{hint} Known: {', '.join([*names, *([also] if also else [])])}.")


def no_objective(where: str, name: str, names: Sequence[str]) -> LemonadeError:
    """An error for a name that members have no value of, with the nearest of those they have.

    Args:
        where: What the error begins with, for example ``"--where"``.
        name: The name that was given.
        names: Of the values that members have.
    """
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return LemonadeError(f"{where}: '{name}' is not an objective of this run.{hint} It has: {', '.join(names)}.")
