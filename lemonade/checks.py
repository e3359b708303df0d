"""Whether settings name what there is and fit together: asked before anything slow begins."""

from __future__ import annotations

from lemonade.config import Config, LatencySettings
from lemonade.errors import LemonadeError, unknown
from lemonade.methods import check_method
from lemonade.objectives import check_limits, resolve
from lemonade.spaces import SPACES
from morphisms import OPERATORS


def check_names(config: Config) -> None:
    """Refuse unknown names before anything slow begins.

    Raises:
        LemonadeError: naming the setting and the nearest known name.
    """
    if config.space.name not in SPACES:
        raise unknown("space", config.space.name, SPACES)
    check_method(config.method, config.space.name)
    _check_space(config)
    _check_latency(config.latency)
    # the number of classes, not known yet, only decides where the error's box ends
    check_limits(config.limits, resolve(config.objectives, 10, config.boxes))


def _check_space(config: Config) -> None:
    """Refuse operators and sizes that the space does not have."""
    space = SPACES[config.space.name]
    for name in config.search.operators or ():
        if name not in OPERATORS:
            raise unknown("operator", name, OPERATORS)
        if name not in space.operators:
            raise LemonadeError(
                f"operator '{name}' does not exist on the space '{space.name}'. There: {', '.join(space.operators)}."
            )
    for name, value in config.space.model_dump(exclude={"name"}, exclude_none=True).items():
        if name not in space.sizes:
            sizes = ", ".join(f"space.{one}" for one in space.sizes)
            raise LemonadeError(
                f"space.{name}: the space '{space.name}' has no such size, got {value}. Its sizes: {sizes}."
            )


def _check_latency(latency: LatencySettings) -> None:
    """Refuse what cannot be timed together."""
    if latency.runtime == "torch":
        return
    for name, value, only in (("dtype", latency.dtype, "float32"), ("device", latency.device or "cpu", "cpu")):
        if value != only:
            raise LemonadeError(
                f"latency.{name}: {latency.runtime} is timed with {only} alone, got '{value}'. "
                "Leave it out, or set latency.runtime to torch."
            )
