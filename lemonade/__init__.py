"""Evolve a Pareto front of neural networks: error against parameters, FLOPs and latency, by network morphisms.

    import lemonade

    run = lemonade.search(dataset="digits", time="60s")
    run.front                            # a table
    model = run.front.knee.module()      # a plain torch.nn.Module with its weights

Names are imported when first used, so that reading a run does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lemonade.errors import LemonadeError
    from lemonade.exporting.writing import export
    from lemonade.history import Run
    from lemonade.objectives import objective
    from lemonade.predicting import predict
    from lemonade.reporting.webpage.writing import report
    from lemonade.retraining.training import retrain
    from lemonade.searching import resume, search
    from lemonade.trials import compare

__version__ = "0.1.0"
__all__ = ["LemonadeError", "Run", "compare", "export", "objective", "predict", "report", "resume", "retrain", "search"]

_HOME = {
    "LemonadeError": "errors",
    "Run": "history",
    "compare": "trials",
    "report": "reporting.webpage.writing",
    "export": "exporting.writing",
    "objective": "objectives",
    "predict": "predicting",
    "resume": "searching",
    "retrain": "retraining.training",
    "search": "searching",
}


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"lemonade.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lemonade' has no attribute '{name}'")
