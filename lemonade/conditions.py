"""Conditions on a member's values, as ``params<1e6 and flops<=2e6``: read by hand, never evaluated as code."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt

from lemonade.errors import LemonadeError, no_objective
from lemonade.numbers import parsed

_COMPARE: dict[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TOKENS = re.compile(r"\s*(?:(?P<compare>[<>]=?)|(?P<word>[^\s<>]+))")
EXAMPLE = "params<1e6 and error<=0.05"


@dataclass(frozen=True)
class Condition:
    """One comparison of an objective with a number.

    Attributes:
        name: The objective's.
        compare: One of ``<``, ``<=``, ``>``, ``>=``.
        value: What it is compared with.
    """

    name: str
    compare: str
    value: float

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether a member with these objective values fulfils it."""
        return _COMPARE[self.compare](values[self.name], self.value)


def parse_conditions(text: str, names: Sequence[str], option: str = "--where") -> tuple[Condition, ...]:
    """Read comparisons joined by ``and``.

    Args:
        text: What a person typed; ``1e6>params`` means the same as ``params<1e6``.
        names: The objectives there are.
        option: The option it came from, for the error.

    Raises:
        LemonadeError: for anything else, saying what was expected where.
    """
    conditions = [_condition(part, text, names, option) for part in _parts(text, option)]
    return tuple(conditions)


def fulfilled(conditions: Sequence[Condition], values: Mapping[str, float]) -> bool:
    """Whether all conditions hold."""
    return all(condition.holds(values) for condition in conditions)


def _parts(text: str, option: str) -> list[list[str]]:
    tokens = [match["compare"] or match["word"] for match in _TOKENS.finditer(text)]
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token.lower() in ("and", "&&", "&"):
            parts.append([])
        elif token.lower() in ("or", "||", "|", "not"):
            raise _unreadable(text, option, f"'{token}' is not understood; conditions are joined by 'and'")
        else:
            parts[-1].append(token)
    return parts


def _condition(part: Sequence[str], text: str, names: Sequence[str], option: str) -> Condition:
    if len(part) != 3 or part[1] not in _COMPARE:
        got = " ".join(part)
        raise _unreadable(text, option, f"expected NAME<NUMBER, got '{got}'" if got else "a condition is missing")
    left, compare, right = part
    if left not in names and _number(left) is not None and _number(right) is None:
        left, compare, right = right, _TURNED[compare], left
    if left not in names:
        raise no_objective(option, left, names)
    value = _number(right)
    if value is None:
        raise _unreadable(text, option, f"expected a number after '{left}{compare}', got '{right}'")
    return Condition(left, compare, value)


def _number(text: str) -> float | None:
    try:
        value = parsed(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _unreadable(text: str, option: str, reason: str) -> LemonadeError:
    return LemonadeError(f"{option} '{text}': {reason}. For example: {option} \"{EXAMPLE}\"")
