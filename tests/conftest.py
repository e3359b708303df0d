"""Profiles of hypothesis (a deep one for `pytest --hypothesis-profile=deep`), and what all test modules may use."""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lemonade.cli import main

# the synthetic tables are a recipe that ships
sys.path.append(str(Path(__file__).parent.parent / "runs" / "recipes" / "table"))

# a shell makes what it starts in the background deaf to Ctrl-C, and so all that this process starts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "stable", max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW_TO_DRAW
)
settings.register_profile("deep", max_examples=1000, deadline=None, suppress_health_check=_SLOW_TO_DRAW)
settings.load_profile("stable")


@pytest.fixture
def typed(capsys):
    """Runs a command line; returns (exit code, output, error output)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call
