"""A run followed from outside: what is told, what it costs, and that the run does not notice."""

import io
import json
import os
import time

import pytest
from fake_runs import config
from run_folders import CONFIG, FACTS, candidate, evaluation, generation

from lemonade.cli import main
from lemonade.config import BudgetSettings
from lemonade.errors import LemonadeError
from lemonade.evaluate.fake import FakeEvaluator
from lemonade.files import is_held, lock_folder
from lemonade.journal import Tail
from lemonade.ledger import State
from lemonade.reporting import screen
from lemonade.run import run_search
from lemonade.runfolder import LOCK
from lemonade.store import RunStore
from lemonade.watching import Watcher

FIRST = [candidate(0, 4), candidate(1, 6)]
SECOND = [candidate(2, 6, parent=0, generation=1), candidate(3, 8, parent=1, generation=1)]


@pytest.fixture
def store(tmp_path):
    """A run that goes on: one generation is over."""
    with RunStore.create(tmp_path / "run", CONFIG, FACTS) as made:
        generation(made, FIRST, ["c0000", "c0001"])
        yield made


def told(events):
    return [(one.kind, one.trained, one.front_size) for one in events]


def test_a_watcher_is_told_what_the_searchs_own_panel_is(tmp_path):
    own = []
    run_search(config(), tmp_path / "run", own.append, evaluator=FakeEvaluator())
    watched = Watcher(tmp_path / "run").read()
    kinds = ("start", "evaluated", "generation", "end")

    def plain(events):
        # times are those of the lines, and who is best in a generation under way is not looked at by anyone
        return [
            {**vars(one), "spent": (one.spent.evaluations, one.spent.examples)} for one in events if one.kind in kinds
        ]

    assert plain(watched) == plain(own)
    assert [one.spent.seconds for one in watched] == sorted(one.spent.seconds for one in watched)


def test_each_read_tells_what_is_new(store):
    watcher = Watcher(store.folder)
    assert told(watcher.read()) == [("start", 0, 0), ("evaluated", 1, 0), ("evaluated", 2, 0), ("generation", 2, 2)]
    assert watcher.read() == []
    assert (watcher.state, watcher.going) == (State.RUNNING, True)
    generation(store, SECOND, ["c0000", "c0001", "c0003"])
    events = watcher.read()
    assert told(events) == [("evaluated", 3, 2), ("evaluated", 4, 2), ("generation", 4, 3)]
    assert events[-1].proposed == 18
    store.end("interrupted")
    assert told(watcher.read()) == [("end", 4, 3)]
    assert (watcher.state, watcher.going) == (State.INTERRUPTED, True)  # its process has the folder still
    store.resume(BudgetSettings(evaluations=500))
    (event,) = watcher.read()
    assert event.budget.evaluations == 500
    assert watcher.going


def test_the_clock_is_where_the_run_is_by_now(store, monkeypatch):
    import time

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    *_, last = Watcher(store.folder).read()
    assert 99 < last.spent.seconds < 110


def test_a_process_that_died_is_noticed(store):
    watcher = Watcher(store.folder)
    store.close()
    assert watcher.read()
    assert (watcher.state, watcher.going) == (State.KILLED, False)


def test_only_what_is_new_is_read(store):
    path = store.folder / "journal.jsonl"
    tail = Tail(path)
    before = path.stat().st_size
    assert len(tail.read()) == 5
    with path.open("r+b") as file:  # what was read once may be anything
        file.write(b"#" * before)
    store.record(evaluation(FIRST[0]))
    assert [line["type"] for line in tail.read()] == ["evaluation"]


def test_a_torn_line_waits_for_its_end(store):
    path = store.folder / "journal.jsonl"
    tail = Tail(path)
    tail.read()
    with path.open("ab") as file:
        file.write(b'{"v":1,"t":1.0,"s":1.0,"ty')
        file.flush()
        assert tail.read() == []
        file.write(b'pe":"end","reason":"done"}\n')
        file.flush()
        assert [line["type"] for line in tail.read()] == ["end"]
        file.write(b"rubbish\n")
        file.flush()
        assert tail.read() == []  # the last line: a loss of power may leave that
        file.write(b'{"v":1,"type":"end"}\n')
    with pytest.raises(LemonadeError, match=r"journal.jsonl line 7: damaged"):
        tail.read()


def test_another_run_in_its_place_is_said(store):
    tail = Tail(store.folder / "journal.jsonl")
    tail.read()
    (store.folder / "journal.jsonl").write_bytes(b"")
    with pytest.raises(LemonadeError, match="shorter than it was: another run lies in the place of this one"):
        tail.read()


@pytest.mark.skipif(os.name == "nt", reason="no flock")
def test_looking_at_a_lock_leaves_it_alone(tmp_path):
    assert is_held(tmp_path) is False
    lock = lock_folder(tmp_path, "")
    content = (tmp_path / ".lock").read_bytes()
    assert is_held(tmp_path) is True
    assert (tmp_path / ".lock").read_bytes() == content
    os.close(lock)
    assert is_held(tmp_path) is False
    os.close(lock_folder(tmp_path, ""))


