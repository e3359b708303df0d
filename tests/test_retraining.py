"""Retraining: long trainings from both starts, resumable, and the only reader of the test images."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lemonade
from lemonade.cli import main
from lemonade.data import load_dataset, load_test
from lemonade.errors import LemonadeError
from lemonade.retraining import retrained
from lemonade.retraining.training import retrain
from lemonade.subject import Subject
from lemonade.training import read_error
from morphisms import build_module

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retraining") / "r"
    return lemonade.search(dataset="digits", evaluations=5, child_examples=2_000, workers=1, out=folder)


@pytest.fixture(scope="module")
def found(run):
    plans, steps = [], []
    done = retrain(run, models="best", seeds=2, epochs=1, on_plan=plans.append, on_step=steps.append)
    speed = run.front.best().evaluation.stages["trained"]
    assert [(plan.trainings, plan.examples, plan.workers) for plan in plans] == [(4, 1_150, 1)]
    assert plans[0].seconds == pytest.approx(4 * 1_150 * speed.seconds / speed.examples)
    assert [(step.done, step.total) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    return next(iter(done.values()))


def test_both_starts_are_trained_and_read_on_validation_and_test_images(found):
    assert [(one.start, one.seed) for one in found.trainings] == [
        ("inherited", 1), ("inherited", 2), ("scratch", 1), ("scratch", 2),
    ]  # fmt: skip
    for one in found.trainings:
        assert one.examples == 1_150
        assert 0 <= one.error < 0.9 and 0 <= one.test < 0.9  # guessing errs at nine of ten
    told = found.to_json()
    assert told["inherited"]["test"]["seeds"] == 2
    assert told["inherited"]["error"]["mean"] < told["scratch"]["error"]["mean"]
    assert found.weights.exists()


def test_the_weights_of_the_search_are_read_on_the_test_images_too(run, found):
    member = run.front.best()
    data, test = load_dataset("digits", run.config.data), load_test("digits", run.config.data)
    whole = read_error(build_module(member.graph, member.weights()), test, data, "cpu")
    subject = Subject.of(run, member, "search")
    assert subject.errors == {"validation": member.values["error"], "test": whole.error}
    other = run.front[0]
    assert other.id != member.id
    assert "test" not in Subject.of(run, other, "search").errors
    (record,) = run.folder.glob("models/*/searched.json")
    before = record.read_text()
    record.write_text(before.replace(member.evaluation.sha256, "0" * 64))  # of other weights
    assert "test" not in Subject.of(run, member, "search").errors
    record.write_text('{"sha256": null, "test": 3}')
    with pytest.raises(LemonadeError, match=r"searched.json: cannot be read \(expected errors from 0 to 1, got 3\)"):
        _ = Subject.of(run, member, "search").errors
    record.write_text(before)


def test_the_best_by_smoothed_validation_error_is_chosen(found):
    assert found.chosen.error_smoothed == min(one.error_smoothed for one in found.trainings)


def test_what_is_done_is_not_done_again_and_what_is_lost_is(run, found):
    lost = found.folder / "1150-scratch-2.json"
    before, kept = json.loads(lost.read_text()), (found.folder / "1150-scratch-1.json").read_bytes()
    lost.unlink()
    (found.folder / "1150-inherited-2.safetensors").unlink()
    cut = found.folder / "1150-inherited-1.safetensors"
    cut.write_bytes(cut.read_bytes()[:-8])
    plans, steps = [], []
    retrain(run, models="best", seeds=2, epochs=1, on_plan=plans.append, on_step=steps.append)
    made = sorted((step.training.start, step.training.seed) for step in steps)
    assert made == [("inherited", 1), ("inherited", 2), ("scratch", 2)]
    name = run.front.best().id
    assert plans[0].lost == tuple(f"{name} from the search's weights, seed {seed}" for seed in (1, 2))
    assert (found.folder / "1150-inherited-2.safetensors").exists()
    after = json.loads(lost.read_text())
    assert {name: after[name] for name in ("error", "test")} == {name: before[name] for name in ("error", "test")}
    assert (found.folder / "1150-scratch-1.json").read_bytes() == kept
    retrain(run, models="best", seeds=2, epochs=1, on_plan=steps.append, on_step=steps.append)
    assert len(steps) == 3


def test_what_failed_is_tried_again(run, found):
    record = found.folder / "1150-scratch-1.json"
    whole = json.loads(record.read_text())
    gone = dict.fromkeys(("error", "error_smoothed", "test", "sha256"))
    record.write_text(json.dumps(whole | gone | {"message": "failed: its worker was killed"}))
    plans, steps = [], []
    retrain(run, models="best", seeds=2, epochs=1, on_plan=plans.append, on_step=steps.append)
    assert [(step.training.start, step.training.seed) for step in steps] == [("scratch", 1)]
    assert plans[0].lost == ()
    assert json.loads(record.read_text())["test"] == whole["test"]


def test_one_start_is_enough_where_it_is_asked_for(run, found, capfd):
    name, length = run.front.best().id, {"seeds": 1, "epochs": 0.25}
    done = lemonade.retrain(run, models="best", start="scratch", **length)
    assert [(one.start, one.test is None) for one in done[name].trainings] == [("scratch", False)]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        main(["retrain", str(run.folder), "--models", "best", "--seeds", "1", "--epochs", ".25", "--start", "scratch"])
    said = capfd.readouterr().out
    assert re.search(r"\n +scratch +0", said) and not re.search(r"\n +inherited +0", said)
    assert "\n360 test images." in said and "Mean ±" not in said
    done = lemonade.retrain(run, models="best", start="inherited", **length)
    assert [one.start for one in done[name].trainings] == ["inherited", "scratch"]  # what was done before is told too
    with pytest.raises(LemonadeError, match=r"unknown start 'scrath'. Did you mean 'scratch'\? Known: both, inherited"):
        lemonade.retrain(run, start="scrath")


def test_fewer_epochs_than_an_earlier_call_are_told_and_tested_too(run, found):
    shorter = retrain(run, models="best", seeds=1, epochs=0.5)[run.front.best().id]
    assert [(one.examples, one.start, one.test is None) for one in shorter.trainings] == [
        (575, "inherited", False), (575, "scratch", False),
    ]  # fmt: skip
    longest = retrained(run, run.front.best().id)  # whoever asks for no length gets the longest
    assert [one.name for one in longest.trainings] == [one.name for one in found.trainings]


def test_damaged_records_wrong_counts_and_lost_weights_are_named(run, found, tmp_path):
    record = found.folder / "1150-scratch-1.json"
    text = record.read_text()
    record.write_text("{")
    with pytest.raises(LemonadeError, match=r"1150-scratch-1.json: cannot be read .*that training is done again"):
        retrained(run, run.front.best().id)
    record.write_text(text)
    for more in ('"test": 1.5', '"error": "x"', '"start": "zz"'):
        record.write_text(text.rstrip("}\n") + f", {more}}}")  # the last of two equal names counts
        with pytest.raises(LemonadeError, match="1150-scratch-1.json: cannot be read"):
            retrain(run, models="best", seeds=3, epochs=1)  # before anything is trained
    undone = {**json.loads(text), "test": None, "sha256": None}  # as an earlier version wrote it, stopped in between
    record.write_text(json.dumps(undone))
    weights = record.with_suffix(".safetensors")
    kept = weights.read_bytes()
    weights.write_bytes(b"junk")
    with pytest.raises(LemonadeError, match=r"1150-scratch-1.safetensors: .*Delete .*json, and that training is done"):
        retrain(run, models="best", seeds=2, epochs=1)
    weights.write_bytes(kept)
    record.write_text(text)
    for epochs in (math.nan, math.inf, 0):
        line = f"^retrain: expected more than 0 and at most 10,000 epochs, got {epochs}\\.$"
        with pytest.raises(LemonadeError, match=line):
            retrain(run, epochs=epochs)
    with pytest.raises(LemonadeError, match=r"^retrain: expected 1 to 10,000 seeds, got 0\.$"):
        retrain(run, seeds=0)
    with pytest.raises(LemonadeError, match="1e-09 epochs of 1150 training images are no image at all"):
        retrain(run, epochs=1e-9)
    with pytest.raises(LemonadeError, match="expected 1 to 10,000 workers, got 0"):
        retrain(run, workers=0)
    with pytest.raises(LemonadeError, match="^models: expected front, knee, best, or ids .* got ','"):
        retrain(run, models=",")
    weights = run.folder / run.front[0].evaluation.weights
    kept = weights.read_bytes()
    weights.unlink()
    with pytest.raises(LemonadeError, match="there is no such file"):
        retrain(run, models=run.front[0].id)
    weights.write_bytes(kept)


def test_the_command_prints_a_table_and_json(run, found, capsys):
    arguments = ["retrain", str(run.folder), "--models", "best", "--seeds", "2", "--epochs", "1"]
    (found.folder / "1150-scratch-2.safetensors").write_bytes(b"junk")
    with pytest.raises(SystemExit):
        main(arguments)
    said = capsys.readouterr().out
    assert (
        f"Weights lost or damaged, trained again: {run.front.best().id} from fresh weights, seed 2\n1 training on"
        in said
    )
    assert run.front.best().id in said and "Mean ± standard deviation over seeds alone; 360 test images." in said
    assert re.search(r"\nid +params +weights +validation +smoothed +test\n\w+ +[\d,]+ +searched +0", said)
    for start in ("inherited", "scratch"):
        assert re.search(rf"\n +{start}( +0\.\d+ ± 0\.\d+){{3}}\n", said)
    assert f"lemonade report {run.folder}" in said
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["models"][0]["scratch"]["test"]["seeds"] == 2


def test_test_images_that_can_no_longer_be_read_are_told_before_anything_is_trained(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (2, 10, 8, 8), dtype=np.uint8)
    for part in ("train", "test"):
        for label, name in enumerate("ab"):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for number, image in enumerate(pixels[label]):
                Image.fromarray(image).save(tmp_path / "images" / part / name / f"{number}.png")
    settings = {"evaluations": 1, "child_examples": 100, "workers": 1, "out": tmp_path / "r"}
    run = lemonade.search(dataset=str(tmp_path / "images"), **settings)
    broken = tmp_path / "images/test/a/3.png"
    kept = broken.read_bytes()
    broken.write_bytes(bytes(len(kept)))
    line = r"r: .*: 1 of 20 images cannot be read: test/a/3.png \(empty or not an image\)\. Put them back as they were"
    with pytest.raises(LemonadeError, match=line):
        retrain(run)
    assert not list(run.folder.glob("models/*/retrained/*"))
    broken.write_bytes(kept)
    steps = []
    (done,) = retrain(run, seeds=1, epochs=1, start="scratch", on_step=steps.append).values()
    assert len(steps) == 1 and done.trainings[0].test is not None


def test_test_images_of_an_array_file_are_read_before_anything_is_trained(tmp_path):
    images, labels = np.random.default_rng(0).random((20, 8, 8)), np.arange(20) % 2
    arrays = {"x_train": images, "y_train": labels, "y_test": labels}
    np.savez(tmp_path / "d.npz", **arrays, x_test=images + 7)
    run = lemonade.search(
        dataset=str(tmp_path / "d.npz"), evaluations=1, child_examples=100, workers=1, out=tmp_path / "r"
    )
    steps = []
    with pytest.raises(LemonadeError, match=r"x_test: .*\[0, 1\]"):
        retrain(run, seeds=1, epochs=1, on_plan=steps.append, on_step=steps.append)
    assert not steps


def test_nothing_else_opens_the_test_images():
    paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / "lemonade").rglob("*.py")]
    others = [path for path in paths if not path.startswith("lemonade/data/")]  # where `load_test` is
    callers = [path for path in others if "load_test" in (ROOT / path).read_text(encoding="utf-8")]
    assert callers == ["lemonade/retraining/training.py"]
