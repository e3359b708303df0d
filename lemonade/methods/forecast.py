"""What a run can tell of a child before it is trained, from the children it has paid for.

A model predicts how a child's error will differ from its parent's, from that error, its costs, the training that its
weights have behind them, its operators and what the space tells of its graph; or, where nothing is inherited, the error
itself from the costs and what the space tells (`search.predict`). Proposals are ranked by the gain in
hypervolume to expect from that. A second model, which sees the training loss as well, says how high the loss of a child
may still stand when part of its training is over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lemonade.front import Axis
from lemonade.methods.base import Setting, log_costs
from lemonade.methods.gain import Coverage, Shown, log_errors
from lemonade.methods.regression import Bend, CurveModel, ErrorModel, Scales, grouped, tuned, tuning_size
from lemonade.types import EARLY_LOSS, Candidate, Evaluation, Genotype, Hurdle, Status
from morphisms import OPERATORS, Morphism

LEAST_CURVES = 40
"""Training curves to learn from before a child may be stopped early."""
STOP_SHARE = 0.3
"""Share of its training after which a child is judged. The log error of digits children is then known to .14 inherited
and .13 fresh (root mean square), before it to .25 and .22, after a half of it to .09."""
_PROBABILITIES = (np.arange(15) + 0.5) / 15
"""Quantiles of a predicted error at which the gain is taken."""
MARGIN = 0.05
"""A box around the members reaches so far beyond them, as a share of it, that the ones at its ends count."""
WORST_CHANGE = 0.5
"""Log errors further above the parent's count as this: how badly some children failed says little of the others."""


@dataclass(frozen=True)
class Features:
    """What the models see of a child before it is trained: the log of its parent's error, and all else."""

    parent: float
    others: tuple[float, ...]

    @property
    def all(self) -> tuple[float, ...]:
        """Both."""
        return (self.parent, *self.others)


@dataclass(frozen=True)
class Known:
    """A trained network: the error that decides, the one that people see, its cheap objectives."""

    deciding: float
    shown: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class _Row:
    features: Features
    log_error: float  # NaN if it was stopped early
    log_loss: float | None  # at `STOP_SHARE`


