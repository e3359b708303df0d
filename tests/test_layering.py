"""The walls of the design, read from the imports: two packages, one direction."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PUBLIC_FUNCTIONS = {"search", "compare", "report", "export"}
READERS = ("reporting", "exporting", "comparing")
GROUND = {"types", "errors", "config", "plugins", "environment", "onnx_program", ""}
"""What every room may import: frozen values, settings, and modules that import nothing of lemonade but such."""
# room of lemonade -> rooms of lemonade it may import, besides itself and the ground
ALLOWED = {
    "types": set(),
    "errors": set(),
    "methods": {"spaces", "front", "density", "oneshot"},
    "evaluate": {"training", "objectives", "data"},
    "training": {"data"},
}
FORBIDDEN = {"methods": {"evaluate", "training", "objectives", "store"}}
"""Said once more, so that widening a line of `ALLOWED` cannot undo it."""


def imports(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Full names of what a module's source imports, wherever in the file; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") + ["__init__"] * is_package
                base = ".".join([*parts[: -node.level], *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value)


def violations(files: dict[str, str]) -> list[str]:
    """What is wrong with sources by path, such as ``"lemonade/methods/aging.py"``."""
    found = []
    for path, source in files.items():
        parts = path.removesuffix(".py").split("/")
        is_package = parts[-1] == "__init__"
        parts = parts[:-1] if is_package else parts
        if parts[0] == "lemonade" and len(parts) > 1 and PUBLIC_FUNCTIONS & set(parts[1:2]):
            found.append(f"{path}: has the name of a public function")
        room = parts[1] if len(parts) > 1 else ""
        for name in imports(source, ".".join(parts), is_package):
            top, target = name.split(".")[0], [*name.split("."), ""][1]
            if parts[0] == "morphisms" and top == "lemonade":
                found.append(f"{path}: morphisms imports {name}")
            if parts[0] == "lemonade" and top == "lemonade":
                inside = GROUND | {room}
                if target in FORBIDDEN.get(room, set()) or (room in ALLOWED and target not in ALLOWED[room] | inside):
                    found.append(f"{path}: {room} imports {name}")
                elif target == "cli" and room not in ("cli", "__main__"):
                    found.append(f"{path}: only the command line imports {name}")
                elif room in READERS and target in ("methods", "evaluate"):
                    found.append(f"{path}: {room} reads run folders, but imports {name}")
    return found


def test_the_source_keeps_to_the_walls():
    paths = [*(ROOT / "lemonade").rglob("*.py"), *(ROOT / "morphisms").rglob("*.py")]
    assert len(paths) > 20
    assert violations({path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}) == []


PLANTED = {
    "morphisms imports lemonade": ("morphisms/a.py", "import lemonade.types"),
    "morphisms imports lemonade in a function": ("morphisms/ops/a.py", "def f():\n    from lemonade import run"),
    "morphisms imports lemonade by name": ("morphisms/a.py", "import_module('lemonade.run')"),
    "methods import evaluate": ("lemonade/methods/a.py", "from lemonade.evaluate import Inline"),
    "methods import training": ("lemonade/methods/a.py", "from lemonade import training"),
    "methods import objectives": ("lemonade/methods/__init__.py", "from ..objectives import Objective"),
    "methods import the store": ("lemonade/methods/a.py", "from ..store import RunStore"),
    "methods import run": ("lemonade/methods/a.py", "import lemonade.run"),
    "training imports evaluate": ("lemonade/training/a.py", "if True:\n    import lemonade.evaluate.inline"),
    "evaluate imports run": ("lemonade/evaluate/a.py", "from lemonade.run import drive"),
    "types import data": ("lemonade/types.py", "from .data import Dataset"),
    "a method imports the command line": ("lemonade/run.py", "from lemonade.cli import main"),
    "reporting imports a method": ("lemonade/reporting/a.py", "from lemonade.methods import METHODS"),
    "module search": ("lemonade/search.py", ""),
    "package report": ("lemonade/report/__init__.py", ""),
    "module compare": ("lemonade/compare.py", "x = 1"),
    "module export": ("lemonade/export.py", "x = 1"),
}
FINE = {
    "command line verb": ("lemonade/cli/search.py", "from lemonade.run import drive"),
    "a benchmark drives methods": ("lemonade/bench/a.py", "from lemonade.methods import make_search"),
    "methods import spaces": ("lemonade/methods/a.py", "from lemonade.spaces import Space\nfrom .base import Search"),
    "relative import inside a room": ("lemonade/training/__init__.py", "from .loop import train"),
    "lemonade imports morphisms": ("lemonade/types.py", "from morphisms import NetworkGraph\nimport numpy as np"),
    "a name alike": ("morphisms/a.py", "import lemonades"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_planted_violations_are_found(case):
    path, source = PLANTED[case]
    assert len(violations({path: source})) == 1


@pytest.mark.parametrize("case", FINE)
def test_what_is_fine_passes(case):
    path, source = FINE[case]
    assert violations({path: source}) == []
