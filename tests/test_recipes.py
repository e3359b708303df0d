"""The studies that ship run in miniature."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parent.parent / "runs" / "recipes"


def run(script, *arguments):
    done = subprocess.run([sys.executable, str(RECIPES / script), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_study_of_inheriting_goes_on_and_judges_on_test_images(tmp_path):
    arguments = ["--time", "1s", "--child-examples", "1500", "--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    run("inheritance/study.py", *arguments, "--seeds", 1, "--arms", "inherited", "ladder")

    shutil.rmtree(tmp_path / "runs/inherited-1")  # what was judged is not needed any more
    run("inheritance/study.py", *arguments, "--seeds", 1, "--arms", "inherited", "scratch-1", "ladder")
    rows = list(csv.DictReader((tmp_path / "out/runs.csv").read_text().splitlines()))
    assert [row["arm"] for row in rows] == ["inherited", "scratch-1", "ladder"]
    for row in rows:
        assert 0 <= float(row["test"]) <= float(row["possible"]) <= 1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["best rival"] in ("scratch-1", "ladder")


def test_evidence_of_a_run_is_kept(tmp_path):
    command = [sys.executable, "-m", "lemonade", "search", "--evaluations", "5", "--child-examples", "300", "-q"]
    subprocess.run([*command, "--out", str(tmp_path / "r")], check=True)
    run("evidence.py", tmp_path / "r", "--out", tmp_path / "kept")
    summary = json.loads((tmp_path / "kept/summary.json").read_text())
    assert summary["r"]["children"] == 5
    assert {path.name for path in (tmp_path / "kept/r").iterdir()} == {
        "config.yaml",
        "environment.json",
        "front.csv",
        "front.png",
    }


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.name)
def test_configs_that_ship_are_sound(recipe):
    from lemonade.config import make_config

    assert make_config(recipe).budget.time