class Forecast:
    """Learns from each child told, and ranks proposals. All it says follows from what it was told.

    Other expensive objectives than the error are left out of a ranking, and where there are any no child is stopped.

    Args:
        setting: The method's.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._known: dict[str, Known] = {}
        self._rows: list[_Row] = []
        self._scales: tuple[int, Scales] | None = None
        self._curve_model: tuple[int, CurveModel] | None = None  # with how many rows it was fitted to

    @property
    def ready(self) -> bool:
        """Whether there is enough to learn from."""
        return len(self._finished()) >= self._setting.search.forecast_from

    def features(
        self,
        genotype: Genotype,
        costs: Mapping[str, float],
        morphisms: Sequence[Morphism],
        parent: Candidate | None,
        lineage_examples: int,
    ) -> Features | None:
        """What the models see of a child before it is trained; None for a start network if a parent has to be known.

        Args:
            genotype: The child.
            costs: Its cheap objectives.
            morphisms: How it comes about.
            parent: A network told before.
            lineage_examples: Training images that its weights have seen already.
        """
        sizes = log_costs(costs)
        if self._setting.search.predict == "error":
            return Features(0.0, (*sizes.tolist(), *self._setting.space.features(genotype)))
        if parent is None:
            return None
        growth = sizes - log_costs(parent.costs)
        used = [morphism.operator for morphism in morphisms]
        others = (
            *sizes.tolist(),
            *growth.tolist(),
            float(np.log10(1 + lineage_examples)),
            *(float(used.count(name)) for name in OPERATORS),
            *self._setting.space.features(genotype),
        )
        return Features(float(log_errors(self._known[parent.id].deciding)), others)

    def told(self, candidate: Candidate, evaluation: Evaluation, features: Features | None) -> None:
        """Learn from a result, `features` being what was seen of it before; None: nothing to predict it from."""
        log_error = math.nan
        if evaluation.status is Status.OK:
            deciding = self._setting.vector(candidate, evaluation)[0]
            shown = self._setting.shown(candidate, evaluation)[0]
            self._known[candidate.id] = Known(deciding, shown, candidate.costs)
            log_error = float(log_errors(deciding))
        elif evaluation.status is not Status.STOPPED:
            return
        if features is not None:
            self._rows.append(_Row(features, log_error, _log_loss(evaluation)))

    def ranked(
        self,
        features: Sequence[Features],
        costs: Sequence[Mapping[str, float]],
        efforts: Sequence[float],
        front: Sequence[str],
        count: int,
        taken: Sequence[int] = (),
    ) -> list[int]:
        """Positions of the `count` proposals that together promise the largest gain for what they cost, best first.

        Each is chosen as if those before had turned out as predicted.

        Args:
            features: What the model sees of each proposal.
            costs: The proposals' cheap objectives.
            efforts: What the proposals cost to train; gains are divided by it.
            front: Ids of the members.
            count: How many to choose, those `taken` included.
            taken: Positions chosen beforehand, which come first.
        """
        from scipy.special import ndtri

        shown = self._shown()
        members = [self._known[name] for name in front]
        coverage = Coverage(*self._box(members, costs))
        for member, points in zip(
            members, coverage.reached([list(one.costs.values()) for one in members]), strict=True
        ):
            coverage.add(float(shown(member.deciding)), points)
        found, deviation = self._model().predict([one.all for one in features])
        quantiles = found[:, None] + deviation[:, None] * ndtri([*_PROBABILITIES, 0.5])[None, :]
        logs = self._bend(self._finished()).straight(quantiles) + np.array([one.parent for one in features])[:, None]
        values = shown(np.exp(logs))
        errors, middle = values[:, :-1], values[:, -1]
        reached = coverage.reached([list(one.values()) for one in costs])
        chosen: list[int] = []
        while len(chosen) < count:
            if len(chosen) < len(taken):
                position = taken[len(chosen)]
            else:
                gains: NDArray[np.float64] = coverage.gains(errors, reached) / np.asarray(efforts)
                gains[chosen] = -1
                position = int(gains.argmax())
            chosen.append(position)
            coverage.add(float(middle[position]), reached[position])
        return chosen

    def hurdle(self, features: Features | None, costs: Mapping[str, float], front: Sequence[str]) -> Hurdle | None:
        """The loss from which on a child will hardly reach the front; None where that cannot be said."""
        chance = self._setting.search.stop_chance
        if chance == 0 or features is None or self._setting.axes.keys() != {"error", *costs}:
            return None
        members = [self._known[name] for name in front]
        rivals = [one.deciding for one in members if all(one.costs[name] <= costs[name] for name in costs)]
        curves = self._curves()
        if curves is None or not rivals:
            return None
        most = curves.highest_loss(features.all, float(log_errors(min(rivals))), chance)
        return Hurdle(STOP_SHARE, float(np.exp(most))) if np.isfinite(most) else None

    def _shown(self) -> Shown:
        known = list(self._known.values())
        highest = self._setting.axes["error"].high
        return Shown([one.deciding for one in known], [one.shown for one in known], highest)

    def _finished(self) -> list[_Row]:
        return [row for row in self._rows if not math.isnan(row.log_error)]

    def _curves(self) -> CurveModel | None:
        """The model of training curves; None while there are too few."""
        rows = [row for row in self._finished() if row.log_loss is not None]
        if len(rows) < LEAST_CURVES:
            return None
        if self._curve_model is None or self._curve_model[0] != len(rows):
            columns = zip(*[(row.features.all, row.log_loss, row.log_error) for row in rows], strict=True)
            self._curve_model = (len(rows), CurveModel.of(*columns))
        return self._curve_model[1]

    def _model(self) -> ErrorModel:
        """The model of how a child's log error differs from its parent's, or of its bent log error."""
        finished = self._finished()
        size = tuning_size(len(finished))
        if self._scales is None or self._scales[0] != size:
            self._scales = (size, self._tuned(finished[:size]))
        return ErrorModel(*self._learned(self._filled(), self._bend(finished)), self._scales[1])

    def _tuned(self, rows: Sequence[_Row]) -> Scales:
        features, values = self._learned(rows, self._bend(rows))  # of these alone: a run that goes on tunes as before
        if self._setting.search.predict == "change":
            return tuned(features, values)
        groups = self._setting.space.groups()
        return grouped(features, values, [len(features[0]) - sum(groups), *groups])

    def _bend(self, finished: Sequence[_Row]) -> Bend:
        """How errors are laid out for the model: changes of their logarithms as they are."""
        if self._setting.search.predict == "change":
            return Bend(0.0, 0.0)
        return Bend.of([row.log_error for row in finished])

    def _learned(self, rows: Sequence[_Row], bend: Bend) -> tuple[list[tuple[float, ...]], NDArray[np.float64]]:
        """Features, and what the model is to say of them."""
        changes = np.array([row.log_error - row.features.parent for row in rows])
        if self._setting.search.predict == "change":
            changes = np.minimum(changes, WORST_CHANGE)
        return [row.features.all for row in rows], bend.bent(changes)

    def _box(self, members: Sequence[Known], costs: Sequence[Mapping[str, float]]) -> tuple[Axis, list[Axis]]:
        """The box that gains are told in: the run's, or what lies between the members and the proposals."""
        axes = self._setting.axes
        if self._setting.search.gain_box == "run":
            return axes["error"], [axes[name] for name in costs[0]]
        errors = [member.shown for member in members]
        sides = [_around(axes["error"], [*errors, max(errors) + MARGIN * (max(errors) - min(errors))])]
        for name in costs[0]:
            values = [one[name] for one in (*[member.costs for member in members], *costs)]
            sides.append(_around(axes[name], [*values, max(values) * (1 + MARGIN)]))
        return sides[0], sides[1:]

    def _filled(self) -> list[_Row]:
        """All rows; what was stopped early has the error that its loss foretold."""
        finished = self._finished()
        if len(finished) == len(self._rows):
            return finished
        curves = self._curves()
        filled = []
        for row in self._rows:
            if not math.isnan(row.log_error):
                filled.append(row)
            elif curves is not None and row.log_loss is not None:
                filled.append(_Row(row.features, curves.log_error(row.features.all, row.log_loss), row.log_loss))
        return filled


def _around(axis: Axis, values: Sequence[float]) -> Axis:
    """An axis of the same kind around these values; a linear one begins at 0, since a mean may lie below them.

    One by logarithms begins no lower than its run's: a member may cost nothing.
    """
    low, high = min(values), max(values)
    if axis.log:
        low, high = max(low, axis.low), max(high, axis.low)
    return Axis(low if axis.log else min(low, 0.0), high if high > low else low + 1.0, axis.log)


def _log_loss(evaluation: Evaluation) -> float | None:
    """Log of the training loss at `STOP_SHARE`; None if there is no curve."""
    loss = evaluation.payload.get(EARLY_LOSS)
    if loss is None and evaluation.curve:
        loss = Hurdle(STOP_SHARE, 0.0).reading(evaluation.curve, evaluation.curve[-1][0])
    return None if loss is None else float(np.log(max(loss, 1e-6)))
