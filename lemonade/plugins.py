"""Python files of the user's that register objectives and the like when they are imported."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from lemonade.errors import LemonadeError

_loaded: dict[Path, tuple[str, ModuleType]] = {}


def load_plugins(files: Iterable[str | Path]) -> dict[str, str]:
    """Import each file in order, in this process only once as long as it stays as it is.

    What runs is exactly what was hashed: the file is read one time, and no bytecode is kept beside it.

    Args:
        files: Paths of Python files.

    Returns:
        SHA-256 in hexadecimal by file, as it was named; kept with the run.

    Raises:
        LemonadeError: naming file and line, if one is missing, no Python or fails.
    """
    return {str(file): _load(Path(file)) for file in files}


def _load(path: Path) -> str:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise LemonadeError(f"plug-in {path}: cannot be read ({error.strerror or error}).") from None
    digest = hashlib.sha256(source).hexdigest()
    place = path.resolve()
    if place not in _loaded or _loaded[place][0] != digest:
        # two files of the same name are two modules, two versions of one file are one
        suffix = hashlib.sha256(str(place).encode()).hexdigest()[:8]
        _loaded[place] = digest, _run(path, source, f"lemonade_plugin_{path.stem}_{suffix}")
    return digest


def _run(path: Path, source: bytes, name: str) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(path.resolve())
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise LemonadeError(f"plug-in {path} line {error.lineno or 0}: {error.msg}.") from None
    except ValueError as error:  # null bytes
        raise LemonadeError(f"plug-in {path}: expected Python source ({error}).") from None
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f" line {lines[-1]}" if lines else ""
        what = str(error) if isinstance(error, LemonadeError) else f"{type(error).__name__}: {error}"
        raise LemonadeError(f"plug-in {path}{where}: {what}") from error
    return module
