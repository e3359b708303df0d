"""What the commands of this folder are asked: a data set and settings, as `lemonade search` takes them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from lemonade.config import Config
from lemonade.errors import LemonadeError
from lemonade.settings import make_config, parse_assignment


def add_settings(parser: argparse.ArgumentParser) -> None:
    """``--dataset`` and ``--set``, which `settings_of` and `config_of` read."""
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `lemonade search`")


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by name.

    Raises:
        LemonadeError: if one is not of the form KEY=VALUE.
    """
    return {"dataset": arguments.dataset} | dict(parse_assignment(text) for text in arguments.set)


def config_of(arguments: argparse.Namespace) -> Config:
    """The settings that were given, checked, and the defaults of all others.

    Raises:
        LemonadeError: if one is unknown or has no allowed value.
    """
    return make_config(None, settings_of(arguments))


def run_main(main: Callable[[], None]) -> None:
    """Call `main`; what the user can mend is said in a line, with exit code 1."""
    try:
        main()
    except (LemonadeError, OSError) as error:
        sys.exit(f"error: {error}")
