"""Numbers as a person reads them: 854, 4,102, 1.9 M, 3 min 20 s, an error with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z95 = 1.959963984540054
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BARS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


THOUSANDS = {"k": 10**3, "M": 10**6, "G": 10**9}
"""Letters behind a number, as tables print them."""


def parsed(text: str) -> float:
    """The number a person typed: ``"2e6"``, ``"2_000"``, ``"20k"``, ``"1.5 M"``.

    Raises:
        ValueError: if it is none.
    """
    digits = text.strip()
    factor = THOUSANDS.get(digits[-1:])
    # rounded: 2.2 times a million is a little more
    return round(float(digits[:-1]) * factor, 6) if factor else float(digits)


def short(value: float) -> str:
    """Two or three significant digits and a unit: 854, 9.1 k, 148 k, 1.9 M."""
    if not math.isfinite(value):
        return str(value)
    for scale, unit in _UNITS:
        if abs(value) >= scale * 0.9995:  # where rounding reaches the next unit it is the next unit's
            return f"{value / scale:.1f} {unit}" if abs(value) < 9.95 * scale else f"{value / scale:.0f} {unit}"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def count(value: float) -> str:
    """A number of things: exact with separators below a million, short above."""
    return f"{value:,.0f}" if abs(value) < 999_999.5 else _millions(value)


def _millions(value: float) -> str:
    scale, unit = (1e9, "G") if abs(value) >= 999.995e6 else (1e6, "M")
    return f"{value / scale:,.2f} {unit}"


def share(value: float, images: int | None = None) -> str:
    """An error: as many digits as that many images can tell apart."""
    if images is not None:
        return f"{value:.{3 if images <= 2_000 else 4}f}"
    return f"{value:.3f}" if value >= 0.0995 else f"{value:.4f}"


def measured(name: str, value: float, images: int | None = None) -> str:
    """The value of an objective, written as its kind asks for.

    Args:
        name: The objective's name, as ``"params"`` or ``"error@other"``.
        value: Its value.
        images: Validation images an error was read on, if known.
    """
    if is_error(name):
        return share(value, images)
    if name == "params":
        return count(value)
    if name.endswith("_ms"):
        return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f} ms"
    if name.endswith("bytes"):
        return f"{short(value)}B" if abs(value) >= 1e3 else f"{value:.0f} B"
    return short(value)


def named(name: str, value: float, images: int | None = None) -> str:
    """An objective with its value: ``"params 1,702"``, and ``"latency 0.319 ms"``, since one unit is enough."""
    return f"{name.removesuffix('_ms')} {measured(name, value, images)}"


def is_error(name: str) -> bool:
    """Whether an objective is a share of wrong images."""
    return name == "error" or name.startswith(("error@", "error_"))


def quantity(number: float, noun: str, plural: str | None = None) -> str:
    """``"1 child"``, ``"171 children"``: a count with its noun in the right form."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A length of time in words: 8 s, 80 s, 3 min 20 s, 2 h 05 min."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds % 1 > 0.05 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes % 60 else f"{minutes // 60} h"


def clock(seconds: float) -> str:
    """A countdown: 0:00:08."""
    whole = max(0, math.ceil(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def wilson(error: float, images: int) -> tuple[float, float]:
    """95 % interval of a share of wrong images (Wilson 1927): it holds near 0, where the normal one does not.

    Args:
        error: Share in [0, 1].
        images: How many were read; at least 1.
    """
    spread = Z95**2 / images
    middle = (error + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * math.sqrt(max(0.0, error * (1 - error)) / images + spread / (4 * images))
    return max(0.0, middle - half), min(1.0, middle + half)


def sparkline(values: Sequence[float], width: int = 10) -> str:
    """The course of a value as one line of bars, the last `width` columns of it averaged over all of it."""
    points = [value for value in values if math.isfinite(value)]
    if not points or width < 1:
        return ""
    columns = min(width, len(points))
    # every column is the last point of its stretch, so that the end of the line is where things stand now
    chosen = [points[(index + 1) * len(points) // columns - 1] for index in range(columns)]
    low, high = min(chosen), max(chosen)
    span = high - low
    return "".join([_BARS[round((value - low) / span * (len(_BARS) - 1)) if span > 0 else 0] for value in chosen])


def bar(part: float, width: int) -> str:
    """A horizontal bar for a share between 0 and 1, in eighths of a character."""
    eighths = round(min(1.0, max(0.0, part)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")
