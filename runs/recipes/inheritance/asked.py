"""What the commands of this folder are asked: a data set and settings, as `lemonade search` has them, and a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lemonade.cli.running import STOPPED_EARLY
from lemonade.config import Config
from lemonade.errors import LemonadeError
from lemonade.front import Axis
from lemonade.settings import dotted, make_config, parse_assignment


def add_settings(parser: argparse.ArgumentParser) -> None:
    """``--dataset`` and ``--set``, which `settings_of` and `config_of` read."""
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `lemonade search`")


def add_box(parser: argparse.ArgumentParser) -> None:
    """``--error`` and ``--params``, the box that hypervolumes are told in."""
    parser.add_argument("--error", type=float, nargs=2, default=(0.0, 0.3), help="the box's side of the error")
    parser.add_argument("--params", type=float, nargs=2, default=(10**2.5, 1e6), help="and of the parameters")


def box_of(arguments: argparse.Namespace) -> tuple[Axis, Axis]:
    """The box by error and parameters that hypervolumes are told in.

    Raises:
        LemonadeError: if a side does not go from low to high, or parameters begin at 0.
    """
    (least, most), (small, large) = arguments.error, arguments.params
    if not 0 <= least < most or not 0 < small < large:
        raise LemonadeError(
            "--error and --params: expected the low end of the box, then the high one, got "
            f"{least:g} {most:g} and {small:g} {large:g}."
        )
    return Axis(least, most, False), Axis(small, large, True)


def add_out(parser: argparse.ArgumentParser) -> None:
    """``--out``, a folder that is made at once, so that nothing is trained for one that cannot be."""
    parser.add_argument("--out", type=_folder, required=True)


def _folder(text: str) -> Path:
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: cannot be made ({error.strerror}). Choose another one.") from None
    return Path(text)


def positive(text: str) -> int:
    """A whole number from 1 on, for ``type=`` of an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got '{text}'")
    return int(text)


def positive_number(text: str) -> float:
    """A number above 0, for ``type=`` of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return value


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by name.

    Raises:
        LemonadeError: if one is not of the form KEY=VALUE.
    """
    return {"dataset": arguments.dataset} | assigned(arguments.set)


def assigned(texts: Iterable[str]) -> dict[str, Any]:
    """Values by full name, so that of two names of one setting the later is not passed over.

    Raises:
        LemonadeError: if a text is not of the form KEY=VALUE.
    """
    return {dotted(name, value): value for name, value in map(parse_assignment, texts)}


def config_of(arguments: argparse.Namespace) -> Config:
    """The settings that were given, checked, and the defaults of all others.

    Raises:
        LemonadeError: if one is unknown or has no allowed value.
    """
    return make_config(None, settings_of(arguments))


def run_main(main: Callable[[], None]) -> None:
    """Call `main`; what the user can mend is said in a line, with exit code 1, or 3 if it was stopped."""
    try:
        main()
    except (LemonadeError, OSError, MemoryError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(STOPPED_EARLY)
