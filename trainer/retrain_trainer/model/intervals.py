"""How sure a score, or a difference of two scores on the same rows, is: a jackknife over days with Student's t.

Rows of one day share weather, strikes and outages, so the day is what repeats, not the row: on real data an interval
made from rows is about four times too narrow. One day after another is left out, and the spread of the results gives
the standard error:

    se^2 = (G - 1) / G * sum over days of (value without the day - value)^2

For means this is the cluster-robust variance in its jackknife form (CV3: MacKinnon, Nielsen & Webb, "Fast and Reliable
Jackknife and Bootstrap Methods for Cluster-Robust Inference", 2023), which holds its level with few and unequal days
where the common form (CV1) is too narrow; r2, RMSE, AUC, F1 take the same form, checked by simulation. The percentile
bootstrap is not used: it promoted falsely 10 % at 5 days for a nominal 5 %.

One day resembles the next: on real flights the daily differences of two models correlate by 0.2 to 0.3 from day to day
(`python -m bench.days`). The variance is therefore multiplied, and the number of days divided, by (1 + r) / (1 - r):
the equivalent sample size of a first-order autoregression (Zwiers & von Storch, "Taking Serial Correlation into Account
in Tests of the Mean", 1995, who find such tests liberal when r is estimated from few days; hence its correction below).
Chosen by simulation against batches of days and the equal-weighted cosine test of Lazarus, Lewis, Stock & Watson ("HAR
Inference: Recommendations for Practice", 2018), which see less with few days: docs/gate.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from retrain_trainer.features import Samples
from retrain_trainer.model.metrics import Metric
from retrain_trainer.model.prediction import Prediction

#: Below this many days (or other units of resampling) nothing is concluded.
MIN_UNITS = 5

#: Days of very unequal size count for less than their number; below this effective number nothing is concluded either.
MIN_EFFECTIVE_UNITS = 3.0

#: For metrics that are no mean, units that are single rows, or more than MAX_BLOCKS, are put into this many blocks.
BLOCKS = 50
MAX_BLOCKS = 400

#: The largest correlation of neighbouring days that is believed, and the fewest days that days ever count for.
MAX_CORRELATION = 0.8
MIN_EQUIVALENT_UNITS = 3.0

#: From this many days on, a difference that grows or shrinks day by day is told from days that resemble each other.
MIN_TREND_UNITS = 7

Problem = Literal["TooFewUnits", "TooFewRows", "Undefined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """`low` and `high` are one-sided bounds, each at `confidence`: the truth lies above `low` with that confidence, and
    below `high` with that confidence (together they are a two-sided interval at 2 x confidence - 1).

    With a `problem` there is no bound: low is -inf and high is inf; `estimate` may be NaN. `units`: days, or blocks of
    rows where there is no time column.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    confidence: float
    units: int
    rows: int
    problem: Problem | None = None


def score_interval(
    *, metric: Metric, samples: Samples, prediction: Prediction, confidence: float, min_rows: int = 1
) -> Interval:
    """Interval of one model's score, in the metric's own sign."""
    block, blocks = blocks_of(unit=samples.unit, mean=metric.kind == "mean")
    values = metric.values(y=samples.y, prediction=prediction, block=block, blocks=blocks)
    return jackknife(
        values=values, block=block, confidence=confidence, min_rows=min_rows, in_time=samples.kind == "day"
    )


def difference_interval(
    *,
    metric: Metric,
    samples: Samples,
    challenger: Prediction,
    champion: Prediction,
    confidence: float,
    min_rows: int = 1,
) -> Interval:
    """Interval of challenger minus champion on the same rows, signed so that positive means a better challenger."""
    block, blocks = blocks_of(unit=samples.unit, mean=metric.kind == "mean")
    new, old = (
        metric.values(y=samples.y, prediction=prediction, block=block, blocks=blocks)
        for prediction in (challenger, champion)
    )
    difference = new - old if metric.greater_is_better else old - new
    return jackknife(
        values=difference, block=block, confidence=confidence, min_rows=min_rows, in_time=samples.kind == "day"
    )


