"""What all verbs share: how they fail, how they explain themselves, and what they do not wait for."""

import os
import subprocess
import sys

import pytest
from synthetic import write_run

from lemonade.history import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("cli") / "run")


@pytest.fixture
def lemonade(typed, monkeypatch, folder):
    """`typed` in the folder beside the run."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(folder.parent)
    return typed


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["front", "nowhere"], "nowhere: there is no such run folder."),
            (["status", "."], ". is not a run folder: it holds no journal.jsonl."),
            (["show", "run", "c9999"], "run has no network 'c9999'."),
            (["show", "run", "c00"], "'c00' is the beginning of c0000, c0001"),
            (
                ["front", "run", "--where", "parms<3"],
                "--where: 'parms' is not an objective of this run. Did you mean 'params'?",
            ),
            (
                ["front", "run", "--where", "params<1"],
                "--where 'params<1': no member fulfils it. The front has params from",
            ),
            (["front", "run", "--best", "error<0"], "--best 'error<0': no member fulfils it. The front has error from"),
            (
                ["front", "run", "--weights", "parms=1"],
                "--weights: 'parms' is not an objective of this run. Did you mean",
            ),
            (["front", "run", "--weights", "error=1", "--knee"], "--knee and --weights each pick from the front."),
            (["front", "run", "--where", "params<300", "--tradeoff"], "--tradeoff: none of 1 member stands out"),
            (["front", "run", "--csv", "no/such/folder.csv"], "no/such/folder.csv: cannot be written"),
            (["front", "run", "--csv", ""], "--csv .: that is a folder. Give a file, such as front.csv"),
            (["front", "run", "--csv", "run/journal.jsonl"], "run/journal.jsonl is a part of the run"),
            (["front", "run", "--csv", "run/weights/a.csv"], "run/weights/a.csv is a part of the run"),
            (["report", "run", "--out", "run/config.yaml"], "run/config.yaml is a part of the run"),
        ],
    )
    def test_one_line_and_exit_code_1(self, lemonade, arguments, message):
        code, out, err = lemonade(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: {message}")
        assert err.count("\n") == 1

    @pytest.mark.parametrize("arguments", [["serch"], ["front"], ["front", "run", "--nothing"], ["show", "run"]])
    def test_what_the_parser_rejects_is_exit_code_2(self, lemonade, arguments):
        code, out, err = lemonade(*arguments)
        assert (code, out) == (2, "")
        assert "lemonade" in err

    def test_a_damaged_journal_names_its_line(self, lemonade, tmp_path):
        other = write_run(tmp_path / "other", count=1)
        path = other / "journal.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"type":"candidates"', b'"type":candidates', 1))
        code, _, err = lemonade("front", other)
        assert code == 1
        assert "line 2: damaged" in err

    def test_the_unexpected_is_one_line_with_the_way_to_its_traceback(self, lemonade, monkeypatch):
        def fail(folder):
            raise ZeroDivisionError("no\nluck")

        monkeypatch.setattr(Run, "load", fail)
        code, _, err = lemonade("front", "run")
        assert code == 1
        assert err == ("error: ZeroDivisionError: no luck (unexpected; LEMONADE_DEBUG=1 shows the traceback)\n")
        monkeypatch.setenv("LEMONADE_DEBUG", "0")
        assert "Traceback" not in lemonade("front", "run")[2]
        monkeypatch.setenv("LEMONADE_DEBUG", "1")
        assert "Traceback" in lemonade("front", "run")[2]


VERBS = (
    "search",
    "resume",
    "status",
    "front",
    "show",
    "lineage",
    "report",
    "serve",
    "retrain",
    "export",
    "predict",
    "doctor",
)


class TestHelp:
    def test_the_verbs_are_listed(self, lemonade):
        _, out, _ = lemonade("--help")
        for verb in VERBS:
            assert f" {verb} " in out

    @pytest.mark.parametrize("verb", VERBS)
    def test_each_explains_itself_in_the_words_of_the_project(self, lemonade, verb):
        code, out, _ = lemonade(verb, "--help")
        assert code == 0
        assert f"Usage: lemonade {verb}" in out
        for word in ("FLOPs", "architecture", "individual", "offspring", "None", "TEXT"):
            assert word not in out
        assert "epoch" not in out or verb == "retrain"  # elsewhere lengths are told in images

    def test_version(self, lemonade):
        assert lemonade("--version")[1].startswith("lemonade 0.")


def test_reading_a_run_does_not_wait_for_torch(folder):
    code = (
        "import sys\n"
        "from lemonade.cli import main\n"
        "for words in (['status'], ['status', '--watch'], ['front'], ['lineage', 'c0005'], ['show', 'c0005']):\n"
        "    try: main([words[0], sys.argv[1], *words[1:]])\n"
        "    except SystemExit as end: assert not end.code, words\n"
        "assert not {'torch', 'matplotlib', 'scipy'} & sys.modules.keys(), 'slow imports'\n"
    )
    # an encoding without a single box character: they are spelled, not fatal
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    made = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, env=environ, timeout=60)
    assert (made.returncode, made.stderr) == (0, b"")
    assert b"* knee" in made.stdout


def test_a_reader_that_goes_away_is_no_error(folder):
    for option in ("", "--json"):
        command = f"set -o pipefail; '{sys.executable}' -m lemonade front '{folder}' {option} | true"
        made = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert (made.returncode, made.stderr) == (0, "")
