"""`search` and `resume` from the command line; training is a formula, the rest is real."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from synthetic import write_run

from lemonade.cli import running
from lemonade.evaluate.fake import FakeEvaluator
from lemonade.history import Run
from lemonade.run import resume_search, run_search
from lemonade.searching import resume
from lemonade.settings import make_config

FEW = ("--evaluations", "12", "--workers", "1", "--set", "search.children=4", "--set", "search.proposals=20")


@pytest.fixture
def lemonade(typed, monkeypatch, tmp_path):
    """`typed` in an empty folder."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "run_search", partial(run_search, evaluator=FakeEvaluator()))
    monkeypatch.setattr(running, "resume_search", partial(resume_search, evaluator=FakeEvaluator()))
    return typed


class TestSearch:
    def test_it_says_what_it_does_and_leaves_a_run(self, lemonade, tmp_path):
        code, out, err = lemonade("search", *FEW)
        assert (code, err) == (0, "")
        head = out.splitlines()
        assert head[0].startswith("lemonade 0.")
        assert head[0].endswith("· digits · method lemonade · seed 1 · runs/digits-lemonade-1")
        assert head[1] == "Objectives: error, params, flops · budget 12 evaluations"
        assert head[2].startswith("loading torch")
        assert head[3].startswith("digits: 1,797 images 8x8x1, 10 classes · 1,150 train, 287 validation, 360 test")
        assert sum(line.startswith("generation ") for line in head) == 6  # the last one is cut off
        assert "Front of runs/digits-lemonade-1" in out
        assert "Written in runs/digits-lemonade-1: front.png, front.csv" in out
        assert "Next:  lemonade show runs/digits-lemonade-1 c" in out
        assert "lemonade report runs/digits-lemonade-1" in out
        assert "lemonade resume runs/digits-lemonade-1 --evaluations 24" in out
        folder = tmp_path / "runs/digits-lemonade-1"
        assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
        assert Run.load(folder).finished

    def test_it_says_its_limits(self, lemonade):
        _, out, _ = lemonade("search", *FEW, "--limit", "params<=20000")
        assert out.splitlines()[1] == "Objectives: error, params, flops · params <= 20,000 · budget 12 evaluations"

    def test_it_says_that_there_was_no_time_for_children(self, lemonade):
        used_up = "The first networks used up the budget: give a larger one for children of theirs."
        _, out, _ = lemonade("search", *FEW, "--evaluations", "2", "--set", "search.cut_rounds=[]")
        assert used_up in out
        _, out, _ = lemonade("status", "runs/digits-lemonade-1")
        assert used_up in out and "lemonade resume runs/digits-lemonade-1 --evaluations 4" in out
        for evaluations in (5, 9):  # five start networks, then children
            _, out, _ = lemonade("resume", "runs/digits-lemonade-1", "--evaluations", str(evaluations))
            assert (used_up in out) == (evaluations == 5)

    def test_the_next_run_gets_the_next_number(self, lemonade):
        lemonade("search", *FEW, "--quiet")
        _, out, _ = lemonade("search", *FEW)
        assert "runs/digits-lemonade-2" in out.splitlines()[0]

    def test_quiet_prints_nothing(self, lemonade):
        assert lemonade("search", *FEW, "--quiet") == (0, "", "")

    def test_options_reach_the_config(self, lemonade, tmp_path):
        (tmp_path / "my.yaml").write_text("seed: 5\nsearch:\n  children: 3\nlimits:\n  flops: 1.0e6\n")
        options = "--objectives error,params,flops --limit params<=90k --seed 7 --no-inherit --child-examples 10k"
        code, _, err = lemonade("search", "my.yaml", *FEW[:2], *options.split(), "--out", "r", "--quiet")
        assert (code, err) == (0, "")
        config = Run.load(tmp_path / "r").config
        assert (config.seed, config.search.children, config.search.inherit) == (7, 3, False)
        assert config.limits == {"flops": 1e6, "params": 9e4}
        assert config.training.child_examples == 10_000

    def test_null_undoes_a_setting_of_the_file(self, lemonade, tmp_path):
        (tmp_path / "my.yaml").write_text("budget:\n  evaluations: 12\n  time: 5\n")
        lemonade("search", "my.yaml", *FEW[2:], "--set", "budget.time=null", "--out", "r", "--quiet")
        assert Run.load(tmp_path / "r").config.budget.time is None

    def test_a_box_is_set_for_an_objective_whose_name_has_points(self):
        assert make_config(None, {"boxes.error@a.npz": [0, 0.5]}).boxes == {"error@a.npz": (0, 0.5)}

    def test_a_dry_run_trains_and_writes_nothing(self, lemonade, tmp_path):
        code, out, err = lemonade("search", *FEW, "--dry-run")
        assert (code, err) == (0, "")
        assert "12 evaluations" in out
        assert out.splitlines()[-1] == "The run would be written to runs/digits-lemonade-1. Nothing was trained."
        assert not list(tmp_path.iterdir())

    def test_a_dry_run_tells_which_start_networks_the_limits_leave_out(self, lemonade):
        _, out, _ = lemonade("search", *FEW, "--dry-run", "--limit", "params<=20000")
        told = [line.partition("; ")[0] for line in out.splitlines() if "blocks" in line]
        assert told == [
            *[f"start network: chain of 3 blocks, {width} wide" for width in (2, 12)],
            *[f"cut out of the next wider one: chain of 3 blocks, {width} wide" for width in (4, 8)],
            *[f"beyond the limits or the box: chain of 3 blocks, {width} wide" for width in (16, 32)],
        ]
        between = "at most 4 networks; params 326 to 9,640, flops 3,148 to 66,160"
        assert f"then cut out, halfway between those: {between}" in out
        _, out, _ = lemonade("search", *FEW, "--dry-run", "--limit", "params<=20000", "--method", "random")
        assert "beyond" not in out
        _, out, _ = lemonade("search", *FEW, "--dry-run", "--limit", "params<=20000", "--set", "space.widths=[64]")
        assert "beyond the limits or the box: chain of 3 blocks, 64 wide; params 372,682" in out

    def test_a_dry_run_tells_what_the_run_would_do_and_refuses_what_it_would(self, lemonade):
        _, out, _ = lemonade("search", "--dry-run", "--method", "random", "--child-examples", "500")
        assert "an initial network sees 500 training images, a child 500" in out
        assert "budget: 10 min (none was given)" in out
        code, _, err = lemonade("search", "--dry-run", "--examples", "999")
        assert code == 1
        assert err.splitlines()[-1].startswith("error: budget.examples: a start network sees 1,000 training images")

    def test_a_picture_that_cannot_be_written_fails_no_search(self, lemonade, monkeypatch):
        def fail(run, path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("lemonade.reporting.picture.save_picture", fail)
        code, out, err = lemonade("search", *FEW)
        assert code == 0
        assert "warning: the front was not drawn: [Errno 28] No space left on device" in err
        assert "Written in runs/digits-lemonade-1: front.csv" in out


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("--dataset digitz", "unknown dataset 'digitz'. Did you mean 'digits'? Known: digits, cifar10,"),
            ("--examples 3X", "budget.examples: expected a whole number, got '3X'."),
            ("--method lemonaid", "unknown method 'lemonaid'. Did you mean 'lemonade'?"),
            ("--space netwerk", "unknown space 'netwerk'."),
            ("--objectives error,parms", "unknown objective 'parms'. Did you mean 'params'?"),
            ("--set search.operators=[widden]", "unknown operator 'widden'. Did you mean 'widen'?"),
            ("--set serach.children=3", "'serach.children' is not a setting. Did you mean 'search.children'?"),
            ("--set search.children", "--set expects key=value, got 'search.children'."),
            ("--set search.children=", "search.children: expected a whole number, got None."),
            ("--set search.children=2024-13-45", "--set search.children: '2024-13-45' is not a YAML value."),
            (f"--set seed={'1' * 5000}", f"--set seed: '{'1' * 40}' is not a YAML value."),
            ("--set limits.params=true", "limits: expected a number, got {'params': True}."),
            ("--set space.widths=[true,4]", "space.widths: expected a whole number, got [True, 4]."),
            ("--limit error@./x<=0.5", "unknown objective in a limit 'error@./x'. Did you mean 'error'?"),
            ("--workers 2000", "workers: expected a whole number of at most 1024, got 2000."),
            ("--out r\udce9", "'r\\udce9': the name is not UTF-8. Choose another --out."),
            ("--dry-run --out r --dataset r\udce9", "'r\\udce9': the name of the data set is not UTF-8. Rename it."),
            ("--limit params=10", "--limit expects NAME<=NUMBER, got 'params=10'."),
            ("--limit params<=1e5 --limit params<=2e-1", "--limit: 'params' is limited twice. Give one limit for each"),
            ("--limit params<10", "--limit expects NAME<=NUMBER, got 'params<10'."),
            ("--evaluations 0", "budget.evaluations: expected a whole number greater than 0, got 0."),
            ("--examples -3", "budget.examples: expected a whole number greater than 0, got -3."),
            ("--time -5s", "budget.time: expected a number greater than 0, got '-5s'."),
            ("--time soon", "budget.time: expected a duration such as 90s, 10m or 1.5h, got 'soon'."),
            ("--seed x", "seed: expected a whole number, got 'x'."),
            ("--set search.children=true", "search.children: expected a whole number, got True."),
            ("--set training.peak_rate=false", "training.peak_rate: expected a number, got False."),
            ("--workers 0", "workers: expected a whole number of at least 1, got 0."),
            ("missing.yaml", "missing.yaml: the config cannot be read (No such file or directory)."),
            (
                "digits",
                "digits: the config cannot be read (No such file or directory). For images write --dataset digits.",
            ),
            ("typo.yaml", "typo.yaml line 2: 'serach' is not a setting. Did you mean 'search'?"),
            ("deep.yaml", "deep.yaml line 2: 'serach.children' is not a setting. Did you mean 'search.children'?"),
            ("zero.yaml", "zero.yaml line 2: budget.evaluations: expected a whole number greater than 0, got 0."),
            ("zero.yaml --evaluations -1", "budget.evaluations: expected a whole number greater than 0, got -1."),
            ("broken.yaml", "broken.yaml line 2: not valid YAML"),
            ("circle.yaml", "circle.yaml line 3: 'search.children.a.c' refers to what it lies in."),
            ("--out full", "full exists and holds other files"),
            ("--out file", "file exists and is a file."),
        ],
    )
    def test_wrong_input_is_one_line(self, lemonade, tmp_path, arguments, message):
        (tmp_path / "typo.yaml").write_text("dataset: digits\nserach: 1\n")
        (tmp_path / "deep.yaml").write_text("dataset: digits\nserach:\n  children: 3\n")
        (tmp_path / "zero.yaml").write_text("budget:\n  evaluations: 0\n")
        (tmp_path / "broken.yaml").write_text("dataset: [digits\n")
        (tmp_path / "circle.yaml").write_text("search: &x\n  children: &y\n    a: {c: *y}\n")
        (tmp_path / "full").mkdir()
        (tmp_path / "full/mine.txt").touch()
        (tmp_path / "file").touch()
        code, _, err = lemonade("search", *arguments.split())
        assert code == 1
        assert err.startswith(f"error: {message}")
        assert err.count("\n") == 1
        assert not (tmp_path / "runs").exists()

    def test_a_folder_with_a_run_is_left_alone(self, lemonade, tmp_path):
        before = (write_run(tmp_path / "run", count=1) / "journal.jsonl").read_bytes()
        code, out, err = lemonade("search", *FEW, "--out", "run")
        assert (code, out) == (1, "")
        assert err == "error: run exists and holds a run. Go on with: lemonade resume run. Or choose another --out.\n"
        assert (tmp_path / "run/journal.jsonl").read_bytes() == before

    def test_a_path_out_of_a_run_lies_outside(self, lemonade, tmp_path, monkeypatch):
        monkeypatch.chdir(write_run(tmp_path / "run", count=1))
        assert lemonade("search", *FEW, "--out", "../next", "--quiet") == (0, "", "")
        assert lemonade("search", *FEW, "--out", "next", "--quiet")[0] == 1


