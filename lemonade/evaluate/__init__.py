"""Evaluators: where children are trained. Import the one you need; most need torch."""

from lemonade.evaluate.base import Evaluator

__all__ = ["Evaluator"]
