"""What Python users call has the names of the command line."""

import importlib
import inspect
from pathlib import Path

import pytest
from fake_runs import config
from run_folders import small_run

import lemonade
from lemonade.config import BudgetSettings, Config, SpaceSettings
from lemonade.dryrun import describe
from lemonade.errors import LemonadeError
from lemonade.run import free_folder, own_folder
from lemonade.settings import flat, make_config

TERMINAL = {"as_json", "quiet", "references"}
"""What only the command line has."""


@pytest.mark.parametrize("verb", ["export", "predict", "report", "resume", "retrain"])
def test_a_function_takes_what_its_verb_takes(verb):
    typed = inspect.signature(getattr(importlib.import_module(f"lemonade.cli.{verb}"), verb)).parameters
    called = inspect.signature(getattr(lemonade, verb)).parameters
    assert set(typed) - TERMINAL <= set(called)
    defaults = {name: one.default for name, one in called.items()}
    differ = {name for name in set(typed) & set(called) if typed[name].default != defaults[name]}
    assert differ <= {"to", "out"}  # None stands for all formats, and for the run folder


def test_every_public_name_is_there():
    for name in lemonade.__all__:
        assert getattr(lemonade, name).__doc__


def test_a_run_comes_back_although_its_picture_cannot_be_written(tmp_path):
    small_run(tmp_path / "r")
    picture = tmp_path / "r" / "front.png"
    picture.mkdir()
    with pytest.warns(UserWarning, match=r"the front was not drawn: .*front.png: cannot be written") as told:
        run = lemonade.resume(tmp_path / "r")
    assert run.finished and told[0].filename == __file__
    picture.rmdir()
    assert lemonade.resume(run).spent == run.spent
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_wrong_total_is_refused_as_on_the_command_line(tmp_path):
    with pytest.raises(LemonadeError, match="budget.evaluations: expected a whole number greater than 0, got 0"):
        lemonade.resume(tmp_path, evaluations=0)
    small_run(tmp_path / "r")
    with pytest.raises(LemonadeError, match="evaluations 3: the run has used 4 already; give a larger total"):
        lemonade.resume(tmp_path / "r", evaluations=3)


def test_names_are_given_as_text_or_as_a_list(tmp_path):
    small_run(tmp_path / "r")
    run = lemonade.Run.load(tmp_path / "r")
    assert run.choose(["best", "knee"]) == run.choose("best, knee,")
    one, two = (lemonade.export(run, models=["best"], to=to)[0].files for to in ("python,pt2", ["python", "pt2"]))
    assert one == two
    knee = run.front.knee
    assert [one.id for one in (*run.choose(knee), *run.choose([knee]), run.member(knee))] == 3 * [knee.id]
    (group,) = lemonade.compare(run.folder, within="params<=1000,params<=5000").groups
    assert [found.folder for found in group.runs] == [run.folder]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"dataset": "digitz"}, "unknown dataset 'digitz'. Did you mean 'digits'?"),
        ({"dataset": Path("no/where")}, "no/where: there is no such file or folder"),
        ({"method": "lemonaid"}, "unknown method 'lemonaid'. Did you mean 'lemonade'?"),
        ({"space": "netwrk"}, "unknown space 'netwrk'. Did you mean 'network'?"),
        ({"space": "cell", "space.layers": 2}, "'space.layers' is not a setting."),
        ({"space": "cell", "space.nodes": 1}, "space.nodes: expected a whole number of at least 2, got 1"),
        ({"boxes": {"params": [1]}}, "boxes.params: expected two numbers, the lowest and the highest, got "),
        ({"boxes": {"params": [1, 2, 3]}}, "boxes.params: expected two numbers, the lowest and the highest, got "),
        ({"training.initial_factor": 1e9}, "training.initial_factor: expected a number of at most 1000, got 10000"),
        ({"space.cells": 2}, "space.cells: the space 'network' has no such size, got 2. Its sizes: space.widths."),
        (
            {"space": "nasbench201", "space.nodes": 4},
            "space.nodes: the space 'nasbench201' has no such size, got 4. Its sizes: space.cells, space.channels.",
        ),
        (
            {"space": "cell", "search.operators": ["deepen"]},
            "operator 'deepen' does not exist on the space 'cell'. There: add_branch, remove_branch, change_branch",
        ),
        ({"search.operators": ["add_branch"]}, "operator 'add_branch' does not exist on the space 'network'."),
        ({"method": "local"}, "method 'local' does not exist on the space 'network'."),
        ({"objectives": ["error", "parms"]}, "unknown objective 'parms'. Did you mean 'params'?"),
        ({"search.operators": ["wden"]}, "unknown operator 'wden'. Did you mean 'widen'?"),
        ({"serach": 1}, "'serach' is not a setting. Did you mean 'search"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not available here. Available: auto, cpu"),
        ({"time": 0}, "budget.time"),
        ({"limits": ["params<=2"]}, 'limits: expected names and values, as in limits={"params": 20000}, got '),
    ],
)
def test_wrong_settings_are_named(tmp_path, settings, text):
    with pytest.raises(LemonadeError, match=text.replace("?", r"\?").replace(".", r"\.")):
        lemonade.search(out=tmp_path / "r", **settings)
    assert not (tmp_path / "r").exists()


def test_settings_are_laid_over_a_config_one_by_one(tmp_path):
    given = Config(space=SpaceSettings(channels=8, cells=2), budget=BudgetSettings(evaluations=9))
    with pytest.raises(LemonadeError, match="dataset"):
        lemonade.search(given, space="cell", dataset="nowhere", out=tmp_path / "r")
    made = make_config(None, {**flat(given), "space": "cell", "evaluations": 5})
    assert made.space == SpaceSettings(name="cell", channels=8, cells=2) and made.budget.evaluations == 5


def test_a_space_is_named_in_short_and_has_sizes(tmp_path):
    file = tmp_path / "search.yaml"
    file.write_text("space: nasbench201\n")
    made = make_config(file, {"space.cells": 1})
    assert made.space.model_dump(exclude_none=True) == {"name": "nasbench201", "cells": 1}
    assert make_config(None, {"space.cells": 1, "space": "nasbench201"}) == made
    starts = [line for line in describe(made) if line.startswith("start network")]
    assert len(starts) == 3
    assert starts[0].startswith("start network: 1x1 convolution beside a skip; params 7")  # 73,306 without it


def test_default_folders_are_numbered(tmp_path):
    first = free_folder(config(), tmp_path)
    assert first.name == "digits-lemonade-1"
    first.mkdir()
    assert free_folder(config(), tmp_path).name == "digits-lemonade-2"


def test_searches_that_begin_together_take_different_folders(tmp_path):
    with own_folder(config(), tmp_path / "runs") as one, own_folder(config(), tmp_path / "runs") as other:
        assert [one.name, other.name] == ["digits-lemonade-1", "digits-lemonade-2"]
        (other / "journal.jsonl").touch()
    assert other.exists() and not one.exists()
    with own_folder(config(), tmp_path / "new") as one:
        assert one.is_dir()
    assert not (tmp_path / "new").exists()
