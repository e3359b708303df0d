"""Exports of a run: whole or not at all, of the weights that were asked for, loaded as their card says."""

import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import run_folders
import torch
import yaml
from PIL import Image
from run_folders import small_run

import lemonade
from lemonade.cli import main
from lemonade.config import FIT_WORDS, DataSettings
from lemonade.data.files import read_files
from lemonade.errors import LemonadeError
from lemonade.exporting import Model, card, hub, load
from lemonade.exporting.formats import Onnx, PythonFile, Safetensors
from lemonade.exporting.writing import LOCK
from lemonade.files import locked
from lemonade.retraining import Training
from lemonade.retraining.records import retrained_folder
from lemonade.store import RunStore
from lemonade.types import RESTARTED
from morphisms import initial_weights, save_weights


@pytest.fixture
def run(tmp_path):
    small_run(tmp_path / "r")
    return tmp_path / "r"


class TestRetrainedWeights:
    @pytest.fixture
    def trained(self, run):
        """Three long trainings of c0003, of which one from fresh weights is the best on validation images."""
        member = lemonade.Run.load(run).member("c0003")
        folder = retrained_folder(run, "c0003")
        folder.mkdir(parents=True)
        for start, seed, error, test in (
            ("inherited", 1, 0.03, 0.05),
            ("scratch", 1, 0.02, 0.0375),
            ("scratch", 2, 0.04, 0.0575),
        ):
            training = Training(start, seed, 5000, 1.0, "cpu", error, error + 0.01, test)
            training.save(folder)
            save_weights(initial_weights(member.graph, seed), folder / f"{training.name}.safetensors")
        return run

    def test_the_best_on_validation_images_goes_out_with_its_errors(self, trained):
        member = lemonade.Run.load(trained).member("c0003")
        done = lemonade.export(trained, models="c0003", to=["safetensors"])[0]
        left = member.values["error_smoothed"]
        assert done.weights == (
            "retrained on 5,000 images from fresh weights, seed 1 (smoothed validation error 0.0300 retrained, "
            f"{left:.4f} searched)"
        )
        images = torch.rand(2, 1, 8, 8)
        wanted = Model.of(member.graph, initial_weights(member.graph, 1), member.facts, "").module(images)
        assert torch.equal(load(done.folder / "model.safetensors")(images), wanted)
        text = (done.folder / "README.md").read_text()
        head = yaml.safe_load(text.split("---\n")[1])
        told = {one["dataset"]["split"]: one["metrics"][0]["value"] for one in head["model-index"][0]["results"]}
        assert told == {"validation": 0.98, "test": 0.9625}
        assert "opened after these trainings, never to choose | 0.0375 |" in text
        assert "| from fresh weights | 5,000 | 0.0300 ± 0.0141 | 0.0475 ± 0.0141 | 2 |" in text
        assert "| from the search's weights | 5,000 | 0.0300 | 0.0500 | 1 |" in text
        assert "\nMean ± standard deviation. The search" in text
        (retrained_folder(trained, "c0003") / "5000-scratch-2.json").unlink()
        lemonade.export(trained, models="c0003", to=["safetensors"])
        assert "Mean ±" not in (done.folder / "README.md").read_text()

    def test_a_longer_training_that_failed_hides_no_shorter_one(self, trained):
        folder = retrained_folder(trained, "c0003")
        Training("scratch", 1, 50_000, 1.0, "cpu", message="diverged").save(folder)
        assert lemonade.export(trained, models="c0003", to=["safetensors"])[0].weights.startswith("retrained on 5,000")

    @pytest.mark.parametrize(("more", "kept"), [(0.0, "retrained on"), (1e-6, "as the search left them")])
    def test_they_go_out_only_if_no_worse_than_the_searchs(self, trained, more, kept):
        """By what members are ranked by, the smoothed error here; of equals, by the plain error."""
        left = lemonade.Run.load(trained).member("c0003").values
        folder = retrained_folder(trained, "c0003")
        for path in folder.glob("*.json"):
            training = Training(**json.loads(path.read_text()))
            replace(training, error=left["error"] + more, error_smoothed=left["error_smoothed"]).save(folder)
        done = lemonade.export(trained, models="c0003", to=["safetensors"])[0]
        assert done.weights.startswith(kept)
        assert f"(smoothed validation error {left['error_smoothed']:.4f} retrained, " in done.weights
        text = (done.folder / "README.md").read_text()
        assert f"The weights are {done.weights}." in text
        assert ("on test images" in text) == (more == 0)
        asked = lemonade.export(trained, models="c0003", to=["safetensors"], weights="retrained")[0]
        assert asked.weights.startswith("retrained on")

    def test_the_searchs_weights_on_demand(self, trained):
        member = lemonade.Run.load(trained).member("c0003")
        done = lemonade.export(trained, models="c0003", to=["safetensors"], weights="search")[0]
        images = torch.rand(2, 1, 8, 8)
        assert torch.equal(load(done.folder / "model.safetensors")(images), member.module()(images))
        assert "The weights are as the search left them." in (done.folder / "README.md").read_text()

    def test_files_of_other_weights_do_not_stay_beside_the_card(self, trained, capsys):
        lemonade.export(trained, models="c0003", to=["python", "onnx"])
        with pytest.raises(SystemExit):
            main(["export", str(trained), "--models", "c0003", "--to", "onnx", "--weights", "search"])
        said = capsys.readouterr().out
        assert "\n       removed, with other weights: model.safetensors, model.py\n" in said
        folder = trained / "models/c0003"
        assert {path.name for path in folder.glob("model.*")} == {"model.onnx"}
        assert "model.py" not in (folder / "README.md").read_text()
        assert [one["file"] for one in json.loads((folder / "export.json").read_text())["files"]] == ["model.onnx"]

    def test_missing_damaged_and_misspelt(self, trained, capsys):
        with pytest.raises(SystemExit):
            main(["export", str(trained), "--models", "c0000", "--weights", "retrained"])
        said = capsys.readouterr()
        assert said.out == ""
        assert re.fullmatch(r"error: c0000 has no retrained weights in .*--models c0000\n", said.err)
        done = lemonade.export(trained, models="c0000,c0003", to=["safetensors"], weights="retrained")
        assert "c0000 has no retrained weights" in done[0].problem and "lemonade retrain" in done[0].problem
        assert not done[1].problem
        (retrained_folder(trained, "c0003") / "5000-scratch-1.safetensors").write_bytes(b"junk")
        problem = lemonade.export(trained, models="c0003", to=["safetensors"])[0].problem
        assert "5000-scratch-1.safetensors" in problem and "--weights search" in problem
        with pytest.raises(LemonadeError, match="unknown kind of weights 'retraind'. Did you mean 'retrained'"):
            lemonade.export(trained, weights="retraind")


