"""What Python users call has the names of the command line."""

import importlib
import inspect

import pytest
from run_folders import small_run

import lemonade
from lemonade.errors import LemonadeError

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
    (group,) = lemonade.compare(run.folder).groups
    assert [found.folder for found in group.runs] == [run.folder]
