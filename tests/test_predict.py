"""Predictions for image files: the same preparation as the run's images had, and what is said of the rest."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from run_folders import FACTS, generation

from lemonade import predict
from lemonade.assembly import data_facts
from lemonade.config import Config
from lemonade.data import Split, load_dataset
from lemonade.data.files import read_files
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.predicting import predictions, probabilities
from lemonade.retraining import Training
from lemonade.retraining.records import retrained_folder
from lemonade.settings import make_config
from lemonade.spaces.network import chain
from lemonade.store import RunStore
from lemonade.subject import Subject
from lemonade.types import Candidate
from morphisms import initial_weights, save_weights

RNG = np.random.default_rng(0)
SHAPES = {"grey": (30, 8, 8), "colour": (30, 10, 14, 3), "large": (30, 30, 21)}


def made(tmp_path, kind):
    """Name of a data set of one kind, with settings for it."""
    if kind in SHAPES:
        images = RNG.integers(0, 256, SHAPES[kind], dtype=np.uint8)
        np.savez(tmp_path / "set.npz", images=images, labels=np.arange(30) % 3)
        return str(tmp_path / "set.npz"), {"image_size": 16} if kind == "large" else {}
    if kind == "digits":
        return "digits", {}
    for number in range(36):  # of odd sizes, and grey ones among them
        height, width = RNG.integers(12, 60, 2)
        pixels = RNG.integers(0, 256, (height, width, 3) if number % 4 else (height, width), dtype=np.uint8)
        folder = tmp_path / "photos" / ("cat", "dog", "yak")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
    return str(tmp_path / "photos"), {"image_size": 16}


def run_on(folder, name, settings):
    """A run of one untrained network on a data set; returns both."""
    config: Config = make_config(None, {"dataset": name, "evaluations": 1, **settings})
    dataset = load_dataset(name, config.data)
    graph = chain(dataset.input_shape, len(dataset.classes), 4, 2)
    start = Candidate("c0000", graph, "a", None, (), 0, {"params": 1, "flops": 1}, 100, 1)
    with RunStore.create(folder, config, data_facts(dataset)) as store:
        generation(store, [start], ["c0000"], lambda one: 0.25)
        store.end("done")
    return Run.load(folder), dataset


def save(images, folder):
    folder.mkdir()
    for number, image in enumerate(images.numpy()):
        Image.fromarray(image.transpose(1, 2, 0).squeeze()).save(folder / f"{number:04d}.png")


@pytest.mark.parametrize("kind", ["digits", "grey", "colour", "large", "folder"])
def test_images_saved_as_files_are_predicted_as_the_data_sets_own(tmp_path, kind):
    run, dataset = run_on(tmp_path / "run", *made(tmp_path, kind))
    images = dataset.validation.images
    save(images, tmp_path / "saved")
    with torch.inference_mode():
        wanted = torch.softmax(run.front[0].module()(images.float() / 255), dim=1)
    done = predictions(Subject.of(run, run.front[0]), [tmp_path / "saved"], top=len(dataset.classes))
    assert [one.file.name for one in done] == [f"{number:04d}.png" for number in range(len(images))]
    found = torch.tensor([[dict(one.classes)[name] for name in dataset.classes] for one in done])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
    assert wanted.std(dim=0).max() > 1e-3  # else anything would pass
    assert all(list(one.classes) == sorted(one.classes, key=lambda pair: -pair[1]) for one in done)


def test_few_validation_images_are_warned_of_and_the_run_goes_on(tmp_path):
    run, dataset = run_on(tmp_path / "run", *made(tmp_path, "grey"))
    assert run.facts.notes[-1] == (
        "warning: errors are coarse on 4 validation images: one of 0.1 lies between 0.01 and 0.58 (95 %)"
    )
    assert run.front.members
    few = dataset.validation
    many = replace(dataset, validation=Split(few.images.repeat(13, 1, 1, 1), few.labels.repeat(13)))
    assert not any("coarse" in note for note in data_facts(many).notes)


def test_from_python_nothing_is_printed(tmp_path, capfd):
    run, dataset = run_on(tmp_path / "run", *made(tmp_path, "grey"))
    save(dataset.validation.images[:2], tmp_path / "saved")
    for images in (tmp_path / "saved", [str(tmp_path / "saved/0000.png"), tmp_path / "saved/0001.png"]):
        done = predict(str(run.folder), "best", images, top=1)
        assert [(one.file.name, len(one.classes)) for one in done] == [("0000.png", 1), ("0001.png", 1)]
    assert predict(run, "c0000", str(tmp_path / "saved/0001.png"), weights="search", top=1) == done[1:]
    assert predict(run, "c0000", tmp_path / "no.png")[0].weights == ""
    assert done[0].weights == "as the search left them"
    home = retrained_folder(run.folder, "c0000")
    home.mkdir(parents=True)
    training = Training("scratch", 1, 5000, 1.0, "cpu", 0.0, 0.0)
    training.save(home)
    save_weights(initial_weights(run.front[0].graph, 5), home / f"{training.name}.safetensors")
    (again,) = predict(run, "best", tmp_path / "saved/0001.png", top=1)
    assert again.weights.startswith("retrained on 5,000 images from fresh weights, seed 1 (")
    with pytest.raises(LemonadeError, match="has no network 'c9'"):
        predict(run, "c9", [])
    assert capfd.readouterr() == ("", "")


FITS = pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])


@FITS
def test_files_of_a_folder_are_prepared_as_its_search_did(tmp_path, fit):
    name, settings = made(tmp_path, "folder")
    run, dataset = run_on(tmp_path / "run", name, {**settings, "data.fit": fit})
    pixels, failures = read_files(sorted((tmp_path / "photos").rglob("*.*")), run.facts, run.config.data.fit)
    assert failures == {}
    known = {image.numpy().tobytes() for image in pixels}
    assert {image.numpy().tobytes() for image in dataset.validation.images} <= known
    assert {image.numpy().tobytes() for image in dataset.train.images} <= known
    done = predictions(Subject.of(run, run.front[0]), [tmp_path / "photos"], top=3)
    wanted = torch.softmax(run.front[0].module()(pixels.float() / 255), dim=1)
    found = torch.tensor([[dict(one.classes)[kind] for kind in dataset.classes] for one in done])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


@FITS
def test_files_of_arrays_are_brought_to_size_as_arrays_are(tmp_path, fit):
    name, settings = made(tmp_path, "large")
    run, dataset = run_on(tmp_path / "run", name, {**settings, "data.fit": fit})
    save(torch.from_numpy(np.load(name)["images"])[:, None], tmp_path / "saved")
    pixels, _ = read_files(sorted((tmp_path / "saved").iterdir()), run.facts, run.config.data.fit)
    known = {image.numpy().tobytes() for image in pixels}
    assert {image.numpy().tobytes() for image in dataset.train.images} <= known


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_colours_become_what_the_network_knows(tmp_path, decoded, channels):
    facts = replace(FACTS, decoded=decoded, input_shape=(channels, 8, 8))
    Image.fromarray(np.full((9, 13), 77, dtype=np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((20, 9, 4), (255, 0, 0, 255), dtype=np.uint8)).save(tmp_path / "red.png")
    (grey, red), _ = read_files([tmp_path / "grey.png", tmp_path / "red.png"], facts, "crop")
    assert grey.shape == red.shape == (channels, 8, 8)
    assert set(grey.unique().tolist()) == {77}
    assert red[:, 0, 0].tolist() == ([76] if channels == 1 else [255, 0, 0])


@pytest.fixture
def lemonade(typed, monkeypatch, tmp_path):
    """`lemonade predict run` beside a run on a folder that has gone since."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    run_on(tmp_path / "run", *made(tmp_path, "folder"))
    (tmp_path / "mine/deeper").mkdir(parents=True)
    shutil.copy(next((tmp_path / "photos/cat").iterdir()), "mine/deeper/a.png")
    shutil.copy(next((tmp_path / "photos/dog").iterdir()), "mine/b.png")
    for name in ("mine/.hidden.png", "mine/notes.txt", "broken.png"):
        (tmp_path / name).write_text("no image")
    (tmp_path / "empty").mkdir()
    shutil.rmtree(tmp_path / "photos")
    return partial(typed, "predict", "run")


