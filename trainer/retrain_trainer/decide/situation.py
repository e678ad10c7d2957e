"""What a decision depends on: facts that the steps of a run found, and what the registry tells of earlier trainings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from retrain_trainer.contract import Action, Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """The champion: when it was trained and promoted (aware), and on how many rows."""

    trained: datetime
    promoted: datetime
    trained_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The champion's newest score and what it is held against.

    threshold_met: None without score or threshold. below_in_a_row: new scores on the wrong side, up to this one.
    best: the end of the score's interval on the better side; reference: the pooled first scores after the promotion,
    without this one; both None where unknown.
    """

    threshold_met: bool | None = None
    below_in_a_row: int = 0
    best: float | None = None
    reference: float | None = None
    greater_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One run's facts. Times are aware.

    spec_changed: the champion was made by another spec, and this spec has trained no version yet. new_rows: labelled
    rows newer than the champion's data. rows_since_training: those newer than the newest version's data. None where
    nobody counted. fresh_fraction: how much of the holdout for the comparison is newer than what was compared on
    before; None where nothing was compared or rows have no time. comparison_rows: rows of the holdout that the champion
    was not trained on, None where nobody counted; fewer than needed_rows settle nothing. waiting: a version that waits
    for a person. drifted: new rows are unlike those of the champion, and of a version that drift has trained since.
    on_probation: the champion is new, and may be taken back. called: triggers that somebody else pulled since the last
    training, by name.
    """

    now: datetime
    action: Action
    cause: Cause
    incumbent: Incumbent | None
    spec_changed: bool = False
    score: Score = field(default_factory=Score)
    new_rows: int | None = None
    rows_since_training: int | None = None
    fresh_fraction: float | None = None
    comparison_rows: int | None = None
    needed_rows: int = 0
    waiting: int | None = None
    drifted: bool = False
    on_probation: bool = False
    called: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One version that was trained: when, what called for it, on how many rows, and whether the gate let it pass."""

    time: datetime
    trigger: str
    rows: int
    lost: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """`trainings`: the newest first. `failures`: runs in a row without an outcome, since the last edit or request."""

    trainings: tuple[Training, ...] = ()
    failures: int = 0
