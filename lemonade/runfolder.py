"""The map of a run folder: what lies in it, by what name, and that nothing else is written over it.

A search writes the journal, the config, the environment, graphs, weights and the front; what is made of its networks
later (`MODELS`, `REFERENCES`, `REPORT`, `PICTURE`) lies beside them.
"""

from __future__ import annotations

from pathlib import Path

from lemonade.errors import LemonadeError

JOURNAL = "journal.jsonl"
CONFIG = "config.yaml"
ENVIRONMENT = "environment.json"
GRAPHS = "graphs"
"""A file for each network, named by its hash."""
WEIGHTS = "weights"
"""A file for each candidate whose weights are kept, named by its id."""
FRONT = "front.csv"
PICTURE = "front.png"
REPORT = "report.html"
SCALARS = "tensorboard"
MODELS = "models"
"""A folder for each network that was retrained or exported, named by its id."""
RETRAINED = "retrained"
"""In a network's folder of `MODELS`: a record and weights of each long training."""
SEARCHED = "searched.json"
"""Beside it: the test error of the weights that the search left."""
EXPORT_RECORD = "export.json"
"""In a network's folder of `MODELS`: what was exported, and with which weights."""
REFERENCES = "references"
WORK = ".work"
"""Data that workers map; made anew at each start."""
LOCK = ".lock"

OF_A_SEARCH = {JOURNAL, CONFIG, ENVIRONMENT, GRAPHS, WEIGHTS, FRONT, SCALARS, WORK, LOCK}
"""What may lie in a folder in which a run began, and never came to its first line."""
_NEVER_A_TARGET = {JOURNAL, CONFIG, ENVIRONMENT, GRAPHS, WEIGHTS, MODELS, REFERENCES, WORK, LOCK}


def has_begun(folder: Path) -> bool:
    """Whether a run came as far as the first line of its journal; without that there is nothing to go on with."""
    journal = folder / JOURNAL
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        return file.readline().endswith(b"\n")


def check_target(path: Path) -> None:
    """Refuse to write what a person asked for over a part of a run.

    Raises:
        LemonadeError: naming the run.
    """
    whole = path.resolve()
    for folder in whole.parents:
        if whole.relative_to(folder).parts[0] in _NEVER_A_TARGET and (folder / JOURNAL).exists():
            raise LemonadeError(f"{path} is a part of the run {folder} itself. Choose another place.")
