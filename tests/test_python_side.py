"""What Python users call has the names of the command line."""

import importlib
import inspect

import pytest

import lemonade

TERMINAL = {"as_json", "references"}
"""What only the command line has."""


@pytest.mark.parametrize("verb", ["export", "predict", "report", "retrain"])
def test_a_function_takes_what_its_verb_takes(verb):
    typed = inspect.signature(getattr(importlib.import_module(f"lemonade.cli.{verb}"), verb)).parameters
    called = inspect.signature(getattr(lemonade, verb)).parameters
    assert set(typed) - TERMINAL <= set(called)
    defaults = {name: one.default for name, one in called.items()}
    differ = {name for name in set(typed) & set(called) if typed[name].default != defaults[name]}
    assert differ <= {"to", "out"}  # None stands for all formats, and for the run folder


def test_every_public_name_is_there():
    for name in lemonade.__all__:
        assert getattr(lemonade, name).__doc__
