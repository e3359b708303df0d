"""Search spaces.

To add one whose networks a search trains: its file here, its line in `SPACES`, its settings in `SpaceSettings`, and its
name where the command line's help and `methods.local` list them.
"""

from __future__ import annotations

from lemonade.spaces.base import GridSpace, Space, Start
from lemonade.spaces.cell import Cell
from lemonade.spaces.nasbench201 import NasBench201
from lemonade.spaces.network import NetworkSpace
from lemonade.spaces.table import TableSpace

__all__ = ["SPACES", "GridSpace", "Space", "Start", "TableSpace"]

# each names its `operators`, of which settings may take some, and its `sizes`, the settings of `SpaceSettings` it reads
SPACES: dict[str, type[NetworkSpace] | type[Cell] | type[NasBench201]] = {
    "network": NetworkSpace,
    "cell": Cell,
    "nasbench201": NasBench201,
}
