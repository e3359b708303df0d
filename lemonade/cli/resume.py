"""`lemonade resume`: go on with a run that was stopped, or give a finished one more budget."""

from __future__ import annotations

import typer

from lemonade.cli import options, running
from lemonade.settings import new_budget


def resume(
    run: options.RunFolder,
    evaluations: options.Evaluations = None,
    examples: options.Examples = None,
    time: options.Time = None,
    tensorboard: options.TensorBoard = None,
    quiet: options.Quiet = False,
) -> None:
    """Go on with a run.

    A budget given here is the new total, what the run has used so far included; without one the run's own goes on.
    """
    budget = new_budget(evaluations=evaluations, examples=examples, time=time)
    raise typer.Exit(running.go_on(run, budget, quiet, tensorboard))
