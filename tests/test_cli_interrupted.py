"""Ctrl-C and SIGTERM while a command begins: one line and an exit code, at whatever moment they come."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import small_run
from synthetic import write_run

from lemonade.__main__ import main
from lemonade.cli.running import STOPPED_EARLY
from lemonade.errors import EXIT_INTERRUPTED
from lemonade.history import Run

ROOT = Path(__file__).parent.parent


def stopped_importing(folder, module, number, *words):
    """Carry out a command that gets a signal where it imports a module; returns (exit code, output, error output)."""
    (folder / f"{module}.py").write_text(f"import os; os.kill(os.getpid(), {int(number)})")
    paths = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "lemonade", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=folder,
    )
    return done.returncode, done.stdout, done.stderr


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


@SIGNALS
@pytest.mark.parametrize("module", ["typer", "rich", "yaml"])
def test_while_the_command_is_being_imported(tmp_path, module, number):
    assert stopped_importing(tmp_path, module, number, "front", "nowhere") == (EXIT_INTERRUPTED, "", "interrupted\n")


@SIGNALS
def test_while_torch_is_being_imported_for_long_trainings(tmp_path, number):
    small_run(tmp_path / "run")
    line = "Stopped; what was trained is kept. Go on with the same command.\n"
    assert stopped_importing(tmp_path, "torch", number, "retrain", "run") == (STOPPED_EARLY, "", line)


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
    assert ended.value.code == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"
