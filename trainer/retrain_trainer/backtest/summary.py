"""What a policy was worth: its mean score beside *never* and *always*, and how sure that is. Pure.

A mean score weighs each period by its rows. How far chance goes is told by the jackknife of `model.intervals` over
*periods*: one period after another is left out, and the spread of the results gives the standard error. The period is
the unit, not the day, since all days of a period are scored by the same models and share their luck. That a period
resembles the next is not allowed for, as it is for days: where a model ages, the gain grows from period to period,
and what is to be measured would be taken for noise. The interval speaks of other periods like these; it does not know
of the models that another history would have made.

    recovered = (policy - never) / (always - never)

is told only where *always* is clearly better than *never*: the lower bound of that gain is above zero. Elsewhere there
is no gain to recover, and the ratio would be noise over noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.model.intervals import Interval, jackknife

Floats = NDArray[np.float64]

#: One-sided level of each bound.
CONFIDENCE = 0.95

Conclusion = Literal["GainAvailable", "NoGainAvailable", "TooFewPeriods"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The scores of one period, in the metric's own sign, and what the check at its start cost.

    `never`, `policy`, `always`: NaN where there is no model yet, no labelled row or no defined score. `seconds`: of
    fitting.
    """

    rows: int
    never: float
    policy: float
    always: float
    trained: bool
    promoted: bool
    seconds: float
    always_trained: bool
    always_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to keep a model: its mean score over all scored periods, and what it cost. `wasted`: trained, and not
    promoted.
    """

    score: float
    trainings: int
    wasted: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`gain`: always minus never; `better`: policy minus never; both positive for the better. `recovered`: None unless
    there is a gain. `periods` and `rows` are those that were scored.
    """

    periods: int
    rows: int
    never: Side
    policy: Side
    always: Side
    gain: Interval
    better: Interval
    recovered: Interval | None
    conclusion: Conclusion


def summary(marks: Sequence[Marks], *, greater_is_better: bool) -> Summary:
    """Over the periods in which all three have a score; trainings are counted over all."""
    scored = [mark for mark in marks if mark.rows and np.isfinite([mark.never, mark.policy, mark.always]).all()]
    rows = np.array([mark.rows for mark in scored], dtype=np.float64)
    sign = 1.0 if greater_is_better else -1.0
    never, policy, always = (
        _with_and_without(np.array([getattr(mark, name) for mark in scored], dtype=np.float64), rows=rows)
        for name in ("never", "policy", "always")
    )
    gain = _interval(sign * (always - never), rows=rows)
    with np.errstate(all="ignore"):
        share = (policy - never) / (always - never)
    conclusion: Conclusion = (
        "TooFewPeriods" if gain.problem is not None else "GainAvailable" if gain.low > 0 else "NoGainAvailable"
    )
    first = next((mark for mark in marks if mark.promoted), None)
    return Summary(
        periods=len(scored),
        rows=int(rows.sum()),
        never=Side(
            score=float(never[0]),
            trainings=0 if first is None else 1,
            wasted=0,
            seconds=0.0 if first is None else first.seconds,
        ),
        policy=Side(
            score=float(policy[0]),
            trainings=sum(mark.trained for mark in marks),
            wasted=sum(mark.trained and not mark.promoted for mark in marks),
            seconds=sum(mark.seconds for mark in marks),
        ),
        always=Side(
            score=float(always[0]),
            trainings=sum(mark.always_trained for mark in marks),
            wasted=0,
            seconds=sum(mark.always_seconds for mark in marks),
        ),
        gain=gain,
        better=_interval(sign * (policy - never), rows=rows),
        recovered=_interval(share, rows=rows) if conclusion == "GainAvailable" else None,
        conclusion=conclusion,
    )


def _with_and_without(scores: Floats, *, rows: Floats) -> Floats:
    """The mean weighted by rows, then the means without each period: shape (1 + periods,)."""
    with np.errstate(all="ignore"):
        total, weight = (scores * rows).sum(), rows.sum()
        return np.concatenate([[total / weight], (total - scores * rows) / (weight - rows)])


def _interval(values: Floats, *, rows: Floats) -> Interval:
    block = np.repeat(np.arange(len(rows)), rows.astype(np.int64))
    return jackknife(values=values, block=block, confidence=CONFIDENCE)
