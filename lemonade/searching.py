"""A search as Python users call it: a run, and the picture of its front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lemonade.config import Config, make_config
from lemonade.history import Run
from lemonade.reporting.picture import save_picture
from lemonade.run import free_folder, run_search
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
        made = make_config(None, {**config.model_dump(exclude_unset=True), **settings})
    else:
        made = make_config(config, settings)
    run = run_search(made, Path(out) if out is not None else free_folder(made), on_event)
    save_picture(run, run.folder / "front.png")
    return run