def test_one_image_is_a_list_of_its_classes(lemonade):
    code, out, err = lemonade("best", "mine/b.png", "--top", "2")
    head, first, second, *rest = out.splitlines()
    assert (code, err) == (0, "")
    assert head.startswith("c0000 of run, weights as the search left them: error 0.250 on 5 validation images (95 %: ")
    assert {first.split()[0], second.split()[0]} <= {"cat", "dog", "yak"}
    assert float(first.split()[1]) >= float(second.split()[1])
    assert rest[0].startswith("Prepared as the run's images were: RGB, brought to 16x16, the centre cut out.")
    assert "Next:  lemonade show run c0000" in out


def test_what_cannot_be_read_is_named_and_the_rest_predicted(lemonade):
    code, out, err = lemonade("c0", "nowhere.png", "mine", "broken.png", "empty")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["image", "mine/b.png", "mine/deeper/a.png"]
    assert err.splitlines() == [
        "error: nowhere.png: there is no such file or folder.",
        "error: broken.png: empty or not an image.",
        "error: empty: holds no images.",
    ]
    assert lemonade("best", "broken.png")[0] == 1
    assert lemonade("best", "nowhere.png")[:2] == (1, "")
    np.savez("set.npz", images=np.zeros((3, 8, 8)))
    said = "error: set.npz: holds arrays, no image: for those there is Member.module() in Python.\n"
    assert lemonade("best", "set.npz")[::2] == (1, said)


