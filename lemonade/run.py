"""Starting a run and going on with one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from lemonade.types import Candidate


def free_folder(config: Config, parent: Path = Path("runs")) -> Path:
    """The first of ``runs/DATASET-METHOD-1``, ``-2``, ... that does not exist."""
    stem = f"{Path(config.dataset).stem or 'data'}-{config.method}"
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


@contextmanager
def own_folder(config: Config, parent: Path = Path("runs")) -> Iterator[Path]:
    """The `free_folder`, made at once, so that searches that begin together take different ones.

    It is removed again if no run begins in it.
    """
    was_there, folder = parent.is_dir(), None
    while folder is None:
        wanted = free_folder(config, parent)
        with suppress(FileExistsError):  # another search was faster
            wanted.mkdir(parents=True)
            folder = wanted
    try:
        yield folder
    finally:
        with suppress(OSError):  # it is not empty
            folder.rmdir()
            if not was_there:
                parent.rmdir()


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
        # a limit that nothing meets is found out before there is a folder; the loop asks another search, from its start
        first_generation(config.budget, assembly)
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


def first_generation(budget: BudgetSettings, assembly: Assembly) -> Sequence[Candidate]:
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
