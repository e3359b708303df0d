"""What README shows is run: its commands in order, its Python, and its plug-in; only the budgets are made shorter."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tables import architectures, write_table

from lemonade.cli import main
from lemonade.objectives import OBJECTIVES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
NEEDS_DOWNLOAD = ("cifar10", "fashion_mnist")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands():
    lines = [line for block in blocks("console") for line in block.splitlines()]
    starts = ("$ lemonade", "$ python")
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line.startswith(starts)]


def shortened(text):
    """The same with budgets of seconds and few seeds; a resumed one has to stay larger than the first."""
    return (
        re.sub(r"(time[ =]\"?)(\d+)(s|m)", lambda m: f"{m[1]}{6 if m[2] == '90' else 3}s", text)
        .replace("--seeds 30", "--seeds 2")
        .replace("--seeds 3 ", "--seeds 1 ")
    )


def run(words):
    """Exit code of a command."""
    try:
        main(words)
    except SystemExit as end:
        return end.code or 0
    return 0


def make_images(folder):
    rng = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (folder / label).mkdir(parents=True)
        for number in range(20):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(folder / label / f"{number}.png")


def test_commands_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_images(tmp_path / "path/to/images")
    write_table(tmp_path / "TABLE.csv", architectures(2))
    ran = 0
    for command in commands():
        program, *words = shlex.split(shortened(command))
        if program == "python":
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
            assert re.fullmatch(r"\[\d( \d){7}\]\n", done.stdout), done.stderr
            continue
        if any(name in words for name in NEEDS_DOWNLOAD):
            continue
        quick = ["--set", "training.child_examples=500"] if {"search", "--methods"} & {*words} else []
        quick = ["--epochs", "1"] if "retrain" in words and "--epochs" not in words else quick
        assert run([*words, *quick]) == 0, command
        ran += 1
    assert ran >= 9


@pytest.mark.parametrize("command", [one for one in commands() if any(name in one for name in NEEDS_DOWNLOAD)])
def test_commands_that_download_have_options_that_exist(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEMONADE_DATA", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", _no_network)
    assert run(shlex.split(command)[1:]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


def _no_network(*args, **kwargs):
    raise OSError("no network in tests")


def test_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes = [code for code in blocks("python") if "mine.py" not in code]
    assert len(codes) == 2
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("photo.jpg")
    for code in codes:
        space = {}
        short = code.replace('time="20s"', "evaluations=8, child_examples=500").replace('time="25s"', "evaluations=9")
        exec(short.replace("epochs=5", "epochs=.1"), space)
    assert space["wider"].record.summary == "widen conv3 16 to 24"


def test_the_plug_in_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = [code for code in blocks("python") if "mine.py" in code]
    Path("mine.py").write_text(code)
    command = re.search(r"# mine.py: lemonade (.*)", code)[1]
    words = [*shlex.split(command), "--evaluations", "5", "--child-examples", "500", "--out", "r"]
    try:
        assert run(words) == 0
        assert "conv_layers" in Path("r/front.csv").read_text()
    finally:
        OBJECTIVES.pop("conv_layers", None)


def test_make_targets_exist():
    targets = re.findall(r"\$ make (\w+)", README)
    assert set(targets) == {"demo", "test"}
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_file_and_folder_named_exists():
    for name in re.findall(r"`((?:lemonade|morphisms|runs)/[\w/.]*)`", README):
        assert (ROOT / name).exists() or name == "runs/demo", name
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).exists(), picture
