"""Ctrl-C where there is nothing to save: one line and an exit code, at whatever moment it comes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import write_run

from lemonade.__main__ import INTERRUPTED, main
from lemonade.history import Run

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("module", ["typer", "rich", "yaml"])
def test_while_the_command_is_being_imported(tmp_path, module):
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "lemonade", "front", "nowhere"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "interrupted\n")


def interrupted(*arguments, **keywords):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "words",
    [
        ["front", "run"],
        ["status", "run"],
        ["show", "run", "best"],
        ["lineage", "run", "best"],
        ["report", "run"],
        ["export", "run"],
        ["predict", "run", "best", "."],
    ],
    ids=lambda words: words[0],
)
def test_while_a_run_is_being_read(tmp_path, monkeypatch, capsys, words):
    write_run(tmp_path / "run", count=1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lemonade", *words])
    monkeypatch.setattr(Run, "front", property(interrupted))
    monkeypatch.setattr(Run, "member", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"
