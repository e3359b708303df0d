from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_folders import CONFIG, FACTS, Report, candidate, evaluation, generation, small_run, trained

from lemonade.config import BudgetSettings
from lemonade.environment import environment
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.journal import Journal, read_journal
from lemonade.runfolder import has_begun
from lemonade.settings import make_config
from lemonade.store import RunStore
from lemonade.types import Spent, Status
from morphisms import load_weights

HOLD = """
import sys, time
from pathlib import Path
from lemonade.runfolder import has_begun
from lemonade.store import RunStore
store = RunStore.open(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def weights(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "weights").iterdir())


# What is written -----------------------------------------------------------------------------------------------------


def test_layout_and_order_of_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "toy"
    small_run(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "config.yaml",
        "environment.json",
        "front.csv",
        "graphs",
        "journal.jsonl",
        "weights",
    ]
    written = lines(folder)
    assert [line["type"] for line in written] == [
        "run",
        *["candidates", "evaluation", "evaluation", "generation"] * 2,
        "end",
    ]
    assert all(list(line)[:4] == ["v", "t", "s", "type"] and line["v"] == 1 for line in written)
    assert [line["s"] for line in written] == sorted(line["s"] for line in written)
    assert make_config(folder / "config.yaml") == CONFIG
    assert json.loads((folder / "environment.json").read_text()) == written[0]["environment"]
    assert (folder / "front.csv").read_text().splitlines()[0] == (
        "id,parent,generation,operators,error,error_smoothed,params,flops"
    )
    assert len((folder / "front.csv").read_text().splitlines()) == 4


def test_no_path_of_the_machine_is_written(tmp_path: Path) -> None:
    small_run(tmp_path / "toy")
    for path in (tmp_path / "toy").rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()


def test_weights_get_their_name_before_the_line_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = candidate(0)
    seen: list[list[str]] = []
    with RunStore.create(tmp_path / "toy", CONFIG, FACTS) as store:
        store.append_batch([one], Report(0))
        append = Journal.append

        def spy(self: Journal, kind: str, fields: dict[str, Any]) -> None:
            seen.append(weights(tmp_path / "toy"))
            append(self, kind, fields)

        monkeypatch.setattr(Journal, "append", spy)
        assert store.scratch(one.id).parent == store.folder / "weights"
        back = trained(store, one)
    assert seen == [["c0000.safetensors"]]
    assert back.weights == "weights/c0000.safetensors"
    assert "conv1.weight" in load_weights(tmp_path / "toy" / str(back.weights))


def test_graphs_are_written_once_and_before_their_candidates(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with RunStore.create(folder, CONFIG, FACTS) as store:
        store.append_batch([candidate(0, 4), candidate(1, 4), candidate(2, 6)], Report(0))
        names = {record["graph"] for record in lines(folder)[-1]["candidates"]}
        assert {path.stem for path in (folder / "graphs").iterdir()} == names
        assert len(names) == 2


def test_graphs_that_differ_in_names_only_are_kept_apart(tmp_path: Path) -> None:
    # they share the name-free hash, but each needs the names that its weights have
    one = candidate(0, 4)
    nodes = [
        type(node)(node.name.replace("conv", "first"), node.op, node.inputs, node.attrs) for node in one.graph.nodes
    ]
    nodes[1] = type(nodes[1])("relu1", "relu", ("first1",))
    other = type(one)(**{**vars(one), "id": "c0001", "genotype": one.graph.with_nodes(nodes)})
    assert other.key == one.key
    with RunStore.create(tmp_path / "toy", CONFIG, FACTS) as store:
        generation(store, [one, other], ["c0000", "c0001"])
    run = Run.load(tmp_path / "toy")
    assert "first1" in run.member("c0001").graph
    run.member("c0001").module()


def test_failures_and_numbers_of_numpy_are_written(tmp_path: Path) -> None:
    one = candidate(0)
    with RunStore.create(tmp_path / "toy", CONFIG, FACTS) as store:
        store.append_batch([one], Report(0))
        failed = evaluation(
            one, status=Status.DIVERGED, values={}, message="loss", curve=((np.int64(3), np.float32("nan")),)
        )
        store.record(failed)
    back = Run.load(tmp_path / "toy").evaluations["c0000"]
    assert (back.status, back.weights, back.message, back.curve[0][0]) == (Status.DIVERGED, None, "loss", 3)


def test_only_the_weights_that_are_asked_for_stay(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    first, second = [candidate(0), candidate(1, 6)], [candidate(2, 8, generation=1), candidate(3, 10, generation=1)]
    with RunStore.create(folder, CONFIG, FACTS) as store:
        generation(store, first, ["c0000"])
        assert weights(folder) == ["c0000.safetensors"]
        store.append_batch(second, Report(0))
        trained(store, second[0])
        store.scratch("c0003").write_bytes(b"being written")
        store.scratch("c0001").write_bytes(b"left over")
        store.keep_only([])  # c0002 is not judged yet
        assert weights(folder) == ["c0002.safetensors", "c0003.partial"]
    with RunStore.open(folder) as store:
        assert weights(folder) == ["c0002.safetensors"]
        store.keep_only([])
        assert weights(folder) == ["c0002.safetensors"]
        trained(store, second[1])
        store.generation(1, ["c0003"], 0.5, Spent())
        store.keep_only(["c0003"])
        assert weights(folder) == ["c0003.safetensors"]


def test_proposals_told_with_the_batch_survive_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with RunStore.create(folder, CONFIG, FACTS) as store:
        store.append_batch([candidate(0)], Report(0))
    with RunStore.open(folder) as store:
        trained(store, candidate(0))
        store.generation(0, ["c0000"], 0.1, Spent(1, 100, 1.0))
    run = Run.load(folder)
    (only,) = run.generations
    assert (only.proposed, run.proposals[0]["widen"]["proposed"], only.spent) == (9, 5, Spent(1, 100, 1.0))


# Going on ------------------------------------------------------------------------------------------------------------


def test_resume_adds_up_seconds_and_takes_new_totals(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    small_run(folder)
    text = (folder / "journal.jsonl").read_text()
    (folder / "journal.jsonl").write_text(re.sub(r'"s":[0-9.]+,"type":"end"', '"s":100.0,"type":"end"', text))
    before = Run.load(folder)
    assert before.finished
    with RunStore.open(folder) as store:
        store.resume(BudgetSettings(evaluations=500))
        assert not Run.load(folder).finished
        generation(store, [candidate(4, 10, generation=2)], ["c0000", "c0004"])
        store.end("interrupted")
    after = Run.load(folder)
    assert (after.ended, after.finished, after.budget.evaluations) == ("interrupted", False, 500)
    assert after.spent.evaluations == 5
    assert before.spent.seconds == 100
    assert 100 <= after.spent.seconds < 200
    assert make_config(folder / "config.yaml").budget.evaluations == 500
    assert [line.split(",")[0] for line in (folder / "front.csv").read_text().splitlines()] == ["id", "c0000", "c0004"]


def test_a_kill_at_any_byte_of_the_last_generation_loses_at_most_the_line_it_cut(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    small_run(whole)
    journal = (whole / "journal.jsonl").read_bytes()
    starts = [0, *[position + 1 for position, byte in enumerate(journal) if byte == 10]]
    shutil.copytree(whole, cut)
    for position in range(starts[5], len(journal) + 1):
        (cut / "journal.jsonl").write_bytes(journal[:position])
        run = Run.load(cut)
        kept = sum(start <= position for start in starts[1:])  # whole lines
        assert len(run.candidates) == (2 if kept < 6 else 4)  # a generation's candidates come all at once
        assert len(run.evaluations) == 2 + min(2, max(0, kept - 6))
        assert len(run.generations) == (2 if kept >= 9 else 1)
        assert run.finished == (kept == 10)
        if position % 11 == 0 or position in starts:
            with RunStore.open(cut) as store:
                store.resume(run.budget)
            assert read_journal(cut / "journal.jsonl")[kept:][0]["type"] == "resume"
            assert (cut / "journal.jsonl").read_bytes().startswith(journal[: starts[kept]])


def test_rubbish_in_a_torn_end_is_cut_off(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    small_run(folder)
    for tail in (b"\0" * 100, b"\0\0\n", b'{"v": 1, "type": "ev', b"\xff\xfe\n"):
        with (folder / "journal.jsonl").open("ab") as file:
            file.write(tail)
        assert Run.load(folder).finished
        RunStore.open(folder).close()
        assert len(lines(folder)) == 10


def test_killed_before_its_first_line_a_run_can_begin_again(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    small_run(folder)
    (folder / "journal.jsonl").write_bytes(b'{"v":1,"type":"ru')
    assert not has_begun(folder)
    with pytest.raises(LemonadeError, match=r"never began. Start it again, with --out"):
        Run.load(folder)
    small_run(folder)
    assert Run.load(folder).finished


# One process at a time -----------------------------------------------------------------------------------------------


def test_a_second_process_is_told_who_has_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    small_run(folder)
    with RunStore.open(folder), pytest.raises(LemonadeError, match=f"toy is in use by process {os.getpid()}. Wait"):
        RunStore.open(folder)
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with process.stdout, pytest.raises(LemonadeError, match=f"in use by process {process.pid}"):
        RunStore.open(folder)
    assert Run.load(folder).finished  # reading is always possible
    process.send_signal(signal.SIGKILL)
    process.wait()
    RunStore.open(folder).close()  # the system took the lock back


def test_a_failed_start_lets_go_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "append", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        RunStore.create(tmp_path / "toy", CONFIG, FACTS)
    monkeypatch.undo()
    RunStore.create(tmp_path / "toy", CONFIG, FACTS).close()


# What may be there already -------------------------------------------------------------------------------------------


def test_folders_that_are_taken(tmp_path: Path) -> None:
    small_run(tmp_path / "run")
    with pytest.raises(
        LemonadeError, match=r"run exists and holds a run. Go on with: lemonade resume .*run. Or choose"
    ):
        RunStore.create(tmp_path / "run", CONFIG, FACTS)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(LemonadeError, match=r"other exists and holds other files \(thesis.tex\). Choose another --out"):
        RunStore.create(tmp_path / "other", CONFIG, FACTS)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]
    with pytest.raises(
        LemonadeError, match=r"run/graphs/inner lies inside the run folder .*run\. Choose another --out"
    ):
        RunStore.check_free(tmp_path / "run" / "graphs" / "inner")
    for name in ("a\0b", "x" * 300):
        with pytest.raises(LemonadeError, match=r"no folder can be made there \(.*\)\. Choose another --out"):
            RunStore.check_free(tmp_path / name)
    (tmp_path / "file").touch()
    with pytest.raises(LemonadeError, match="file exists and is a file"):
        RunStore.create(tmp_path / "file", CONFIG, FACTS)
    with pytest.raises(LemonadeError, match=r"file/run: the run folder cannot be made \(Not a directory\)"):
        RunStore.create(tmp_path / "file" / "run", CONFIG, FACTS)
    (tmp_path / "empty").mkdir()
    RunStore.create(tmp_path / "empty", CONFIG, FACTS).close()


def test_what_is_no_run_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(LemonadeError, match="there is no such run folder"):
        RunStore.open(tmp_path / "none")
    with pytest.raises(LemonadeError, match="is not a run folder: it holds no journal.jsonl"):
        RunStore.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


# A full disk ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "toy"
    small_run(folder)
    before = (folder / "journal.jsonl").read_bytes()
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) > 20:
            return write(file, data[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RunStore.open(folder) as store:
        monkeypatch.setattr(os, "write", full)
        text = (
            r"journal.jsonl: cannot be written \(No space left on device\). The run is intact up to its last line; "
            r"put that right and go on with: lemonade resume .*toy$"
        )
        with pytest.raises(LemonadeError, match=text):
            store.append_batch([candidate(4)], Report(0))
        monkeypatch.undo()
        assert (folder / "journal.jsonl").read_bytes() == before
        store.resume(CONFIG.budget)
        generation(store, [candidate(4, 10, generation=2)], ["c0004"])
    assert len(Run.load(folder).evaluations) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_a_device_that_is_full(tmp_path: Path) -> None:
    journal = Journal(Path("/dev/full"))
    with pytest.raises(LemonadeError, match="No space left on device"):
        journal.append("end", {"reason": "budget"})
    journal.close()
    journal.close()


def test_other_files_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    with RunStore.create(folder, CONFIG, FACTS) as store:
        (folder / "graphs").rmdir()
        with pytest.raises(LemonadeError, match=r"graphs/\w+.json: cannot be written .* put that right and go on with"):
            store.append_batch([candidate(0)], Report(0))
        with pytest.raises(LemonadeError, match=r"weights/c0000.safetensors: cannot be written"):
            store.record(evaluation(candidate(0), weights=str(store.scratch("c0000"))))
        assert [line["type"] for line in lines(folder)] == ["run"]


# Surroundings --------------------------------------------------------------------------------------------------------


def test_environment_names_versions_and_nobody() -> None:
    around = environment()
    assert around["packages"]["torch"]
    assert around["cores"] >= 1
    assert (around["accelerators"] == []) == (not torch.cuda.is_available())
    text = json.dumps(around)
    for private in (os.uname().nodename, os.environ.get("USER"), str(Path.home())):
        assert not private or len(private) < 4 or private not in text


@pytest.mark.parametrize("module", ["store", "history", "front", "density", "objectives", "plugins"])
def test_nothing_heavy_is_imported(module: str) -> None:
    heavy = ("torch", "pymoo", "scipy", "matplotlib", "pandas")
    code = f"import sys, lemonade.{module}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
