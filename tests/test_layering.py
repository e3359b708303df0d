"""The walls of the design, read from the imports: two packages, one direction."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import lemonade

ROOT = Path(__file__).parent.parent
PUBLIC_FUNCTIONS = {*lemonade.__all__}
ROOT_PACKAGE = "lemonade"
# Room (package or module of lemonade, or morphisms) -> rooms of lemonade it may import besides itself and the ground.
# The ground any room may import: frozen values, settings, words and files; it has rules of its own.
GROUND: dict[str, set[str]] = {
    "errors": set(),
    "settings_text": {"errors"},
    "config": {"numbers"},
    "settings": {"config", "errors", "numbers", "settings_text"},
    "types": {"config"},
    "facts": set(),
    "plugins": {"errors"},
    "environment": set(),
    "numbers": set(),
    "runfolder": {"errors"},
    "files": {"errors", "runfolder"},
    "journal": {"errors", "files"},
    "records": {"errors", "files"},
}
WALLS: dict[str, set[str]] = {
    "morphisms": set(),
    # values and what is computed of them
    "contract": set(),
    "onnx_program": set(),
    "conditions": set(),
    "density": set(),
    "front": set(),
    "deciding": {"front"},
    "objectives": {"front"},
    "tracker": {"front", "objectives"},
    # search: proposes; never sees training, tensors or files
    "spaces": set(),
    "methods": {"spaces", "front", "density"},
    # one child: data, training, evaluating
    "data": set(),
    "training": {"data"},
    "evaluate": {"training", "objectives", "data", "onnx_program"},
    # run folders: read, and written
    "members": {"contract"},
    "frontview": {"conditions", "deciding", "front", "members", "objectives"},
    "ledger": {"objectives"},
    "history": {"front", "frontview", "ledger", "members", "objectives"},
    "watching": {"history", "ledger", "tracker"},
    "store": {"frontview", "history", "members", "objectives"},
    # the run
    "checks": {"methods", "objectives", "spaces"},
    "budgets": {"methods"},
    "assembly": {"budgets", "checks", "data", "evaluate", "history", "methods", "objectives", "spaces", "training"},
    "loop": {"assembly", "budgets", "evaluate", "history", "objectives", "store", "tracker"},
    "dryrun": {"assembly", "run", "spaces"},
    "scalars": {"tracker"},
    "run": {"assembly", "evaluate", "history", "loop", "scalars", "store", "tracker"},
    # what is made of a run's networks: by its folder and the data
    "retraining": {"assembly", "data", "history", "members", "training"},
    "references": {"assembly", "history", "training"},
    "subject": {"history", "members", "retraining"},
    "predicting": {"data", "evaluate", "history", "members", "subject"},
    "exporting": {"contract", "data", "history", "members", "onnx_program", "retraining", "subject"},
    # what is shown of a run: by its folder alone
    "reporting": {"deciding", "front", "frontview", "history", "members", "objectives", "references", "retraining"},
    "searching": {"history", "reporting", "run", "tracker"},
    # runs beside each other: by their folders alone; and made for that
    "comparing": {"front", "history", "objectives", "reporting"},
    "trials": {"checks", "comparing", "history", "loop", "run"},
    # beside runs
    "bench": {"evaluate", "front", "methods", "spaces"},
    "doctor": {"front", "training"},
}
DOORS = {"", "__main__", "cli"}
"""Where users come in: may import anything, and nothing may import them."""
FORBIDDEN = {
    "methods": {"evaluate", "training", "objectives", "store", "files", "journal", "runfolder"},
    "spaces": {"files", "journal", "runfolder"},
    "reporting": {"methods", "evaluate", "run", "loop", "store", "training", "data"},
    "comparing": {"methods", "evaluate", "run", "loop", "store", "training", "data"},
    "exporting": {"methods", "evaluate", "run", "loop", "store", "training", "reporting"},
}
"""Said once more, so that widening a wall cannot undo it."""
WITHOUT_TENSORS = ("methods", "spaces")
"""Rooms that never import torch themselves."""


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
        room = "morphisms" if parts[0] == "morphisms" else [*parts, ""][1]
        if parts[0] == ROOT_PACKAGE and room in PUBLIC_FUNCTIONS:
            found.append(f"{path}: has the name of a public function")
        elif room not in {**GROUND, **WALLS} and room not in DOORS:
            found.append(f"{path}: there is no rule on what {room} may import; add one to WALLS")
        for name in imports(source, ".".join(parts), is_package):
            top, target = name.split(".")[0], [*name.split("."), ""][1]
            if top == "torch" and room in WITHOUT_TENSORS:
                found.append(f"{path}: {room} imports {name}")
            if top != ROOT_PACKAGE or target in (room, "__version__") or room in DOORS:
                continue
            allowed = GROUND[room] if room in GROUND else {*GROUND, *WALLS.get(room, set())}
            if room == "morphisms" or target not in allowed or target in FORBIDDEN.get(room, set()):
                found.append(f"{path}: {room} imports {name}")
    return found


def test_the_source_keeps_to_the_walls():
    paths = [*(ROOT / "lemonade").rglob("*.py"), *(ROOT / "morphisms").rglob("*.py")]
    assert len(paths) > 20
    assert violations({path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}) == []


def test_there_is_no_rule_without_a_room():
    rooms = {
        path.stem for path in (ROOT / "lemonade").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {*GROUND, *WALLS} - rooms == {"morphisms"}


def test_walls_allow_one_direction_alone():
    graphlib.TopologicalSorter({**GROUND, **WALLS}).prepare()  # raises CycleError


PLANTED = {
    "morphisms imports lemonade": ("morphisms/a.py", "import lemonade.types"),
    "morphisms imports lemonade in a function": ("morphisms/ops/a.py", "def f():\n    from lemonade import run"),
    "morphisms imports lemonade by name": ("morphisms/a.py", "import_module('lemonade.run')"),
    "methods import evaluate": ("lemonade/methods/a.py", "from lemonade.evaluate import Inline"),
    "methods import training": ("lemonade/methods/a.py", "from lemonade import training"),
    "methods import objectives": ("lemonade/methods/__init__.py", "from ..objectives import Objective"),
    "methods import the store": ("lemonade/methods/a.py", "from ..store import RunStore"),
    "methods import files": ("lemonade/methods/a.py", "from lemonade.files import write_whole"),
    "methods import torch": ("lemonade/methods/a.py", "from torch import nn"),
    "methods import run": ("lemonade/methods/a.py", "import lemonade.run"),
    "training imports evaluate": ("lemonade/training/a.py", "if True:\n    import lemonade.evaluate.inline"),
    "evaluate imports run": ("lemonade/evaluate/a.py", "from lemonade.run import drive"),
    "types import data": ("lemonade/types.py", "from .data import Dataset"),
    "a method imports the command line": ("lemonade/run.py", "from lemonade.cli import main"),
    "reporting imports a method": ("lemonade/reporting/a.py", "from lemonade.methods import METHODS"),
    "reporting imports run": ("lemonade/reporting/a.py", "from lemonade.run import run_search"),
    "exporting imports reporting": ("lemonade/exporting/a.py", "from lemonade.reporting.reading import label"),
    "the ground imports what stands on it": ("lemonade/config.py", "from lemonade.objectives import resolve"),
    "a room imports the door": ("lemonade/run.py", "import lemonade"),
    "a module without a rule": ("lemonade/attic.py", "import json"),
    "a package without a rule": ("lemonade/attic/__init__.py", ""),
    "module search": ("lemonade/search.py", ""),
    "package report": ("lemonade/report/__init__.py", ""),
    "module compare": ("lemonade/compare.py", "x = 1"),
    "module export": ("lemonade/export.py", "x = 1"),
}
FINE = {
    "command line verb": ("lemonade/cli/search.py", "from lemonade.run import drive"),
    "a benchmark drives methods": ("lemonade/bench/a.py", "from lemonade.methods import make_search"),
    "the version": ("lemonade/run.py", "from lemonade import __version__"),
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
