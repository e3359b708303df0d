"""Operators, one or one family a file. To add one: its class in a file here and its name in `OPERATORS`."""

from __future__ import annotations

from morphisms.operators.base import Operator, Rewrite, SiteError, site
from morphisms.operators.branches import AddBranch, ChangeBranch, RemoveBranch
from morphisms.operators.deepen import Deepen
from morphisms.operators.proceed import Continue
from morphisms.operators.remove import RemoveLayer
from morphisms.operators.resize import Prune, Widen
from morphisms.operators.separable import Separable
from morphisms.operators.skips import AddSkip, ConcatSkip, RemoveSkip

__all__ = ["OPERATORS", "Operator", "Rewrite", "SiteError", "site"]

OPERATORS: dict[str, Operator] = {
    kind.name: kind()
    for kind in (
        *(Deepen, Widen, AddSkip, ConcatSkip, Prune, RemoveLayer, RemoveSkip, Separable),
        *(AddBranch, RemoveBranch, ChangeBranch, Continue),
    )
}