@pytest.mark.skipif(os.name == "nt", reason="no flock")
def test_whoever_takes_a_lock_waits_for_one_who_looks(tmp_path, monkeypatch):
    import fcntl

    (tmp_path / ".lock").touch()
    looking = os.open(tmp_path / ".lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("lemonade.files.time.sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    os.close(lock_folder(tmp_path, ""))
    os.close(looking)


@pytest.fixture
def watch(typed, monkeypatch, store):
    """Runs `status --watch` on a run that goes on by one step whenever the command sleeps."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(store.folder.parent)

    def call(*arguments, steps=()):
        left, naps = list(steps), []

        def sleep(seconds):
            naps.append(seconds)
            left.pop(0)()

        monkeypatch.setattr("lemonade.cli.watching.time.sleep", sleep)
        told = typed("status", "run", "--watch", *arguments)
        assert not left
        return *told, naps

    return call


def interrupt():
    raise KeyboardInterrupt


def more(store):
    return lambda: generation(store, SECOND, ["c0000", "c0001", "c0003"])


def over(store):
    """The run ends, and its process lets the folder go."""

    def step():
        store.end("done")
        store.close()

    return step


def test_while_resume_loads_it_waits_for_what_comes(watch, store):
    store.end("interrupted")  # the folder stays held, as by the process that goes on with it
    resume = [lambda: None, lambda: store.resume(BudgetSettings(evaluations=500)), more(store), over(store)]
    code, out, _, naps = watch(steps=resume)
    assert (code, len(naps)) == (0, 4)
    assert "generation 1: 4 children trained" in out


def test_elsewhere_it_is_one_line_a_generation_until_the_end(watch, store):
    code, out, err, naps = watch("--every", "3s", steps=[more(store), lambda: None, over(store)])
    assert (code, err, naps) == (0, "", [3.0, 3.0, 3.0])
    assert out.splitlines()[:4] == [
        "run · toy · method lemonade · seed 1",
        "generation 0: 2 children trained, front 2 members, hypervolume 0.250 (+0.250), best error 0.418 (82 params), "
        "98 evaluations left",
        "generation 1: 4 children trained, front 3 members, hypervolume 0.250 (+0.000), best error 0.392 (108 params), "
        "96 evaluations left",
        "run: finished",
    ]


def test_a_dead_process_ends_it_with_the_way_on(watch, store):
    code, out, _, _ = watch(steps=[store.close])
    assert code == 0
    assert "run: stopped by force; it can go on" in out
    assert out.rstrip().endswith("lemonade resume run  go on")


def test_ctrl_c_ends_the_watching_alone(watch, store):
    code, out, err, naps = watch(steps=[interrupt])
    assert (code, err, naps) == (0, "", [2.0])
    assert out.splitlines()[-1] == "No longer watching; the run goes on."
    assert is_held(store.folder)
    assert watch("--json", steps=[interrupt])[0] == 0


def test_json_is_one_document_a_change(watch, store, capsys):
    code, out, err, _ = watch("--json", steps=[lambda: None, more(store), over(store)])
    documents = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [(one["state"], one["evaluations"], one["front"]["members"]) for one in documents] == [
        ("running", {"ok": 2}, 2),
        ("running", {"ok": 4}, 3),
        ("finished", {"ok": 4}, 3),
    ]
    assert documents[-1]["finished"] is True
    assert documents[-1]["front"]["best"]["values"]["params"] == 108
    assert documents[0]["spent"]["evaluations"] == 2
    with pytest.raises(SystemExit):
        main(["status", "run", "--json"])
    assert json.loads(capsys.readouterr().out) == documents[-1]


def test_a_run_never_changes_while_its_journal_is_followed(store):
    watcher = Watcher(store.folder)
    watcher.read()
    before = watcher.run
    more(store)()
    watcher.read()
    assert (len(before.candidates), len(before.evaluations), len(before.generations)) == (2, 2, 1)
    assert len(watcher.run.candidates) == 4


def test_while_a_resumed_run_loads_no_time_goes_by(store):
    os.utime(store.folder / LOCK, (time.time() + 5, time.time() + 5))
    (*_, last) = Watcher(store.folder).read()
    assert last.spent.seconds == 0
    os.utime(store.folder / LOCK, (0, 0))
    (*_, last) = Watcher(store.folder).read()
    assert last.spent.seconds > 0


def test_what_the_ledger_reads_and_the_panel_cannot_use_is_one_line(store):
    with (store.folder / "journal.jsonl").open("a") as file:
        file.write('{"v":1,"t":1.0,"s":1.0,"type":"generation","generation":0,"front":["c9999"],"hypervolume":0.1,')
        file.write('"spent":{"evaluations":2,"examples":200,"seconds":1.0}}\n')
    text = r"journal.jsonl line \d+: damaged, it lacks something \(KeyError\('c9999'\)\)"
    with pytest.raises(LemonadeError, match=text):
        Watcher(store.folder).read()


def test_on_a_terminal_it_is_the_searchs_panel(watch, store, monkeypatch):
    file = io.StringIO()
    terminal = screen.console(file=file, width=100, terminal=True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(screen, "console", lambda: terminal)
    watch(steps=[more(store), over(store)])
    text = file.getvalue()
    for part in (
        "generation 1 · 4 children trained, 18 proposed",
        "front 3 members",
        "▁",
        "watching; Ctrl-C ends that",
    ):
        assert part in text
    assert "run: finished" in text.rpartition("\x1b[2K")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch", "--every", "soon"], "--every: expected a duration such as 90s, 10m or 1.5h, got 'soon'."),
        (["--watch", "--every", "0s"], "--every: expected at least 0.1s, got '0s'."),
        (["--every", "2s"], "--every says how often --watch looks. Give --watch as well."),
    ],
)
def test_wrong_input_is_one_line(store, capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(["status", str(store.folder), *arguments])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {message}\n"
