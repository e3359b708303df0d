"""The studies that ship run in miniature."""

import csv
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).parent.parent / "runs" / "recipes"


def run(script, *arguments):
    done = subprocess.run([sys.executable, str(RECIPES / script), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def refused(monkeypatch):
    """Calls a script that refuses its arguments, and returns its line; here, since importing torch takes seconds."""
    threads = torch.get_num_threads()

    def call(script, *arguments):
        path = RECIPES / "inheritance" / script
        monkeypatch.syspath_prepend(path.parent)
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        assert isinstance(ended.value.code, str)  # the interpreter prints it, and exits with 1
        return f"{ended.value.code}\n"

    yield call
    torch.set_num_threads(threads)


def test_the_study_of_inheriting_goes_on_and_judges_on_test_images(tmp_path):
    arguments = ["--examples", 24_000, "--child-examples", 1500, "--set", "training.initial_factor=2"]
    arguments += ["--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    arms = ["inherited", "inherited:training.peak_rate=0.1,search.children=4", "scratch-1", "ladder"]
    run("inheritance/study.py", *arguments, "--seeds", 1, "--arms", "inherited", "ladder")

    shutil.rmtree(tmp_path / "runs/inherited-1")  # what was judged is not needed any more
    run("inheritance/study.py", *arguments, "--seeds", 1, "--arms", *arms)
    rows = list(csv.DictReader((tmp_path / "out/runs.csv").read_text().splitlines()))
    assert sorted(row["arm"] for row in rows) == sorted(arms)
    for row in rows:
        assert 0 <= float(row["test"]) <= float(row["possible"]) <= 1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["best rival"] in arms[1:]
    trace = json.loads((tmp_path / "out/rows/inherited-1.json").read_text())["trace"]
    assert trace[-1]["test"] <= 1 and trace[-1]["examples"] >= trace[0]["examples"] > 0
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"volume.png", "fronts.png", "validation.png"}


def test_ladders_alone_see_as_many_images_as_they_are_given(tmp_path):
    ladders = ["ladder", "ladder-separable"]
    arguments = ["--seeds", 1, "--arms", *ladders, "--out", tmp_path]
    run("inheritance/study.py", "--examples", 4000, *arguments)
    # nothing but the data, the box and how they are trained counts for them
    run("inheritance/study.py", "--examples", 4000, "--set", "search.children=3", *arguments)
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    assert [(row["arm"], row["examples"], row["members"] > "0") for row in rows] == [
        (one, "4000", True) for one in ladders
    ]


def test_a_study_takes_up_no_search_of_another_one(tmp_path, refused):
    few = ["--child-examples", "500", "--set", "training.initial_factor=1", "--seeds", "1", "--arms", "scratch-1"]
    few += ["--runs", tmp_path / "runs"]
    run("inheritance/study.py", "--examples", "2000", "--out", tmp_path / "out", *few)
    journal = (tmp_path / "runs/scratch-1-1/journal.jsonl").read_bytes()

    def said(*arguments):
        return refused("study.py", *few, *arguments)

    other, out = ["--out", tmp_path / "other"], ["--out", tmp_path / "out"]
    assert "holds a run with data.flip=null, but true is asked for" in said(
        "--examples", "2000", "--set", "data.flip=true", *other
    )
    assert "had a smaller budget" in said("--examples", "3000", *other)
    assert "its weights were deleted once it had been judged" in said("--examples", "2000", *other)
    row = tmp_path / "out/rows/scratch-1-1.json"
    text = row.read_text()
    row.write_text(text[:40])  # killed while it was written by a version that did not write it whole
    assert "rows/scratch-1-1.json: cannot be read" in said("--examples", "2000", *out)
    row.write_text(text)
    assert "scratch-1-1.yaml has budget.examples=2000, but 3000 is asked for" in said("--examples", "3000", *out)
    assert "scratch-1-1.yaml has data.flip=None" in said("--examples", "2000", "--set", "data.flip=true", *out)
    assert "scratch-1-1.yaml has training.momentum=0.9" in said(
        "--examples", "2000", "--set", "training.momentum=0.8", *out
    )
    other_arm = ["--examples", "3000", "--arms", "scratch-2", *out]
    assert "scratch-1-1.yaml has budget.examples=2000, but 3000 is asked for" in said(*other_arm)
    assert "scratch-1-1.yaml has boxes=" in said("--examples", "2000", "--error", "0", "0.5", *out)
    assert (tmp_path / "runs/scratch-1-1/journal.jsonl").read_bytes() == journal
    shutil.copy(tmp_path / "out/rows/scratch-1-1.json", tmp_path / "out/rows/ladder-1.json")
    shutil.copy(tmp_path / "out/config/scratch-1-1.yaml", tmp_path / "out/config/ladder-1.yaml")
    ladder = ["--examples", "2000", "--set", "training.momentum=0.8", "--arms", "ladder", *out]
    assert "ladder-1.yaml has " in said(*ladder)


def test_names_of_one_setting_are_one_setting(tmp_path):
    arguments = ["--examples", 4000, "--set", "child_examples=400", "--seeds", 1, "--arms", "scratch-2"]
    run("inheritance/study.py", *arguments, "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    assert "child_examples: 800" in (tmp_path / "out/config/scratch-2-1.yaml").read_text()


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("inherited:training.teacher_share=7", "training.teacher_share"),
        ("inherited:foo=1", "'foo' is not a setting"),
        ("inherited:seed=9", "seed has to be the same for all arms"),
        ("inherited:examples=3000", "budget.examples has to be the same for all arms"),
        ("ladder", "the ladder sees as many images as a search did, or as --examples says"),
        ("ladder --examples 3", "an image for each of 8, got 9 chains and 3 images"),
        ("ladder --examples 900 --params 1 2", "a ladder needs chains within --params"),
    ],
)
def test_arms_are_checked_before_anything_is_trained(tmp_path, refused, arm, said):
    folders = ["--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    line = refused("study.py", "--time", "30s", "--arms", *arm.split(), *folders)
    assert line.startswith("error: ") and said in line
    assert not (tmp_path / "runs").exists()


def test_operators_are_measured_against_fresh_networks(tmp_path):
    arguments = ["--set", "training.child_examples=300", "--sites", 1, "--operators", "prune", "widen"]
    run("inheritance/operators.py", *arguments, "--out", tmp_path)
    prune, widen = csv.DictReader((tmp_path / "operators.csv").read_text().splitlines())
    assert (prune["operator"], widen["operator"]) == ("prune", "widen")
    stages = ("parent", "rewritten", "trained", "taught", "fresh", "fresh, taught")
    assert all(0 < float(row[stage]) < 1 for row in (prune, widen) for stage in stages)
    assert float(widen["rewritten"]) == float(widen["parent"]) and not widen["distilled"]
    inexact = [float(prune[stage]) for stage in ("rewritten", "distilled", "trained then", "trained")]
    assert len(set(inexact)) == 4
    assert len((tmp_path / "children.csv").read_text().splitlines()) == 7


def test_rates_of_further_trainings_are_compared(tmp_path):
    run("inheritance/cycles.py", "--first", 500, "--cycle", 300, "--cycles", 2, "--rates", 0.1, "--out", tmp_path)
    (table,) = tmp_path.glob("cycles-*.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["how"], row["images"]) for row in rows] == [
        ("first training", "500"),
        ("trained on", "800"),
        ("trained on", "1100"),
        ("in one go", "1100"),
    ]


def test_choices_from_few_images_are_judged(tmp_path):
    command = [sys.executable, "-m", "lemonade", "search", "--evaluations", "6", "--child-examples", "1500", "-q"]
    subprocess.run([*command, "--set", "keep=all", "--out", str(tmp_path / "r")], check=True)
    run("inheritance/choice.py", tmp_path / "r", "--images", 50, 287, "--out", tmp_path)
    rows = list(csv.DictReader((tmp_path / "choice.csv").read_text().splitlines()))
    assert {(row["validation images"], row["choices"]) for row in rows} == {("50", "20"), ("287", "1")}
    assert all(float(row["loss of choice"]) >= 0 for row in rows)


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
    from lemonade.settings import make_config

    assert make_config(recipe).budget.time


def test_networks_are_cut_out_and_taught(tmp_path):
    run(
        "inheritance/teaching.py", "--first", 3_000, "--child", 500, "--widths", 8, 4, "--rates", 0.1, "--out", tmp_path
    )
    wide, narrow = csv.DictReader((tmp_path / "cut.csv").read_text().splitlines())
    assert not wide["taught"] and float(wide["fresh, long"]) < float(wide["fresh"])
    assert float(narrow["cut one by one"]) < float(narrow["cut at once"])
    assert float(narrow["taught"]) < float(narrow["fresh"])
    children = list(csv.DictReader((tmp_path / "children.csv").read_text().splitlines()))
    assert [row["how"] for row in children] == (["trained on"] * 3 + ["widened"] * 3) * 2


@pytest.mark.parametrize("recipe", ["operators", "cycles", "teaching", "study"])
def test_settings_of_recipes_are_checked_in_a_line(tmp_path, refused, recipe):
    line = refused(f"{recipe}.py", "--set", "training.foo=1", "--out", tmp_path / "o")
    assert re.fullmatch(r"error: .*'training\.foo' is not a setting.*\n", line)
    assert list((tmp_path / "o").iterdir()) == []
