"""Scalars for TensorBoard, read back as TensorBoard reads them."""

import importlib.util
import socket

import pytest
from fake_runs import KilledError, config, resume, start

from lemonade.cli import main
from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.history import Run

installed = pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed")


def read(folder):
    """Values by step of each tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return {tag: {one.step: one.value for one in found.Scalars(tag)} for tag in found.Tags()["scalars"]}


@installed
def test_the_course_of_a_search_is_written_as_its_listeners_are_told(tmp_path):
    told = []
    run = start(tmp_path / "run", told.append, tensorboard=True)
    found = read(run.folder)
    points = {one.spent.evaluations: one for one in told if one.kind in ("generation", "end")}
    assert len(points) > 3
    assert found["front/hypervolume"] == pytest.approx({step: one.hypervolume for step, one in points.items()})
    assert found["front/members"] == {step: one.front_size for step, one in points.items()}
    assert found["front/best_error"] == pytest.approx({k: one.best.values["error"] for k, one in points.items()})
    assert found["children/trained"] == {step: one.trained for step, one in points.items()}
    for name in run.objective_names:
        assert max(found[f"least/{name}"].items())[1] == pytest.approx(min(one.values[name] for one in run.front))
    assert all(value > 0 for value in found["throughput/examples_per_second"].values())
    assert {"children/stopped", "children/failed", "throughput/evaluations_per_minute"} <= found.keys()


@installed
def test_a_place_that_is_taken_is_named_before_anything_is_trained(tmp_path):
    run = start(tmp_path / "run", evaluations=8)
    (run.folder / "tensorboard").touch()
    with pytest.raises(LemonadeError, match="run/tensorboard: cannot be written .File exists.. Move what is there"):
        resume(run.folder, BudgetSettings(evaluations=12), tensorboard=True)
    assert Run.load(run.folder).spent == run.spent


@installed
def test_steps_go_on_after_a_kill_and_a_resume(tmp_path):
    def kill(progress):
        if progress.spent.evaluations == 14:
            raise KilledError

    with pytest.raises(KilledError):
        start(tmp_path / "run", kill, tensorboard=True)
    before = read(tmp_path / "run")["front/hypervolume"]
    resume(tmp_path / "run")
    after = read(tmp_path / "run")["front/hypervolume"]
    whole = start(tmp_path / "whole", tensorboard=True)
    assert before
    assert max(before) < 14 < max(after)
    assert after == pytest.approx(read(whole.folder)["front/hypervolume"])


@installed
def test_a_resume_says_for_itself_whether_it_writes(tmp_path):
    run = start(tmp_path / "run", evaluations=12)
    assert not (run.folder / "tensorboard").exists()
    resume(run.folder, BudgetSettings(evaluations=20), tensorboard=True)
    steps = read(run.folder)["front/hypervolume"].keys()
    assert steps
    assert min(steps) > 12
    resume(run.folder, BudgetSettings(evaluations=28))
    assert read(run.folder)["front/hypervolume"].keys() == steps
    assert not Run.load(run.folder).config.tensorboard


@installed
def test_the_host_is_not_named(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "secret-host")
    run = start(tmp_path / "run", evaluations=8, tensorboard=True)
    (file,) = (run.folder / "tensorboard").iterdir()
    assert file.name.startswith("events.out.tfevents.")
    assert "secret-host" not in file.name


def test_a_missing_package_is_said_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: find(name, *more) if name != "tensorboard" else None
    )
    message = "tensorboard: TensorBoard is not installed here. Install with: pip install 'lemonade-nas[tensorboard]'"
    run = start(tmp_path / "plain")
    for call in (
        lambda: start(tmp_path / "run", tensorboard=True),
        lambda: resume(run.folder, BudgetSettings(evaluations=99), tensorboard=True),
    ):
        with pytest.raises(LemonadeError) as error:
            call()
        assert str(error.value) == message
    assert not (tmp_path / "run").exists()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["search", "--tensorboard", "--evaluations", "5", "--out", "r", "-q"])
    assert (ended.value.code, capsys.readouterr().err) == (1, f"error: {message}\n")


def test_it_is_off_unless_asked_for():
    assert not config().tensorboard
