"""Settings as text: YAML with the line of each name, lists of names, and what pydantic refuses in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic_core
import yaml

from lemonade.errors import LemonadeError


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int], str]:
    """As `parse_yaml`, from a file, with its name as the source.

    Raises:
        LemonadeError: also if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        images = "" if path.suffix in (".yaml", ".yml") else f" For images write --dataset {path}."
        raise LemonadeError(f"{path}: the config cannot be read ({error.strerror or error}).{images}") from None
    except UnicodeDecodeError:
        raise LemonadeError(f"{path}: expected a YAML text file, got binary data.") from None
    return *parse_yaml(text, str(path)), str(path)


def names_in(given: str | Iterable[str]) -> list[str]:
    """Names as they are typed, with commas between, or as a sequence of them."""
    texts = [given] if isinstance(given, str) else given
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def parse_yaml(text: str, source: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The tree of a YAML mapping, and the line of each dotted key.

    Raises:
        LemonadeError: naming `source` and the line, if it is no YAML or no mapping.
    """
    try:
        tree, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise LemonadeError(f"{source}{where}: not valid YAML ({getattr(error, 'problem', error)}).") from None
    if tree is None:
        return {}, {}
    if not isinstance(tree, dict) or not isinstance(node, yaml.MappingNode):
        raise LemonadeError(f"{source}: expected settings as 'name: value', got {type(tree).__name__}.")
    lines: dict[str, int] = {}
    _collect_lines(node, "", lines, source)
    return tree, lines


def _collect_lines(
    node: yaml.MappingNode, prefix: str, lines: dict[str, int], source: str, above: tuple[yaml.Node, ...] = ()
) -> None:
    for key, value in node.value:
        name, line = prefix + str(key.value), key.start_mark.line + 1
        if name in lines:
            raise LemonadeError(f"{source} line {line}: '{name}' is set twice, in line {lines[name]} already.")
        lines[name] = line
        if value is node or value in above:
            raise LemonadeError(f"{source} line {line}: '{name}' refers to what it lies in.")
        if isinstance(value, yaml.MappingNode):
            _collect_lines(value, f"{name}.", lines, source, (*above, node))


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "dict": "names and values",
    "model": "settings as 'name: value'",
}
_BOUNDS = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "of at most"}


def expected(error: pydantic_core.ErrorDetails, whole: bool) -> str:
    """What would have been right, in words; pydantic's own where there are no better ones.

    Args:
        error: What pydantic found.
        whole: Whether the setting is a whole number, which a bound alone does not say.
    """
    bound, context = error["type"], error.get("ctx", {})
    for short, words in _BOUNDS.items():
        if short in context:
            kind = "a whole number" if whole else "a number"
            return f"expected {kind} {words} {context[short]:g}"
    if bound == "too_short":
        return "expected at least one"
    if bound == "too_long" or (bound == "missing" and isinstance(error["loc"][-1], int)):  # boxes alone have a length
        return "expected two numbers, the lowest and the highest"
    if bound == "literal_error":
        return f"expected {context['expected']}"
    if bound == "value_error":
        return str(error["msg"]).removeprefix("Value error, ").split(", got ")[0]
    kind = _KINDS.get(bound.partition("_")[0], "")
    return f"expected {kind}" if kind else f"{error['msg'][0].lower()}{error['msg'][1:]}"


def in_words(error: pydantic_core.ValidationError) -> str:
    """The first thing that pydantic refuses, where it lies and what it is, for records that no person writes."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"'{name}' is missing"
    return f"{name}: {expected(first, whole=False)}, got {str(first['input'])[:40]}"
