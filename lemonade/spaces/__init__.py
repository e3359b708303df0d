"""Search spaces. To add one: its file here and its line in `SPACES`, if a search trains its networks."""

from __future__ import annotations

from lemonade.spaces.base import GridSpace, Space, Start
from lemonade.spaces.network import NetworkSpace
from lemonade.spaces.table import TableSpace

__all__ = ["SPACES", "GridSpace", "Space", "Start", "TableSpace"]

SPACES = {"network": NetworkSpace}
