"""`lemonade search`: start a run."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import typer
from rich.text import Text

from lemonade.cli import common, options, running
from lemonade.config import Config
from lemonade.dryrun import describe
from lemonade.reporting import screen
from lemonade.run import free_folder, own_folder
from lemonade.settings import make_config
from lemonade.store import RunStore


def search(
    config: options.ConfigFile = None,
    dataset: options.Dataset = None,
    space: options.Space = None,
    method: options.Method = None,
    objectives: options.Objectives = None,
    limit: options.Limit = None,
    evaluations: options.Evaluations = None,
    examples: options.Examples = None,
    time: options.Time = None,
    child_examples: options.ChildExamples = None,
    inherit: options.Inherit = None,
    seed: options.Seed = None,
    device: options.Device = None,
    workers: options.Workers = None,
    assignments: options.Assignments = None,
    plugin: options.Plugins = None,
    image_size: options.ImageSize = None,
    flip: options.Flip = None,
    skip_unreadable: options.SkipUnreadable = False,
    out: options.Out = None,
    tensorboard: options.TensorBoard = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for networks and print their front.

    Every generation proposes children of the front's members, trains the most promising ones and keeps those that no
    other beats in all objectives. Ctrl-C finishes the children in training and saves; `lemonade resume` goes on.
    """
    settings = options.settings(
        assignments,
        limit,
        objectives,
        plugin,
        dataset=dataset,
        space=space,
        method=method,
        evaluations=evaluations,
        examples=examples,
        time=time,
        child_examples=child_examples,
        inherit=inherit,
        seed=seed,
        device=device,
        workers=workers,
        image_size=image_size,
        flip=flip,
        skip_unreadable=skip_unreadable or None,
        tensorboard=tensorboard,
    )
    checked = make_config(config, settings)
    # the run's own checks come later, with torch; a folder that is taken is said at once
    if out is not None:
        RunStore.check_free(out)
    if dry_run:
        _describe(checked, out or free_folder(checked))
        return
    with own_folder(checked) if out is None else nullcontext(out) as folder:
        raise typer.Exit(running.start(checked, folder, quiet))


def _describe(config: Config, folder: Path) -> None:
    console = screen.console()
    console.print(Text(running.LOADING))
    for sentence in describe(config):
        console.print(Text(sentence))
    console.print(Text(f"budget: {running.budget_text(config.budget)}"))
    console.print(Text(f"The run would be written to {common.short_path(folder)}. Nothing was trained."))
