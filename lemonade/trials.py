"""Comparing from Python and for the command line: runs that are there, or methods, whose missing runs are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonade.checks import check_names
from lemonade.comparing.comparison import Comparison, check_request
from lemonade.comparing.course import By
from lemonade.comparing.grouping import flat_settings
from lemonade.comparing.writing import write_comparison
from lemonade.config import Config
from lemonade.errors import LemonadeError
from lemonade.files import locked
from lemonade.history import Run
from lemonade.loop import Stop
from lemonade.plugins import load_plugins
from lemonade.run import resume_search, run_search
from lemonade.runfolder import has_begun
from lemonade.settings import check_series, differing, dotted, given, make_config, parse_assignment, with_budget

AGREED = {"dataset", "objectives", "boxes", "limits", "limit", "selection", "data", "budget", "seed", "method"}
"""Settings and sections that no method of a comparison has for itself."""
_BETWEEN = re.compile(r",(?![^\[\]]*\])")
"""The commas between methods: not those of a list, as in ``aging:search.size_limits=[1000,5000]``."""


@dataclass(frozen=True)
class Planned:
    """One run of a comparison.

    Attributes:
        method: As it was asked for.
        config: Its settings.
        folder: Its run folder.
    """

    method: str
    config: Config
    folder: Path

    @property
    def begun(self) -> bool:
        """Whether its folder holds a run to go on with."""
        return has_begun(self.folder)


OnRun = Callable[[Planned, Run | None], None]
"""Called before a run with None, and behind it with what came of it."""


def compare(
    runs: str | Path | Run | Sequence[str | Path | Run] = (),
    *,
    methods: str | Sequence[str] = (),
    seeds: int = 5,
    out: str | Path | None = None,
    by: By | None = None,
    within: str | Sequence[str] = (),
    on_plan: Callable[[Sequence[Planned]], None] | None = None,
    on_run: OnRun | None = None,
    stop: Stop | None = None,
    **settings: Any,
) -> Comparison:
    """Compare runs, or methods whose missing runs are made first, with the same seeds and budget.

    Args:
        runs: Run folders, or one.
        methods: Methods to run, in place of or beside `runs`: names, each perhaps with settings of its own behind
            colons, as in ``"lemonade:search.inherit=false"``; the first is held against the others.
        seeds: Runs a method, with seeds 1 to this.
        out: Folder for page, pictures and tables, and for the runs of `methods`; needed for those.
        by: ``"examples"`` or ``"seconds"``; see `Comparison`.
        within: Sizes to tell errors within, such as ``"params<=5000"``.
        on_plan: Called with the runs that `methods` need, before the first of them.
        on_run: Called before and behind each of them.
        stop: Lets a person stop; what has been made so far is compared.
        **settings: Of all runs of `methods`, as `lemonade.search` takes them.

    Raises:
        LemonadeError: if runs cannot be compared, or as `lemonade.search`.
    """
    some = [runs] if isinstance(runs, str | Path | Run) else runs
    known = [run if isinstance(run, Run) else Run.load(run) for run in some]
    if methods:
        if out is None:
            raise LemonadeError("compare: with methods to run, give out=FOLDER for their runs.")
        plan = planned(methods, seeds, Path(out), given(settings))
        check_request(by, within, plan[0].config.objectives[1:])
        extended = check_plan(plan)
        if on_plan is not None:
            on_plan(plan)
        with locked(Path(out), "Choose another --out."):
            known += carry_out(plan, extended, on_run, stop)
        if not known:
            raise LemonadeError("no run came so far that there is anything to compare. Go on with the same command.")
    elif settings:
        raise LemonadeError(f"{', '.join(settings)}: settings are for runs to be made; name methods to run.")
    comparison = Comparison(known, by, within)
    if out is not None:
        write_comparison(comparison, Path(out))
    return comparison


def planned(methods: str | Sequence[str], seeds: int, folder: Path, settings: Mapping[str, Any]) -> list[Planned]:
    """The runs of a comparison, seed by seed, so that one that is broken off still compares like with like.

    Raises:
        LemonadeError: for a method, a setting or a number of seeds that is none.
    """
    check_series(seeds, settings)
    names = [one.strip() for one in (_BETWEEN.split(methods) if isinstance(methods, str) else methods)]
    if not all(names) or len(set(names)) < len(names):
        raise LemonadeError(f"methods: expected different names with commas between, got '{','.join(names)}'.")
    runs = []
    for seed in range(1, seeds + 1):
        for name in names:
            method, *texts = name.split(":")
            changes = dict(parse_assignment(text) for text in texts)
            _check_changes(name, changes)
            made = with_budget(make_config(None, {**settings, "method": method, "seed": seed, **changes}))
            runs.append(Planned(name, made, folder / "runs" / f"{re.sub(r'[^A-Za-z0-9_.=-]+', '_', name)}-{seed}"))
    return runs


def check_plan(runs: Sequence[Planned]) -> set[Path]:
    """Say whatever is wrong with the last of the runs before the first takes its time.

    Returns:
        Folders of runs that are there, and whose budget is now larger.

    Raises:
        LemonadeError: for unknown names, or a folder that holds a run with other settings, naming the first of them.
    """
    extended = set()
    for one in runs:
        load_plugins(one.config.plugins)
        check_names(one.config)
        if one.begun:
            before = Run.load(one.folder)
            _check_same(one, before)
            if before.budget != one.config.budget:
                extended.add(one.folder)
    return extended


def carry_out(
    runs: Sequence[Planned], extended: Collection[Path], on_run: OnRun | None = None, stop: Stop | None = None
) -> list[Run]:
    """Make what is missing: start runs, go on with unfinished ones, and leave finished ones as they are.

    Those in `extended` go on to their new budget. Where a person stops it, what has been made so far is returned.

    Raises:
        LemonadeError: as `run_search`.
    """
    stop, done = stop or Stop(), []
    for one in runs:
        if on_run is not None:
            on_run(one, None)
        if one.begun:
            run = resume_search(one.folder, one.config.budget if one.folder in extended else None, stop=stop)
        else:
            run = run_search(one.config, one.folder, stop=stop)
        if run.evaluations or not stop.requests:  # one that was stopped while it was loading has nothing to compare
            done.append(run)
        if on_run is not None:
            on_run(one, run)
        if stop.requests:
            break
    return done


def _check_changes(method: str, changes: Mapping[str, Any]) -> None:
    """Refuse settings of one method's own in which runs have to agree to be compared."""
    for name in changes:
        section = dotted(name).partition(".")[0]
        if section in AGREED and name not in ("flip", "data.flip"):
            raise LemonadeError(f"{method}: all methods of a comparison have the same {name}; give it once, for all.")


def _check_same(one: Planned, before: Run) -> None:
    if names := differing(one.config, before.config):
        there, wanted = (flat_settings(config)[names[0]] for config in (before.config, one.config))
        raise LemonadeError(
            f"{one.folder} holds a run with {names[0]}={there}, but {wanted} is asked for. "
            "Give the same settings, or another folder for new runs."
        )
    for name, value in one.config.budget:
        had = getattr(before.budget, name)
        if (value is None) != (had is None) or (value is not None and value < had):
            raise LemonadeError(
                f"{one.folder} had a budget of {name} {had}, but {value} is asked for. "
                "Give one as large or larger, or another folder for new runs."
            )
