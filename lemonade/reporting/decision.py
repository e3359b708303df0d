"""What was chosen from a front, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lemonade import numbers
from lemonade.reporting import reading

if TYPE_CHECKING:
    from lemonade.deciding import Choice
    from lemonade.frontview import FrontView
    from lemonade.members import Member

TRADEOFF_NOTE = (
    "High trade-off: going from such a member to its neighbours loses more for each gain than going from nearly all"
    " others, in shares of the front's width."
)


def choice_notes(view: FrontView, choice: Choice) -> list[str]:
    """What the weights mean and how near the chosen member comes to them, one sentence a line."""
    member, wanted = view[choice.position], choice.wanted
    names = " and ".join(reading.label(name) for name in wanted)
    logs = [reading.label(one.name) for one in view.objectives if one.log and one.name in wanted]
    scales = f" ({' and '.join(logs)} by log10)" if logs else ""
    if len(view) == 1:
        return [f"Weights {_shares(wanted)} decide nothing: {member.id} is the only member."]
    if len(wanted) == 1:
        return [f"Weights {_shares(wanted)}: nothing else counts, so {member.id} is the one of least {names}."]
    if not choice.found:
        return [f"Weights {_shares(wanted)} decide nothing: {member.id} is the best in {names} together."]
    notes = [
        f"Weights {_shares(wanted)}: how a member's lead over the worst should be divided{scales}.",
        f"{member.id} has {_shares(choice.found)}: the nearest of the {choice.rivals} that no other beats in {names}.",
    ]
    if left := [reading.label(one.name) for one in view.objectives if one.name not in wanted]:
        notes.append(f"Without a weight, and so not looked at: {', '.join(left)}.")
    return notes


def luckier_notes(view: FrontView, best: Member) -> list[str]:
    """Why the most accurate member is not the one with the fewest wrong images, where it is not."""
    error = view.objectives[0]
    luckier = min(view, key=lambda member: member.values[error.name])
    if not view.smoothed or luckier.values[error.name] >= best.values[error.name]:
        return []
    images = reading.images_of(luckier)
    return [
        f"Chosen by the smoothed {error.name}. {luckier.id} has a lower plain one, "
        f"{numbers.named(error.name, luckier.values[error.name], images)}, and a higher smoothed one: on so few images "
        "that is likely to be luck."
    ]


def _shares(weights: Mapping[str, float]) -> str:
    """``"error 70 %, params 30 %"``."""
    return ", ".join(f"{reading.label(name)} {100 * weight:.0f} %" for name, weight in weights.items())
