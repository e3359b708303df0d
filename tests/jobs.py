"""Jobs for a small chain on the digits, and what they need."""

import dataclasses

import torch

from lemonade.config import TrainingSettings
from lemonade.evaluate.child import Bench, evaluate_child
from lemonade.objectives import resolve
from lemonade.spaces.network import chain
from lemonade.types import Candidate, Job, Status, Stored
from morphisms import OPERATORS

CPU = torch.device("cpu")
GRAPH = chain((1, 8, 8), 10, 4, 3)


def bench_on(dataset):
    return Bench(dataset, {}, resolve(("error", "params"), 10)[:1], CPU)


def trained_parent(dataset, output):
    """Train a start network, and return the path of its weights."""
    assert evaluate_child(start_job(output, examples=12_000), bench_on(dataset)).status is Status.OK
    return output


def candidate(graph=GRAPH, morphisms=(), parent=None, examples=1_000, name="c0000"):
    return Candidate(name, graph, "key", parent, tuple(morphisms), 0, {"params": 1.0}, examples, 7)


def start_job(output, examples=1_000, training=None):
    return Job(candidate(examples=examples), training or TrainingSettings(), True, None, str(output))


def child_job(output, parent, operator, where, examples=2_000, **changes):
    record = OPERATORS[operator].record(GRAPH, where, 3)
    graph = OPERATORS[operator].rewrite(GRAPH, where).child
    job = Job(
        candidate(graph, [record], "c0000", examples, "c0001"),
        TrainingSettings(),
        True,
        Stored(GRAPH, str(parent)),
        str(output),
    )
    return dataclasses.replace(job, **changes)
