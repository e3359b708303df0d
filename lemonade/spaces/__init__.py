"""Search spaces. To add one: its file here and its line in `SPACES`."""

from __future__ import annotations

from lemonade.spaces.base import Space, Start
from lemonade.spaces.network import NetworkSpace

__all__ = ["SPACES", "Space", "Start"]

SPACES = {"network": NetworkSpace}
