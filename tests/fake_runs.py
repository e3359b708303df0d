"""Runs whose training is a formula, and ways to end them."""

import json

from lemonade.evaluate.fake import FakeEvaluator
from lemonade.run import resume_search, run_search
from lemonade.settings import make_config


class KilledError(BaseException):
    """Stands for kill -9: nothing after it runs but what the loop itself would do on any exception."""


def config(**settings):
    # one round, so that few evaluations leave some for children
    few = {"evaluations": 30, "workers": 1, "search.proposals": 20, "search.children": 4}
    few["search.cut_rounds"] = ["halfway"]
    return make_config(None, {**few, **settings})


def start(folder, on_event=None, stop=None, fail=None, **settings):
    return run_search(config(**settings), folder, on_event, stop, FakeEvaluator(fail=fail))


def resume(folder, budget=None, **more):
    return resume_search(folder, budget, evaluator=FakeEvaluator(), **more)


def outcome(run):
    return [(one.id, dict(one.values), one.parent) for one in run.front]


def by_generation(run):
    numbers = {one.generation for one in run.candidates.values()}
    return [[name for name, one in run.candidates.items() if one.generation == k] for k in sorted(numbers)]


def journal(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