class TestExport:
    def test_exports_the_front_and_records_deviations(self, run):
        done = lemonade.export(run, to=["safetensors", "python"])
        assert [one.id for one in done] == ["c0000", "c0001", "c0003"]
        for one in done:
            record = json.loads((one.folder / "export.json").read_text())
            assert [file["file"] for file in record["files"]] == ["model.safetensors", "model.py"]
            assert all(file["deviation"] < 1e-6 for file in record["files"])
            assert "random images, since 'toy' is not there" in record["files"][0]["checked_on"]

    def test_files_of_the_same_weights_stay_and_stay_listed(self, run, capsys, tmp_path):
        names = ["model.safetensors", "model.onnx", "model.py"]
        lemonade.export(run, models="c0003", to=["onnx"])
        lemonade.export(run, models="c0003", to=["python"])
        (done,) = lemonade.export(run, models="c0003", to=["safetensors"], push_dir=tmp_path / "hub")
        assert [one.file for one in done.files] == ["model.safetensors"]
        assert ([one.file for one in done.kept], done.removed) == (names[1:], ())
        assert [one["file"] for one in json.loads((done.folder / "export.json").read_text())["files"]] == names
        text = (done.folder / "README.md").read_text()
        assert re.findall(r"^\| (model\.\w+)", text, re.MULTILINE) == names
        assert "model.onnx" not in (tmp_path / "hub/README.md").read_text()  # a hub gets what was asked for
        with pytest.raises(SystemExit):
            main(["export", str(run), "--models", "c0003", "--to", "safetensors"])
        said = capsys.readouterr().out
        assert "\n       stays, with the same weights: model.onnx, model.py\n" in said
        assert "models/c0003/README.md" in "".join(said.split())

    def test_an_export_that_writes_nothing_leaves_the_earlier_one_whole(self, run, monkeypatch):
        folder = run / "models/c0003"
        lemonade.export(run, models="c0003", to=["safetensors"], licence="mit")
        record = json.loads((folder / "export.json").read_text())
        (folder / "export.json").write_text(json.dumps({**record, "sha256": "another's"}))
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with monkeypatch.context() as patch:
            patch.setattr(Safetensors, "write", lambda *arguments: (_ for _ in ()).throw(OSError("full")))
            (done,) = lemonade.export(run, models="c0003", to=["safetensors"])
        assert "What was exported before it is whole" in done.problem
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        lemonade.export(run, models="c0003", to=["safetensors"])
        assert "license: mit\n" in (folder / "README.md").read_text()

    def test_a_card_says_whose_weights_each_ancestor_started_from(self, run):
        opened = lemonade.Run.load(run)
        child = opened.evaluations["c0003"]  # of the start network c0001
        assert "Newest first; each was trained from fresh weights.\n" in card._lineage(opened, opened.member("c0003"))
        inherited = replace(child, stages={"inherited": child.stages["trained"], **child.stages})
        opened.evaluations["c0003"] = inherited
        said = "Newest first; each started with the weights of the one below it.\n"
        assert said in card._lineage(opened, opened.member("c0003"))
        opened.evaluations["c0003"] = replace(inherited, payload={RESTARTED: True})
        assert "Newest first; each was trained from fresh weights.\n" in card._lineage(opened, opened.member("c0003"))

    def test_after_a_failure_card_and_record_tell_what_is_there(self, run, monkeypatch):
        """An export of other weights that broke off has written some files: what held the old ones goes."""
        folder = run / "models/c0003"
        lemonade.export(run, models="c0003", to=["python"])
        record = json.loads((folder / "export.json").read_text())
        (folder / "export.json").write_text(json.dumps({**record, "sha256": "another's"}))
        with monkeypatch.context() as patch:
            patch.setattr(PythonFile, "write", lambda *arguments: (_ for _ in ()).throw(OSError("full")))
            (done,) = lemonade.export(run, models="c0003", to=["python"])
        assert "model.partial.py" not in done.problem and "model.py: cannot be written (full)" in done.problem
        assert ([one.file for one in done.files], done.removed) == (["model.safetensors"], ("model.py",))
        assert re.findall(r"^\| (model\.\w+)", (folder / "README.md").read_text(), re.MULTILINE) == [
            "model.safetensors"
        ]
        (again,) = lemonade.export(run, models="c0003", to=["onnx"])
        assert ([one.file for one in again.kept], again.removed) == (["model.safetensors"], ())
        (folder / "export.json").write_text("[]")
        (done,) = lemonade.export(run, models="c0003", to=["safetensors"])
        assert "export.json: cannot be read" in done.problem and "Delete it, and export c0003 again" in done.problem

    def test_python_brings_its_weights_along(self, run):
        done = lemonade.export(run, models="knee", to=["python"])
        assert [file.file for file in done[0].files] == ["model.safetensors", "model.py"]

    def test_a_single_changed_bit_of_weights_is_noticed_and_the_rest_goes_on(self, run, capsys):
        path = run / "weights/c0000.safetensors"
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        done = lemonade.export(run, to=["safetensors"])
        assert [bool(one.problem) for one in done] == [True, False, False]
        assert "weights/c0000.safetensors: the weights are not those that were written" in done[0].problem
        Image.new("L", (8, 8)).save(run / "photo.png")
        for call in (lambda: lemonade.predict(run, "c0000", run), lambda: lemonade.retrain(run, models="c0000")):
            with pytest.raises(LemonadeError, match=r"c0000\.safetensors: the weights are not those"):
                call()

    def test_damaged_and_missing_weights_are_named_and_the_rest_goes_on(self, run, capsys):
        (run / "weights/c0000.safetensors").write_bytes(b"junk")
        (run / "weights/c0001.safetensors").unlink()
        done = lemonade.export(run, to=["safetensors"])
        assert [bool(one.problem) for one in done] == [True, True, False]
        assert "c0000.safetensors" in done[0].problem and "there is no such file" in done[1].problem
        with pytest.raises(SystemExit) as end:
            main(["export", str(run), "--to", "safetensors"])
        said = capsys.readouterr()
        assert end.value.code == 1
        assert re.fullmatch(r"error: c0000: .*c0000\.safetensors.*\nerror: c0001: .*is no such file.*\n", said.err)
        assert "c0000" not in said.out
        assert "c0003  weights as the search left them\n       model.safetensors" in said.out

    def test_a_disk_that_is_full_for_one_network_leaves_the_others_in_json(self, run, monkeypatch, capsys):
        write = Safetensors.write

        def sometimes(self, model, path):
            if path.parent.name == "c0001":
                raise OSError(errno.ENOSPC, "No space left on device")
            write(self, model, path)

        monkeypatch.setattr(Safetensors, "write", sometimes)
        (run / "models").mkdir()
        (run / "models/c0003").write_text("a file where a folder should be")
        with pytest.raises(SystemExit) as end:
            main(["export", str(run), "--to", "safetensors", "--json"])
        said = capsys.readouterr()
        first, *failed = json.loads(said.out)["models"]
        assert (end.value.code, first["id"], first["problem"]) == (1, "c0000", "")
        assert [one["file"] for one in first["files"]] == ["model.safetensors"]
        assert [(one["id"], one["files"]) for one in failed] == [("c0001", []), ("c0003", [])]
        assert "No space left" in failed[0]["problem"] and "models/c0003: cannot be written" in failed[1]["problem"]
        assert re.fullmatch(r"error: c0001: .*No space left.*\nerror: c0003: .*cannot be written.*\n", said.err)

    def test_a_hubs_folder_that_cannot_be_written_leaves_the_export_whole(self, run, tmp_path):
        (tmp_path / "file").touch()
        (done,) = lemonade.export(run, models="c0003", to=["onnx"], push_dir=tmp_path / "file/hub")
        assert [one.file for one in done.files] == ["model.onnx"]
        assert re.search(r"hub: cannot be written \(.*\)\. .*models/c0003 is whole", done.problem)

    def test_a_hubs_folder_gets_all_or_nothing_and_the_command_can_be_repeated(self, run, tmp_path, monkeypatch):
        copy = hub.shutil.copyfile

        def half(source, target):
            if source.parent.name != "c0003":
                return copy(source, target)
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        arguments = {"models": "c0000,c0003,c0001", "to": ["safetensors"], "push_dir": tmp_path / "hub"}
        with monkeypatch.context() as patch:
            patch.setattr(hub.shutil, "copyfile", half)
            done = lemonade.export(run, **arguments)
        line = r"hub: cannot be written \(No space.*\)\. Nothing was left there; .*models/c0003 is whole\."
        assert [bool(re.search(line, one.problem)) for one in done] == [False, True, False]
        assert list((tmp_path / "hub").iterdir()) == []
        (tmp_path / "hub/.lemonade-partial").mkdir()  # of a process that was killed
        assert not any(one.problem for one in lemonade.export(run, **arguments))
        found = sorted(path.relative_to(tmp_path / "hub").as_posix() for path in (tmp_path / "hub").rglob("*.*"))
        assert found == [f"c000{k}/{file}" for k in (0, 1, 3) for file in ("README.md", "model.safetensors")]

    def test_two_exports_at_once(self, run):
        line = rf"models is in use by process {os.getpid()}\. Wait for it"
        with locked(run / "models", "", LOCK), pytest.raises(LemonadeError, match=line):
            lemonade.export(run, models="c0003", to=["safetensors"])
        with locked(run / "models", ""):  # as a long training has it
            assert not lemonade.export(run, models="c0003", to=["safetensors"])[0].problem

    def test_a_hubs_folder(self, run, tmp_path):
        lemonade.export(run, models="c0003", to=["onnx"], push_dir=tmp_path / "hub")
        assert {path.name for path in (tmp_path / "hub").iterdir()} == {"README.md", "model.onnx"}
        lemonade.export(run, models="c0000,c0003", to=["safetensors"], push_dir=tmp_path / "hubs")
        assert {path.name for path in (tmp_path / "hubs").iterdir()} == {"c0000", "c0003"}

    def test_a_folder_that_holds_something_is_not_pushed_into(self, run, tmp_path):
        (tmp_path / "hub").mkdir()
        (tmp_path / "hub/model.py").write_text("another's")
        with pytest.raises(LemonadeError, match="hub: expected a new or an empty folder"):
            lemonade.export(run, models="c0003", to=["onnx"], push_dir=tmp_path / "hub")
        assert not (run / "models").exists()

    @pytest.mark.parametrize("decoded", [True, False])
    @pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
    def test_the_cards_lines_prepare_an_image_file_as_the_runs_were(self, tmp_path, monkeypatch, fit, decoded):
        monkeypatch.setattr(run_folders, "FACTS", replace(run_folders.FACTS, decoded=decoded))
        run = tmp_path / "run"
        small_run(run, run_folders.CONFIG.model_copy(update={"data": DataSettings(fit=fit)}))
        folder = lemonade.export(run, models="c0003", to=["onnx"])[0].folder
        monkeypatch.chdir(folder)
        text = Path("README.md").read_text()
        assert f"brought to size, {FIT_WORDS[fit]}, as the training images were" in text
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert len(blocks) == 2
        loaded = lemonade.Run.load(run)
        noise = np.random.default_rng(0)
        for shape, kind in [((37, 23, 4), "png"), ((301, 502, 3), "jpeg"), ((640, 81, 3), "jpeg"), ((5, 6), "png")]:
            pixels = noise.integers(0, 255, shape, dtype=np.uint8)
            Image.fromarray(pixels).save("photo.jpg", format=kind)
            space = {}
            exec(blocks[1], space)
            wanted, failures = read_files([folder / "photo.jpg"], loaded.facts, fit)
            assert not failures
            assert space["images"].dtype == torch.float32
            assert torch.equal((space["images"] * 255).round().to(torch.uint8), wanted)
        session = onnxruntime.InferenceSession("model.onnx")
        assert (session.get_inputs()[0].name, session.get_inputs()[0].shape) == ("images", ["batch", 1, 8, 8])
        assert session.get_outputs()[0].shape == ["batch", 4]
        assert "the input is called `images`" in text
        assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(loaded.facts.classes)

    def test_the_cards_head_is_what_hubs_read(self, run):
        folder = lemonade.export(run, models="c0003", to=["safetensors"], licence="apache-2.0")[0].folder
        head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
        assert (head["license"], head["pipeline_tag"]) == ("apache-2.0", "image-classification")
        lemonade.export(run, models="c0003", to="python")  # adds a file, and keeps what was said of all
        assert "license: apache-2.0\n" in (folder / "README.md").read_text()
        result = head["model-index"][0]["results"][0]
        assert result["metrics"][0]["value"] == pytest.approx(
            1 - lemonade.Run.load(run).member("c0003").values["error"], abs=1e-5
        )

    def test_unknown_names(self, run):
        with pytest.raises(LemonadeError, match="unknown export format 'onx'. Did you mean 'onnx'"):
            lemonade.export(run, to=["onx"])
        with pytest.raises(LemonadeError, match="has no network 'c0009'. Nearest: c000"):
            lemonade.export(run, models="knee,c0009")

    def test_a_missing_package_is_named_with_what_to_do(self, run, monkeypatch):
        monkeypatch.setattr(Onnx, "needs", ("onnx", "no_such_package"))
        with pytest.raises(
            LemonadeError, match="onnx needs no_such_package.*pip install no_such_package.*others: safe"
        ):
            lemonade.export(run, to=["onnx"])

    def test_a_broken_package_is_named_before_anything_is_written(self, run, monkeypatch, tmp_path):
        (tmp_path / "broken_package.py").write_text("raise ImportError('stub')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(Onnx, "needs", ("onnx", "broken_package"))
        line = (
            r"onnx needs broken_package, which cannot be imported here \(stub\)\. Install with: pip install "
            r"--force-reinstall broken_package\. Or choose among the others: safe"
        )
        with pytest.raises(LemonadeError, match=line):
            lemonade.export(run)
        assert not (run / "models").exists()

    def test_a_front_without_members(self, tmp_path):
        with RunStore.create(tmp_path / "r", run_folders.CONFIG, run_folders.FACTS):
            pass
        with pytest.raises(LemonadeError, match="the front is empty"):
            lemonade.export(tmp_path / "r")


def test_load_names_a_file_that_is_not_ours(tmp_path, run):
    with pytest.raises(LemonadeError, match=r"its header holds no 'graph'; it was not written by lemonade export"):
        load(run / "weights/c0003.safetensors")
    with pytest.raises(LemonadeError, match="nothing.safetensors: cannot be read"):
        load(tmp_path / "nothing.safetensors")