def chance_interval(
    *, metric: Metric, samples: Samples, challenger: Prediction, confidence: float, min_rows: int = 1
) -> tuple[float, Interval] | None:
    """What the challenger's answers would score if they were dealt out to the rows at random, and the interval of its
    own score minus that. None for metrics that a constant answer bounds already.
    """
    block, blocks = blocks_of(unit=samples.unit, mean=metric.kind == "mean")
    dealt = metric.by_chance(y=samples.y, prediction=challenger, block=block, blocks=blocks)
    if dealt is None or samples.rows == 0:
        return None
    own = metric.values(y=samples.y, prediction=challenger, block=block, blocks=blocks)
    difference = jackknife(
        values=own - dealt, block=block, confidence=confidence, min_rows=min_rows, in_time=samples.kind == "day"
    )
    return float(dealt[0]), difference


def blocks_of(*, unit: NDArray[np.int64], mean: bool) -> tuple[NDArray[np.int64], int]:
    """Block number of each row, shape (rows,), and how many blocks there are.

    A block is a unit; but for a metric that is no mean, units that are single rows (or very many) are put together into
    50 runs of neighbours, since a smooth function of rows needs blocks, not single rows, and time.
    """
    names, block = np.unique(unit, return_inverse=True)
    units = len(names)
    if not mean and units > BLOCKS and (units == len(unit) or units > MAX_BLOCKS):
        return block * BLOCKS // units, BLOCKS
    return block.astype(np.int64), units


def jackknife(
    *,
    values: NDArray[np.float64],
    block: NDArray[np.int64],
    confidence: float,
    min_rows: int = 1,
    in_time: bool = False,
) -> Interval:
    """Interval from `values` (1 + blocks,): the value on all rows, then the value without each block.

    Student's t with (effective blocks - 1) degrees of freedom. Blocks of unequal size count for less than their number:
    n^2 / sum(n_g^2), which is the number of blocks when all are equal (Kish's effective size). `in_time`: blocks follow
    each other in time, and their resemblance is allowed for.
    """
    units, rows = len(values) - 1, len(block)
    estimate, without = float(values[0]), values[1:]
    problem: Problem | None = None
    effective = rows**2 / float(np.sum(np.bincount(block).astype(np.float64) ** 2)) if rows else 0.0
    if rows < max(min_rows, 1):
        problem = "TooFewRows"
    elif units < MIN_UNITS or effective < MIN_EFFECTIVE_UNITS:
        problem = "TooFewUnits"
    elif not np.isfinite(values).all():
        problem = "Undefined"
    if problem is not None:
        return Interval(
            estimate=estimate,
            low=-np.inf,
            high=np.inf,
            standard_error=np.inf,
            confidence=confidence,
            units=units,
            rows=rows,
            problem=problem,
        )
    variance = (units - 1) / units * float(np.sum((without - estimate) ** 2))
    if in_time:
        r = resemblance(estimate - without)
        inflation = (1 + r) / (1 - r)
        variance *= inflation
        effective = max(effective / inflation, min(effective, MIN_EQUIVALENT_UNITS))
    error = float(np.sqrt(variance))
    reach = float(student.ppf(confidence, df=effective - 1)) * error
    return Interval(
        estimate=estimate,
        low=estimate - reach,
        high=estimate + reach,
        standard_error=error,
        confidence=confidence,
        units=units,
        rows=rows,
    )


def resemblance(contributions: NDArray[np.float64]) -> float:
    """Correlation of each day's contribution with the next day's, from 0 to MAX_CORRELATION. `contributions`: (days,).

    It is that of the residuals about a straight line, so that a difference which grows day by day, as it does while a
    champion decays, does not pass for days that resemble each other. With fewer than MIN_TREND_UNITS days a line fits
    anything, and the mean is taken.

    The estimate from n days is too small by about (1 + 4 r) / n about the mean and (2 + 6 r) / n about a line, since
    those are taken from the same days; that is put right. A tenth of its standard error is added, because what is built
    on an uncertain r is liberal: with it the level holds up to a correlation of 0.3 (`python -m bench.gate`). Days that
    alternate count as independent.
    """
    n = len(contributions)
    left = contributions - contributions.mean()
    fitted = 1 if n < MIN_TREND_UNITS else 2
    if fitted == 2:
        days = np.arange(n) - (n - 1) / 2
        left = left - days * float(left @ days) / float(days @ days)
    spread = float(np.sum(left**2))
    if spread <= 1e-24 * float(np.sum(contributions**2)):
        return 0.0
    raw = float(np.sum(left[1:] * left[:-1])) / spread
    corrected = (raw + fitted / n) / max(1 - 2 * (fitted + 1) / n, 0.25) + 0.1 / float(np.sqrt(n))
    return min(max(corrected, 0.0), MAX_CORRELATION)
