"""Training a child and reading its error."""

from lemonade.training.engine import Engine, engine_choices
from lemonade.training.loop import Trained, train
from lemonade.training.measure import Reading, logits, read_error
from lemonade.training.teacher import Teacher

__all__ = [
    "Engine",
    "Reading",
    "Teacher",
    "Trained",
    "engine_choices",
    "logits",
    "read_error",
    "train",
]
