"""Starting a run and going on with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lemonade.assembly import Assembly
from lemonade.config import BudgetSettings, Config
from lemonade.errors import LemonadeError
from lemonade.evaluate import Evaluator
from lemonade.history import Run
from lemonade.loop import Loop, Stop
from lemonade.scalars import scalars_too
from lemonade.settings import with_budget
from lemonade.store import RunStore
from lemonade.tracker import OnEvent, loading
from lemonade.types import AT_RANDOM, Candidate

BEYOND = "beyond the limits or the box"
ROUNDS = {
    "halfway": "then cut out, halfway between those",
    "separable": "then made of those, with the largest convolution separable",
}
"""Kinds of rounds in words."""


def free_folder(config: Config, parent: Path = Path("runs")) -> Path:
    """The first of ``runs/DATASET-METHOD-1``, ``-2``, ... that does not exist."""
    stem = f"{Path(config.dataset).stem or 'data'}-{config.method}"
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def run_search(
    config: Config,
    folder: Path,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    evaluator: Evaluator | None = None,
) -> Run:
    """Start a run in a new folder and go on until its budget is used or it is asked to stop.

    Args:
        config: All settings; without any budget, ten minutes are given.
        folder: The run folder to make.
        on_event: Called with each `Progress`.
        stop: Lets a person stop it.
        evaluator: In place of worker processes, for tests.

    Raises:
        LemonadeError: for wrong settings, unreadable data or a folder that holds something already.
    """
    config = with_budget(config)
    RunStore.check_free(folder)
    with (
        scalars_too(on_event, folder, config.tensorboard) as listener,
        Assembly(config, evaluator, loading(listener, config.budget)) as assembly,
    ):
        _first(config.budget, assembly)  # a limit that nothing meets is found out before there is a folder
        with RunStore.create(folder, config, assembly.facts, assembly.other_splits) as store:
            Loop(store, assembly, config.budget, listener, stop or Stop()).go(None)
    return Run.load(folder)


def resume_search(
    folder: Path,
    budget: BudgetSettings | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    evaluator: Evaluator | None = None,
    tensorboard: bool | None = None,
) -> Run:
    """Go on with a run; a finished one is returned as it is unless a new budget lets it go further.

    Args:
        folder: The run folder.
        budget: New totals; None keeps those it had.
        on_event: Called with each `Progress`.
        stop: Lets a person stop it.
        evaluator: In place of worker processes, for tests.
        tensorboard: Whether to write scalars this time; None does as the run's settings say.

    Raises:
        LemonadeError: if the folder is no run, is in use, or its data or plug-ins have changed.
    """
    before = Run.load(folder)
    if before.finished and budget is None:
        return before
    wanted = before.config.tensorboard if tensorboard is None else tensorboard
    with scalars_too(on_event, folder, wanted) as listener, RunStore.open(folder) as store:
        earlier = store.run  # read under the lock: nobody has gone on in the meantime
        budget = budget or earlier.budget
        # children to come are sized by the totals in force; those of before are in the journal
        config = earlier.config.model_copy(update={"budget": budget})
        with Assembly.again(earlier, evaluator, loading(listener, budget), config) as assembly:
            store.resume(budget)
            Loop(store, assembly, budget, listener, stop or Stop()).go(earlier)
    return Run.load(folder)


def _first(budget: BudgetSettings, assembly: Assembly) -> Sequence[Candidate]:
    """The first generation.

    Raises:
        LemonadeError: if the limits leave none, or the budget is too small for one network that is trained long.
    """
    first = assembly.search().ask()
    sees = {one.examples for one in first}  # where others are cut out of it, the narrowest is trained before, for less
    if budget.examples is not None and budget.examples < sum(sees):
        before = f" after another {min(sees):,}" if len(sees) > 1 else ""
        raise LemonadeError(
            f"budget.examples: a start network sees {max(sees):,} training images{before}, got a budget of "
            f"{budget.examples:,}. "
            "Raise it, or lower training.child_examples or training.initial_factor."
        )
    return first


def describe(config: Config) -> list[str]:
    """Sentences on what a run with these settings would do; nothing is trained or written.

    Raises:
        LemonadeError: for wrong settings or unreadable data.
    """
    config = with_budget(config)
    with Assembly(config, start=False) as assembly:
        first = _first(config.budget, assembly)
        facts, sees = assembly.facts, sorted({one.examples for one in first})
        less = f" (the narrowest {sees[0]:,})" if len(sees) > 1 else ""
        channels, height, width = facts.input_shape
        lines = [
            f"{facts.name}: {facts.train:,} training, {facts.validation:,} validation and {facts.test:,} test images, "
            f"{height}x{width}x{channels}, {len(facts.classes)} classes",
            *facts.notes,
            f"objectives: {', '.join(f'{one.name} ({one.kind.value})' for one in assembly.objectives)}",
            *[f"limit: {name} <= {value:,.10g}" for name, value in config.limits.items()],
            f"{assembly.workers} worker{'s' if assembly.workers > 1 else ''} on {assembly.device}",
            f"an initial network sees {sees[-1]:,} training images{less}, a child {assembly.child_budget.child:,}",
            "members are ranked by the smoothed error" if assembly.smoothed else "members are ranked by the error",
        ]
        begun = {start.origin: start.costs for start in first}
        told = [("start network", origin, costs) for origin, costs in begun.items()]
        if begun.keys() != {AT_RANDOM}:  # a method that draws its own networks leaves out none of these
            for origin, costs, allowed in assembly.starts():
                if origin not in begun:
                    told.append(("cut out of the next wider one" if allowed else BEYOND, origin, costs))
        for what, origin, costs in told:
            lines.append(f"{what}: {origin}; {', '.join(f'{name} {value:,.0f}' for name, value in costs.items())}")
        if begun.keys() != {AT_RANDOM}:
            lines += [_round(*one) for one in assembly.rounds()]
        return lines


def _round(kind: str, made: Sequence[Mapping[str, float]]) -> str:
    """Networks that are made of start networks at the same time, by what they cost."""
    ranges = {name: sorted([costs[name] for costs in made]) for name in made[0]}
    told = ", ".join(f"{name} {values[0]:,.0f} to {values[-1]:,.0f}" for name, values in ranges.items())
    return f"{ROUNDS[kind]}: at most {len(made)} network{'s' if len(made) > 1 else ''}; {told}"
