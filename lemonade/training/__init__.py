"""Training a child and reading its error."""

from lemonade.training.child_budget import ChildBudget, run_images
from lemonade.training.engine import Engine, engine_choices
from lemonade.training.loop import Trained, train
from lemonade.training.measure import Reading, logits, read_error

__all__ = [
    "ChildBudget",
    "Engine",
    "Reading",
    "Trained",
    "engine_choices",
    "logits",
    "read_error",
    "run_images",
    "train",
]
