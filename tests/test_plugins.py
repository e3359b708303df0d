from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_folders import network

from lemonade.errors import LemonadeError
from lemonade.objectives import OBJECTIVES, costs, resolve
from lemonade.plugins import load_plugins

SOURCE = '''
from dataclasses import dataclass
from lemonade import objective

@dataclass
class Factor:
    value: int = {factor}

@objective(name="nodes", kind="cheap", unit="nodes", box=(1, 1000))
def nodes(graph):
    """Nodes, counted."""
    return Factor().value * len(graph)
'''


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = dict(OBJECTIVES)
    yield
    OBJECTIVES.clear()
    OBJECTIVES.update(before)


def test_a_plugin_registers_its_objective_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE.format(factor=1))
    hashes = load_plugins([file])
    assert hashes == {str(file): hashlib.sha256(file.read_bytes()).hexdigest()}
    assert costs(network(4), resolve(("error", "nodes"), 10)) == {"nodes": 5}
    assert load_plugins([str(file)]) == hashes  # a second time is no error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_an_edited_plugin_replaces_its_objective_another_file_does_not(tmp_path: Path) -> None:
    file, other = tmp_path / "mine.py", tmp_path / "other" / "mine.py"
    file.write_text(SOURCE.format(factor=1))
    load_plugins([file])
    file.write_text(SOURCE.format(factor=3))
    load_plugins([file])
    assert costs(network(4), resolve(("error", "nodes"), 10)) == {"nodes": 15}
    file.write_text(SOURCE.format(factor=1))  # the first version again
    load_plugins([file])
    assert costs(network(4), resolve(("error", "nodes"), 10)) == {"nodes": 5}
    file.write_text(SOURCE.format(factor=3))
    load_plugins([file])
    other.parent.mkdir()
    other.write_text(SOURCE.format(factor=4))
    with pytest.raises(LemonadeError, match=r"other/mine.py line 9: objective 'nodes' is there already"):
        load_plugins([other])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"x = 1\ny = (\n", r"plug-in .*bad.py line 2: '\(' was never closed"),
        (b"x = 1\n\nx / 0\n", r"bad.py line 3: ZeroDivisionError: division by zero"),
        (b"import nowhere_at_all\n", r"bad.py line 1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        (b"import sys\nsys.exit(3)\n", r"bad.py line 2: SystemExit: 3"),
        (b"\x00", r"bad.py"),
        (b"# -*- coding: nothing -*-\n", r"bad.py line .*: .*nothing"),
    ],
)
def test_a_plugin_that_cannot_be_imported(tmp_path: Path, source: bytes, text: str) -> None:
    file = tmp_path / "bad.py"
    file.write_bytes(source)
    with pytest.raises(LemonadeError, match=text):
        load_plugins([file])
    with pytest.raises(LemonadeError, match=text):  # a failure is not remembered as a success
        load_plugins([file])


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LemonadeError, match=r"plug-in .*none.py: cannot be read \(No such file"):
        load_plugins([tmp_path / "none.py"])
    with pytest.raises(LemonadeError, match=r"cannot be read \(Is a directory"):
        load_plugins([tmp_path])
