"""Every format of an export says what the network says; the Python file reads as ruff would have it."""

import errno
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import run_folders
import torch
from graphs import graphs, random_weights
from hypothesis import given, settings
from run_folders import small_run

import lemonade
from lemonade.exporting import FORMATS, Model
from lemonade.exporting.formats import PythonFile, Safetensors
from lemonade.exporting.source import _commented
from morphisms import build_module, initial_weights
from morphisms.naming import names_by_role, renamed

FACTS = replace(run_folders.FACTS, classes=("a cat", 'a "dog"', "it's"), mean=(0.25,) * 3, std=(0.5,) * 3)


def ruff(*arguments):
    return subprocess.run([sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True)


@pytest.fixture
def run(tmp_path):
    small_run(tmp_path / "r")
    return tmp_path / "r"


class TestNames:
    @given(graphs())
    def test_renaming_changes_names_alone(self, graph):
        names = names_by_role(graph)
        assert len(set(names.values())) == len(graph)
        again = renamed(graph, names)
        weights = initial_weights(graph, 3)
        moved = Model.of(graph, weights, FACTS, "").weights
        images = torch.rand(2, *graph.input_shape)
        assert torch.equal(build_module(again, moved).eval()(images), build_module(graph, weights).eval()(images))


class TestPythonFile:
    @settings(max_examples=25)
    @given(graphs())
    def test_computes_what_the_network_computes(self, tmp_path_factory, graph):
        folder = tmp_path_factory.mktemp("python")
        channels = graph.input_shape[0]
        facts = replace(FACTS, mean=(0.25,) * channels, std=(0.5,) * channels)
        model = Model.of(graph, random_weights(graph, 5), facts, "About it.")
        Safetensors().write(model, folder / "model.safetensors")
        PythonFile().write(model, folder / "model.py")
        images = torch.rand(3, *graph.input_shape)
        found = PythonFile().logits(folder / "model.py", images)
        assert torch.allclose(found, model.module(images), rtol=1e-5, atol=1e-6)
        assert ruff("format", "--isolated", "--check", str(folder)).returncode == 0, (folder / "model.py").read_text()
        assert ruff("check", "--isolated", "--select", "E,F,I,W", str(folder)).returncode == 0

    def test_a_statement_too_long_for_a_line_is_laid_out_as_ruff_does(self):
        inner = "torch.flatten(F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False), 1)"
        assert _commented("return", f"self.head({inner})", (4,)).splitlines() == [
            "        # 4",
            "        return self.head(",
            "            torch.flatten(",
            "                F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False), 1",
            "            )",
            "        )",
        ]

    def test_strange_class_names_and_many_of_them(self, tmp_path, run):
        member = lemonade.Run.load(run).front[0]
        names = ['a "dog"', "it's", "both \"of' them", "new\nline", "back\\slash", *(f"class {k}" for k in range(30))]
        facts = replace(lemonade.Run.load(run).facts, classes=tuple(names))
        model = Model.of(member.graph, member.weights(), facts, 'Says """this""" and \\that"')
        PythonFile().write(model, tmp_path / "model.py")
        code = {"__file__": str(tmp_path / "model.py"), "__name__": "m"}
        exec((tmp_path / "model.py").read_text(), code)
        assert code["CLASSES"] == tuple(names)
        assert ruff("format", "--isolated", "--check", str(tmp_path)).returncode == 0

    def test_needs_torch_alone_and_refuses_another_networks_weights(self, tmp_path, run):
        members = lemonade.Run.load(run).front
        small, large = (Model.of(one.graph, one.weights(), one.facts, "") for one in (members[0], members[1]))
        PythonFile().write(small, tmp_path / "model.py")
        text = (tmp_path / "model.py").read_text()
        imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
        assert imported == {"json", "pathlib", "torch"}
        Safetensors().write(large, tmp_path / "model.safetensors")
        with pytest.raises(RuntimeError, match="size mismatch"):
            PythonFile().logits(tmp_path / "model.py", torch.rand(1, 1, 8, 8))


@pytest.mark.parametrize("name", FORMATS)
class TestEveryFormat:
    def test_says_what_the_network_says_for_any_number_of_images(self, tmp_path, run, name):
        member = lemonade.Run.load(run).front[0]
        model = Model.of(member.graph, member.weights(), member.facts, "About it.")
        for other in (*FORMATS[name].beside, name):
            FORMATS[other].write(model, tmp_path / FORMATS[other].file)
        for count in (1, 2, 5):
            images = torch.rand(count, 1, 8, 8)
            found = FORMATS[name].logits(tmp_path / FORMATS[name].file, images)
            assert torch.allclose(found, member.module()(images), rtol=1e-4, atol=1e-5)

    def test_the_cards_lines_load_it(self, run, name):
        exported = lemonade.export(run, models="c0003", to=[name])[0]
        text = (exported.folder / "README.md").read_text()
        found = re.findall(r"\n`([\w.]+)`, with .*:\n\n```python\n([^`]*)```", text)
        assert [file for file, _ in found] == [one.file for one in exported.files]
        lines = dict(found)[FORMATS[name].file]
        assert len(lines.splitlines()) <= 5
        shown = subprocess.run(
            [sys.executable, "-c", f"{lines}\nprint(tuple(logits.shape))"],
            cwd=exported.folder, capture_output=True, text=True,
        )  # fmt: skip
        assert shown.stdout == "(1, 4)\n", shown.stderr

    def test_a_full_disk_leaves_no_half_file(self, run, name, monkeypatch):
        def fail(self, model, path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(type(FORMATS[name]), "write", fail)
        (done,) = lemonade.export(run, models="c0003", to=[name])
        assert [one.format for one in done.files] == list(FORMATS[name].beside)
        assert re.search("cannot be written .*No space left", done.problem)
        told = {"README.md", "export.json"} if done.files else set()
        left = {path.name for path in (run / "models/c0003").iterdir()}
        assert left == {*(FORMATS[other].file for other in FORMATS[name].beside), *told}

    def test_a_disk_that_takes_no_more_gives_one_line_and_no_half_file(self, run, name):
        code = f"""
import resource
from lemonade.cli import main
from lemonade.config import FIT_WORDS, DataSettings
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
main(["export", {str(run)!r}, "--models", "c0003", "--to", {name!r}])
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 1
        line = r"error: .*models/c0003/[\w.]+: cannot be written \(.*File too large.* exported before it is whole\.\n"
        assert re.fullmatch(line, done.stderr)
        left = {path.name for path in (run / "models/c0003").iterdir()}
        assert left <= {"export.json", *(FORMATS[other].file for other in (*FORMATS[name].beside, name))}

    def test_no_other_than_pt2_holds_a_pickle_and_its_card_says_so(self, run, name):
        lemonade.export(run, models="c0003", to=[name])
        data = (run / "models/c0003" / FORMATS[name].file).read_bytes()
        # torch's own archive holds a pickled sample input
        is_pickle = b"\x80\x02}" in data or data.startswith(b"PK")
        card = (run / "models/c0003/README.md").read_text()
        assert is_pickle == ("a pickled sample input" in card) == (name == "pt2")
