"""Starting a search and going on with one as Python users do: a run, and the picture of its front."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lemonade.config import BudgetSettings, Config
from lemonade.errors import LemonadeError
from lemonade.history import Run
from lemonade.numbers import duration
from lemonade.reporting.picture import draw_front
from lemonade.run import own_folder, resume_search, run_search
from lemonade.runfolder import CONFIG
from lemonade.settings import differing, flat, given, make_config, new_budget
from lemonade.tracker import OnEvent


def search(
    config: Config | str | Path | None = None,
    *,
    out: str | Path | None = None,
    on_event: OnEvent | None = None,
    **settings: Any,
) -> Run:
    """Evolve a Pareto front and return the finished run.

    Args:
        config: A `Config`, or the path of a YAML file; None starts from the defaults.
        out: Run folder to make; default ``runs/DATASET-METHOD-N``.
        on_event: Called with each `Progress`; nothing is printed.
        **settings: Settings by name, over the config's: ``dataset="digits"``, ``time="60s"``, or dotted names as in
            ``**{"search.children": 4}``.

    Raises:
        LemonadeError: for wrong settings, unreadable data or a folder that holds something already.
    """
    if isinstance(config, Config):
        made = make_config(None, {**flat(config), **given(settings)})
    else:
        made = make_config(config, given(settings))
    with own_folder(made) if out is None else nullcontext(Path(out)) as folder:
        return _drawn(run_search(made, folder, on_event))


def resume(
    run: str | Path | Run,
    evaluations: int | str | None = None,
    examples: int | str | None = None,
    time: float | str | None = None,
    tensorboard: bool | None = None,
    on_event: OnEvent | None = None,
) -> Run:
    """Go on with a run; a finished one is returned as it is unless a larger budget lets it go further.

    Args:
        run: A run or its folder.
        evaluations: New total of children trained; with no total given, the run's own budget goes on.
        examples: New total of training images seen.
        time: New total of active seconds, or ``"90s"``, ``"10m"``, ``"1.5h"``.
        tensorboard: Whether to write scalars this time; None does as the run's settings say.
        on_event: Called with each `Progress`; nothing is printed.

    Raises:
        LemonadeError: if the folder is no run, is in use, or its data or plug-ins have changed; for a total that is
            wrong or used up.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    budget = new_budget(evaluations=evaluations, examples=examples, time=time)
    before = Run.load(folder)
    if budget is not None:
        check_new_totals(budget, before)
    if problem := edited(before):
        warnings.warn(problem, stacklevel=2)
    return _drawn(resume_search(folder, budget, on_event, tensorboard=tensorboard))


def edited(run: Run) -> str:
    """What somebody has changed in the config of a run, which its journal overrules; empty if nothing."""
    file = run.folder / CONFIG
    try:
        names = differing(run.config, make_config(file))
    except LemonadeError:  # unreadable, or of another version: it is written anew
        return ""
    if not names:
        return ""
    return (
        f"{file}: {', '.join(names)} changed by hand; a run goes on with what it began with. "
        "For other settings make a new run."
    )


def check_new_totals(budget: BudgetSettings, before: Run) -> None:
    """See that new totals let a run go further.

    Raises:
        LemonadeError: naming one that is used up.
    """
    for name, used in (("evaluations", before.spent.evaluations), ("examples", before.spent.examples)):
        total = getattr(budget, name)
        if total is not None and total <= used:
            raise LemonadeError(f"{name} {total}: the run has used {used} already; give a larger total.")
    if budget.time is not None and budget.time <= before.spent.seconds:
        used_time = duration(before.spent.seconds)
        raise LemonadeError(f"time {budget.time:g}s: the run has used {used_time} already; give a larger total.")


def _drawn(run: Run) -> Run:
    if problem := draw_front(run):
        warnings.warn(problem, stacklevel=3)
    return run