class TestResume:
    def test_what_was_changed_by_hand_is_named(self, lemonade, tmp_path):
        lemonade("search", *FEW, "--out", "r", "--quiet")
        file = tmp_path / "r" / "config.yaml"
        file.write_text(file.read_text().replace("seed: 1\n", "seed: 2\n"))
        code, _, err = lemonade("resume", "r", "--evaluations", "14", "--quiet")
        assert code == 0
        assert err.startswith("warning: r/config.yaml: seed changed by hand; a run goes on with what it began with.")
        with pytest.warns(UserWarning, match="seed changed by hand") as told:
            file.write_text(file.read_text().replace("seed: 1\n", "seed: 2\n"))
            resume(tmp_path / "r")
        assert told[0].filename == __file__

    def test_a_finished_run_says_so(self, lemonade):
        lemonade("search", *FEW, "--out", "r")
        code, out, err = lemonade("resume", "r")
        assert (code, err) == (0, "")
        assert out.startswith("r is finished: its budget is used up (12 evaluations,")
        assert "lemonade resume r --evaluations 24" in out

    def test_a_larger_total_goes_on(self, lemonade, tmp_path):
        lemonade("search", *FEW, "--out", "r")
        code, out, err = lemonade("resume", "r", "--evaluations", "20")
        assert (code, err) == (0, "")
        assert "Budget in all: 20 evaluations" in out
        assert Run.load(tmp_path / "r").spent.evaluations == 20

    @pytest.mark.parametrize(
        ("budget", "message"),
        [
            ("--evaluations 12", "evaluations 12: the run has used 12 already; give a larger total."),
            ("--examples 10", "examples 10: the run has used"),
            ("--evaluations 0", "budget.evaluations: expected a whole number greater than 0, got 0."),
        ],
    )
    def test_a_total_that_is_used_up_is_refused(self, lemonade, budget, message):
        lemonade("search", *FEW, "--out", "r")
        code, _, err = lemonade("resume", "r", *budget.split())
        assert code == 1
        assert err.startswith(f"error: {message}")

    def test_a_folder_that_is_no_run(self, lemonade, tmp_path):
        assert lemonade("resume", tmp_path)[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_finishes_saves_and_ends_with_3(tmp_path):
    command = [sys.executable, "-m", "lemonade", "search", "--time", "60s", "--child-examples", "1000", "--out", "r"]
    command += ["--set", "training.initial_factor=1", "--workers", "1"]
    began = time.monotonic()
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("lemonade 0.")
        first_output = time.monotonic() - began
        for line in process.stdout:
            if line.startswith("generation 0"):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    assert first_output < 5  # 0.5 s on an idle machine: torch alone takes longer
    assert (process.returncode, err) == (3, "")
    assert out.rstrip().splitlines()[-1] == "Next:  lemonade resume r  go on from here"
    run = Run.load(tmp_path / "r")
    assert not run.finished
    assert all(one.status.value == "ok" for one in run.evaluations.values())


def test_config_of_a_run_is_a_config_for_the_next(lemonade, tmp_path):
    lemonade("search", *FEW, "--seed", "3", "--out", "a", "--quiet")
    assert lemonade("search", "a/config.yaml", "--out", "b", "--quiet")[0] == 0
    runs = [json.dumps(Run.load(tmp_path / name).front.to_json()) for name in "ab"]
    assert runs[0] == runs[1]
