"""Files that appear whole or not at all, folders one process has alone, and one clear line for what is refused."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lemonade.errors import LemonadeError
from lemonade.runfolder import LOCK

LOCK_TRIES, LOCK_WAIT = 4, 0.05  # seconds


def is_text(name: str) -> bool:
    """Whether the name of a file is text: Python holds bytes that are not UTF-8 as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


@contextmanager
def writing(path: Path, advice: str) -> Iterator[None]:
    """Turn what the system refuses while writing `path` into one clear line.

    Args:
        path: The file or folder.
        advice: What is kept, and what to do.

    Raises:
        LemonadeError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        raise LemonadeError(f"{path}: cannot be written ({error.strerror or error}). {advice}") from error


def write_whole(path: Path, content: str | bytes, advice: str) -> None:
    """Write a file that appears whole or not at all; `advice` as in `writing`.

    What is there and no regular file, such as `/dev/stdout`, is written into. Text is UTF-8; names of files that are
    not (see `is_text`) are escaped in it.

    Raises:
        LemonadeError: if it cannot be written.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    partial = path.with_name(path.name + ".partial")
    with writing(path, advice):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise


def make_folder(folder: Path, advice: str) -> None:
    """Make a folder and those above it, unless it is there; `advice` as in `writing`.

    Raises:
        LemonadeError: if it cannot be made.
    """
    with writing(folder, advice):
        folder.mkdir(parents=True, exist_ok=True)


def lock_folder(folder: Path, advice: str, name: str = LOCK) -> int:
    """Lock a folder for this process; closing the returned file, or dying, gives it back.

    Child processes do not hold it: Python hands no file to a spawned process. Another `name` is another lock.

    Raises:
        LemonadeError: if another process has it, saying which, or if no lock can be made; `advice` as in `writing`.
    """
    path = folder / name
    with writing(path, advice):
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(lock)
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise LemonadeError(f"{folder} is in use by process {holder}. Wait for it, or stop it first.") from None
        except OSError:
            os.close(lock)
            raise
    return lock


@contextmanager
def locked(folder: Path, advice: str, name: str = LOCK) -> Iterator[None]:
    """Have a folder, made if need be, for this process alone among those that ask for the lock of this name.

    Raises:
        LemonadeError: as `lock_folder`.
    """
    make_folder(folder, advice)
    lock = lock_folder(folder, advice, name)
    try:
        yield
    finally:
        os.close(lock)


def is_held(folder: Path) -> bool | None:
    """Whether a process has a folder (see `lock_folder`); None where the system cannot tell.

    Nothing is written. The lock is asked for and given back at once, which whoever wants it waits for.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        lock = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(lock)
    return False


def held_since(folder: Path) -> float:
    """When a folder was locked last, in seconds since the epoch; 0 if it never was."""
    try:
        return (folder / LOCK).stat().st_mtime
    except OSError:
        return 0.0


def _take(lock: int) -> None:
    """Take the lock of an open file; whoever only looks whether it is held has it for a moment.

    Raises:
        BlockingIOError: if another process keeps it.
    """
    if sys.platform == "win32":  # there is no flock there, and two processes are not kept apart
        return
    import fcntl

    for left in reversed(range(LOCK_TRIES)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise
            time.sleep(LOCK_WAIT)
