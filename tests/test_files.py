"""Files appear whole or not at all, and what the system refuses is one line with what to do."""

import os
import re
from pathlib import Path

import pytest

from lemonade.errors import LemonadeError
from lemonade.files import lock_folder, locked, write_whole

ADVICE = "The rest is kept."


@pytest.mark.parametrize("content", ["text, ü\n", b"\x89\n\r\x00"])
def test_a_file_is_written_whole_in_place_of_another(tmp_path, content):
    path = tmp_path / "a"
    path.write_text("before")
    write_whole(path, content, ADVICE)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("before")

    def full(partial: Path, data: bytes) -> None:
        with partial.open("wb") as file:
            file.write(data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LemonadeError, match=r"a: cannot be written \(No space left on device\)\. The rest is kept\.$"):
        write_whole(path, "after", ADVICE)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="no named pipes in folders")
def test_what_is_no_regular_file_is_written_into_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "rows", ADVICE)
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(os.name == "nt", reason="no flock")
def test_a_locked_folder_is_made_and_held_until_it_is_let_go_of(tmp_path):
    folder = tmp_path / "new"
    with locked(folder, ADVICE), pytest.raises(LemonadeError, match=rf"new is in use by process {os.getpid()}"):
        lock_folder(folder, ADVICE)
    os.close(lock_folder(folder, ADVICE))


def test_a_folder_that_cannot_be_had_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(LemonadeError, match=r"taken: cannot be written .*The rest is kept"):
        locked(tmp_path / "taken", ADVICE).__enter__()
    with pytest.raises(LemonadeError, match=re.escape(f"{tmp_path / 'lost' / '.lock'}: cannot be written")):
        lock_folder(tmp_path / "lost", ADVICE)
