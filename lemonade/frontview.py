"""The front of a run as a person handles it: a sequence of members that prints as a table."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from lemonade.conditions import fulfilled, parse_conditions
from lemonade.deciding import Choice, check_weights, choose_by_weights, high_tradeoff, parse_weights
from lemonade.errors import LemonadeError
from lemonade.files import write_whole
from lemonade.front import Points, hypervolume, knee
from lemonade.members import Member
from lemonade.objectives import Objective, resources, vector
from lemonade.runfolder import check_target

EMPTY = "the front is empty: no child has been trained without failure yet."

if TYPE_CHECKING:
    import pandas


class FrontView(Sequence[Member]):
    """The members of a front, the cheapest first by the first objective that is not an error; prints as a table."""

    def __init__(self, members: Sequence[Member], objectives: Sequence[Objective], smoothed: bool) -> None:
        """Order members that do not dominate each other; `smoothed` says which reading of the error decided."""
        self.objectives = tuple(objectives)
        self.smoothed = smoothed
        resource = next(iter(resources(objectives)), objectives[0].name)
        self.members = tuple(sorted(members, key=lambda member: (member.values[resource], member.id)))

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Member, ...]: ...
    def __getitem__(self, index: int | slice) -> Member | tuple[Member, ...]:
        return self.members[index]

    @cached_property
    def hypervolume(self) -> float:
        """Share of the objectives' box that the members dominate, by the plain errors; 0 to 1."""
        return hypervolume(self._points(smoothed=False), [one.axis for one in self.objectives])

    @cached_property
    def knee(self) -> Member | None:
        """The member where the front bends most (see `lemonade.front.knee`); None if the front is empty.

        Looked for among members that err at most half as often as guessing does, if there are three: hopeless ones
        would anchor the cheap end of the line it is measured from.
        """
        if not self.members:
            return None
        points = self._points(self.smoothed)
        half = self.objectives[0].box[1] / 2
        able = [position for position, point in enumerate(points) if point[0] <= half]
        chosen = able if len(able) >= 3 else list(range(len(points)))
        return self.members[chosen[knee(points[chosen], [one.axis for one in self.objectives])]]

    def where(self, limits: Mapping[str, float] | str) -> FrontView:
        """The members within limits, as a view of the same kind.

        Args:
            limits: Largest values by name, or conditions as the command line takes them: ``"params<=50000"``.

        Raises:
            LemonadeError: for a limit on something that members have no value of.
        """
        if isinstance(limits, str):
            asked = parse_conditions(limits, list(self.members[0].values) if self.members else [], "where")
            return FrontView([m for m in self.members if fulfilled(asked, m.values)], self.objectives, self.smoothed)
        for name in limits:
            for member in self.members:
                if name not in member.values:
                    raise LemonadeError(f"members have no value of '{name}'. Known: {', '.join(member.values)}.")
        kept = [one for one in self.members if all(one.values[name] <= limit for name, limit in limits.items())]
        return FrontView(kept, self.objectives, self.smoothed)

    def best(self, limits: Mapping[str, float] | str | None = None) -> Member:
        """The member with the least error (by the reading that decides) within the limits; of equals, the cheapest.

        Args:
            limits: Largest values by name, or conditions as the command line takes them: ``"params<=50000"``.

        Raises:
            LemonadeError: if no member is within them, naming what there is.
        """
        if not self.members:
            raise LemonadeError(EMPTY)
        if isinstance(limits, str):
            within = self.where(limits)
            if not within.members:
                raise LemonadeError(f"no member of the front fulfils '{limits}'.")
            return within.best()
        kept = self.where(limits or {}).members
        if not kept:
            wanted = " and ".join(f"{name} <= {limit:,.12g}" for name, limit in (limits or {}).items())
            least = ", ".join(f"{name} {min(one.values[name] for one in self):,.6g}" for name in limits or {})
            raise LemonadeError(f"no member of the front has {wanted}. The least there is: {least}.")
        return min(kept, key=lambda member: vector(member.values, self.objectives[:1], self.smoothed))

    def weighted(self, weights: Mapping[str, float] | str) -> Member:
        """The member that spends its strengths as the weights say; see `lemonade.deciding.choose_by_weights`.

        Args:
            weights: By objective, or as the command line takes them: ``"error=0.7,params=0.3"``.

        Raises:
            LemonadeError: if the front is empty, or the weights are none.
        """
        return self.members[self.choice(weights, "weights").position]

    def choice(self, weights: Mapping[str, float] | str, where: str) -> Choice:
        """What `weighted` chooses, and by what; `where` is what an error begins with.

        Raises:
            LemonadeError: as `weighted`.
        """
        if not self.members:
            raise LemonadeError(EMPTY)
        axes = {one.name: one.axis for one in self.objectives}
        if isinstance(weights, str):
            wanted = parse_weights(weights, list(axes), where)
        else:
            wanted = check_weights(weights, list(axes), where)
        return choose_by_weights(self._points(self.smoothed), axes, wanted)

    @cached_property
    def tradeoffs(self) -> tuple[Member, ...]:
        """Members that one leaves for a neighbour only at a loss; see `lemonade.deciding.high_tradeoff`."""
        found = high_tradeoff(self._points(self.smoothed), [one.axis for one in self.objectives])
        return tuple(self.members[position] for position in found)

    def to_json(self) -> dict[str, Any]:
        """The whole front as one JSON object: what ranks it, its knee, its best, and all values of its members."""
        members = [
            {
                "id": one.id,
                "parent": one.parent,
                "generation": one.generation,
                "operators": list(one.operators),
                "summary": one.summary,
                "values": dict(one.values),
            }
            for one in self
        ]
        return {
            "objectives": [one.name for one in self.objectives],
            "smoothed": self.smoothed,
            "validation_images": self[0].facts.validation if len(self) else None,
            "hypervolume": self.hypervolume,
            "knee": self.knee.id if self.knee is not None else None,
            "best": self.best().id if len(self) else None,
            "members": members,
        }

    def to_csv(self, path: str | Path | None = None) -> str:
        """The members as CSV text with a header; written to `path` too if one is given.

        Raises:
            LemonadeError: if the file cannot be written, or is a part of a run.
        """
        names = self._value_names()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "parent", "generation", "operators", *names])
        for one in self:
            values = [one.values.get(name, "") for name in names]
            writer.writerow([one.id, one.parent or "", one.generation, " ".join(one.operators), *values])
        if path is not None:
            check_target(Path(path))
            write_whole(Path(path), text.getvalue(), "Choose another place.")
        return text.getvalue()

    def to_pandas(self) -> pandas.DataFrame:
        """The members as a data frame, indexed by id.

        Raises:
            LemonadeError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise LemonadeError("pandas is not installed. Use to_csv or to_json, or: pip install pandas") from None
        return pandas.read_csv(io.StringIO(self.to_csv()), index_col="id")

    def __str__(self) -> str:
        if not self.members:
            return "The front is empty: no child has been trained without failure yet."
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        right = range(2, 2 + len(self._shown()))
        lines = [
            "  ".join(
                cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
                for column, cell in enumerate(row)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, self._note()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for notebooks."""
        if not self.members:
            return f"<p>{html.escape(str(self))}</p>"
        head, *rows = self._rows()
        titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table><p>{html.escape(self._note())}</p>"

    def _points(self, smoothed: bool) -> Points:
        points = [vector(one.values, self.objectives, smoothed) for one in self]
        return np.array(points, dtype=np.float64).reshape(len(points), len(self.objectives))

    def _value_names(self) -> list[str]:
        """Objectives in their order, each error followed by its smoothed reading, then whatever else is known."""
        known = dict.fromkeys(name for one in self for name in one.values)
        ordered = [name for one in self.objectives for name in (one.name, one.smoothed) if name in known]
        return list(dict.fromkeys([*(ordered or [one.name for one in self.objectives]), *known]))

    def _shown(self) -> list[str]:
        """Names of the columns of values in the table."""
        known = self._value_names()
        names = [(one.name, one.smoothed) if self.smoothed else (one.name,) for one in self.objectives]
        return [name for pair in names for name in pair if name in known]

    def _rows(self) -> list[list[str]]:
        from lemonade.numbers import measured

        names = self._shown()
        rows = [["", "id", *names, "from", "how"]]
        for one in self:
            images = one.facts.validation
            values = [measured(name, one.values[name], images) for name in names]
            rows.append(["●" if one is self.knee else "", one.id, *values, one.parent or "start", one.summary])
        return rows

    def _note(self) -> str:
        """What has to be known to read the table; there is a knee."""
        from lemonade.numbers import wilson

        assert self.knee is not None
        images = self.knee.facts.validation
        low, high = wilson(self.knee.values[self.objectives[0].name], images)
        note = (
            f"● knee, error between {low:.3f} and {high:.3f} (95 %, {images:,} validation images) · "
            f"hypervolume {self.hypervolume:.3f}"
        )
        return f"{note} · ranked by error_smoothed, 1 - mean probability of the true class" if self.smoothed else note
