"""Training a finished front's networks to the end, and what came of it."""

from __future__ import annotations

from lemonade.retraining.records import (
    START_KINDS,
    Retrained,
    Training,
    all_retrained,
    rank,
    retrained,
    searched_test,
    spread_text,
)

__all__ = ["START_KINDS", "Retrained", "Training", "all_retrained", "rank", "retrained", "searched_test", "spread_text"]