HOSTILE = "\x1b]0;owned\x07\x9b31m\r\n\x7f.png"
ESCAPED = r"\x1b]0;owned\x07\x9b31m\x0d\x0a\x7f.png"


def test_a_files_name_gives_a_terminal_no_orders(lemonade, tmp_path):
    (tmp_path / HOSTILE).write_bytes((tmp_path / "mine/b.png").read_bytes())
    (tmp_path / f"broken{HOSTILE}").touch()
    code, out, err = lemonade("best", HOSTILE, "mine/b.png", f"broken{HOSTILE}")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[2:4]] == [ESCAPED, "mine/b.png"]
    assert err == f"error: broken{ESCAPED}: empty or not an image.\n"
    code, out, _ = lemonade("best", HOSTILE, "--json")
    assert json.loads(out)["images"][0]["file"] == HOSTILE
    assert not set(out) & set("\x1b\x9b\x7f")


def test_json_has_all_images_in_order(lemonade):
    code, out, err = lemonade("knee", "broken.png", "mine/b.png", "--json", "--top", "9")
    broken, whole = json.loads(out)["images"]
    assert (code, broken["file"], broken["classes"]) == (1, "broken.png", [])
    assert broken["problem"] in err
    assert sum(one["probability"] for one in whole["classes"]) == pytest.approx(1)
    assert sorted(one["name"] for one in whole["classes"]) == ["cat", "dog", "yak"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["best", "mine", "--top", "0"], "top: expected a whole number of at least 1, got 0."),
        (["best", "mine", "--device", "tpu"], "device 'tpu' is not available here. Available: auto, cpu"),
        (["c7", "mine"], "run has no network 'c7'."),
        (["best", "mine", "--weights", "retrained"], "c0000 has no retrained weights in run. Make them:"),
        (["best", "mine", "--weights", "new"], "unknown kind of weights 'new'. Known: auto, search, retrained."),
    ],
)
def test_wrong_input_is_one_line(lemonade, arguments, message):
    code, _, err = lemonade(*arguments)
    assert code == 1
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_many_images_go_through_in_batches(tmp_path, monkeypatch):
    run, dataset = run_on(tmp_path / "run", *made(tmp_path, "grey"))
    subject = Subject.of(run, run.front[0])
    whole = probabilities(subject, dataset.train.images)
    monkeypatch.setattr("lemonade.predicting.BATCH", 4)
    torch.testing.assert_close(probabilities(subject, dataset.train.images), whole, atol=1e-6, rtol=0)


def test_an_empty_name_is_not_the_folder_that_one_is_in(tmp_path, typed):
    run, _ = run_on(tmp_path / "run", "digits", {})
    with pytest.raises(LemonadeError, match="images: expected files and folders, got an empty name"):
        predict(run, "best", "")
    said = typed("predict", run.folder, "best", "")
    assert said == (1, "", "error: images: expected files and folders, got an empty name.\n")
