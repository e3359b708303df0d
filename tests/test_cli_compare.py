"""`lemonade compare` as a person sees it."""

import json
from dataclasses import replace

import pytest
from run_folders import FACTS, run_of_errors
from typer.testing import CliRunner

from lemonade.cli import app, main
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.journal import INTERRUPTED
from lemonade.store import RunStore
from lemonade.trials import compare


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture
def two(tmp_path):
    run_of_errors(tmp_path / "a", "lemonade", 1, (0.4, 0.2))
    run_of_errors(tmp_path / "b", "random", 1, (0.5, 0.3))
    return tmp_path / "a", tmp_path / "b"


def test_run_folders_are_compared_in_a_table_and_in_words(two):
    found = run(*two, "--within", "params<=1000")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].split()[:3] == ["method", "seeds", "hypervolume"]
    assert lines[1].split()[:2] == ["lemonade", "1"]
    assert "params <= 1 k" in found.stdout
    assert "lemonade against random: median hypervolume higher by" in found.stdout
    assert "--out FOLDER writes a page, pictures and tables." in found.stdout


def test_out_is_written_to(two, tmp_path):
    found = run(*two, "--out", tmp_path / "out")
    assert found.exit_code == 0
    assert "Page, pictures and tables are in" in found.stdout
    assert (tmp_path / "out" / "comparison.html").stat().st_size > 10_000


def test_json_is_one_document(two):
    found = run(*two, "--json")
    document = json.loads(found.stdout)
    assert [one["method"] for one in document["methods"]] == ["lemonade", "random"]
    assert document["against_first"][0]["a12"] == 1
    assert document["against_first"][0]["p"] is None
    assert document["basis"] == {"by": "evaluations", "at": None}


def test_a_basis_can_be_chosen(two):
    assert json.loads(run(*two, "--by", "examples", "--json").stdout)["basis"] == {"by": "examples", "at": 200}


def test_methods_are_run_and_compared(tmp_path):
    command = (
        "--methods",
        "lemonade,random",
        "--seeds",
        1,
        "--evaluations",
        5,
        "--child-examples",
        100,
        "--workers",
        1,
    )
    found = run(*command, "--dataset", "digits", "--out", tmp_path)
    assert found.exit_code == 0
    assert "2 runs of 5 evaluations each" in found.stdout
    assert "random, seed 1: 5 children" in found.stdout
    assert (tmp_path / "runs" / "random-1" / "journal.jsonl").exists()
    assert run(*[tmp_path / "runs" / f"{name}-1" for name in ("lemonade", "random")]).exit_code == 0


def test_best_says_which_error_chose(tmp_path, monkeypatch, capsys):
    run_of_errors(tmp_path / "a", errors=(0.5, 0.4))
    text = (tmp_path / "a" / "journal.jsonl").read_text()
    assert '"error_smoothed"' in text
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        if line.get("id") == "c0000":
            line["values"]["error"] = 0.1  # luckier, and still the worse by its smoothed error
    (tmp_path / "a" / "journal.jsonl").write_text("".join([json.dumps(line) + "\n" for line in lines]))
    monkeypatch.setenv("COLUMNS", "200")
    found = CliRunner().invoke(app, ["front", str(tmp_path / "a"), "--best", "params<=5000"])
    assert "Chosen by the smoothed error. c0000 has a lower plain one, error 0.1" in found.stdout
    found = CliRunner().invoke(app, ["front", str(tmp_path / "a"), "--smallest", "error<=0.9"])
    assert "Chosen by" not in found.stdout


BAD = {
    "nothing": ((), "compare expects run folders, or --methods A,B,.. to run some."),
    "no run": (("nowhere",), "nowhere: there is no such run folder."),
    "by": (("a", "--by", "epochs"), "by: expected examples or seconds, got 'epochs'."),
    "settings without methods": (
        ("a", "--time", "5s"),
        "time: settings are for runs to be made; name methods to run.",
    ),
    "method": (("--methods", "lemonade,agin"), "unknown method 'agin'. Did you mean 'aging'?"),
    "space": (("--methods", "local"), "method 'local' does not exist on the space 'network'."),
    "seeds": (("--methods", "random", "--seeds", "0"), "seeds: expected a whole number from 1 to 10,000, got 0"),
    "size": (("a", "--within", "params>5"), "expects NAME<=NUMBER, got 'params>5'"),
    "data": (("a", "c"), "can't be compared: they differ in split (5eed against other)."),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, tmp_path, monkeypatch, capsys):
    arguments, message = BAD[case]
    monkeypatch.chdir(tmp_path)
    run_of_errors(tmp_path / "a")
    run_of_errors(tmp_path / "c", "random", facts=replace(FACTS, split_hash="other"))
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    assert left.value.code == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert not list((tmp_path / "runs").glob("*/runs/*")) if (tmp_path / "runs").exists() else True


def test_output_that_cannot_be_written_is_a_failure(tmp_path, monkeypatch, capsys):
    run_of_errors(tmp_path / "a")
    monkeypatch.setattr("lemonade.reporting.screen.LOST", lost := [])
    monkeypatch.setattr("lemonade.cli.LOST", lost)
    monkeypatch.setattr("rich.console.Console._write_buffer", _full)
    with pytest.raises(SystemExit) as left:
        main(["front", str(tmp_path / "a")])
    assert left.value.code == 1
    assert "error: the output could not be written whole: No space left on device." in capsys.readouterr().err


def _full(console):
    raise OSError(28, "No space left on device")


def test_a_run_stopped_before_its_first_network_is_left_out(tmp_path, two, monkeypatch):
    def stopped(config, folder, stop):
        stop.requests = 1
        with RunStore.create(folder, config, FACTS) as store:
            store.end(INTERRUPTED)
        return Run.load(folder)

    monkeypatch.setattr("lemonade.trials.run_search", stopped)
    found = compare(two, methods="random", out=tmp_path / "out", evaluations=2)
    assert [group.name for group in found.groups] == ["lemonade", "random"]
    with pytest.raises(LemonadeError, match="no run came so far that there is anything to compare. Go on with the sam"):
        compare(methods="random", out=tmp_path / "other", evaluations=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds=3", "--set seeds: that is no setting of a run. Give it as --seeds."),
        ("seed=7", "seed: each run has one of its own. Give methods and how many seeds in its place."),
        ("method=aging", "method: each run has one of its own. Give methods and how many seeds in its place."),
        ("dataset=5", "dataset: expected text, got 5."),
    ],
)
def test_what_each_run_has_of_its_own_is_no_setting_for_all(typed, tmp_path, text, said):
    code, _, err = typed("compare", "--methods", "random", "--set", text, "--out", tmp_path / "out")
    assert code == 1
    assert err.startswith(f"error: {said}")
