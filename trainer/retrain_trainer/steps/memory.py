"""What one run leaves to the next: scores that stand until there are fresh rows, and how far rows were looked at.

It lies in `runs/<key>/result.json` beside the message. Everything in it can be computed again; it saves looking twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from retrain_trainer.contract import DriftFacts
from retrain_trainer.registry.manifest import Manifest
from retrain_trainer.times import parsed_time, time_text

#: So many scores after a promotion make the reference that `triggers.drop` holds later ones against.
REFERENCE_CHECKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstScores:
    """The mean of the first `checks` scores of a champion, weighted with their rows."""

    score: float
    rows: int
    checks: int

    @staticmethod
    def with_score(before: FirstScores | None, *, score: float | None, rows: int) -> FirstScores | None:
        """One more score, as long as the reference is not complete."""
        if score is None or rows == 0:
            return before
        if before is None:
            return FirstScores(score=score, rows=rows, checks=1)
        if before.checks >= REFERENCE_CHECKS:
            return before
        total = before.rows + rows
        return FirstScores(
            score=(before.score * before.rows + score * rows) / total, rows=total, checks=before.checks + 1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of the champion `champion` (its version; None: there was none) on the data of `fingerprint`.

    fingerprint: empty unless the data was sound and had no row of the future, so that only its age can go bad.
    evaluated_until: newest row that a score has seen. score: in the metric's own sign, as old as evaluated_until.
    fresh_fraction: of the next comparison's holdout, after this run. below_in_a_row: scores on the wrong side of the
    threshold up to this one. best: the better end of the score's interval. new_rows, rows_since_training: labelled rows
    newer than the data of the champion, of the newest version. probation_checks: new scores since the
    promotion. first_scores: those after the promotion, pooled. called: triggers that somebody else pulled and that have
    not trained yet.
    """

    fingerprint: str
    spec_digest: str
    champion: int | None
    rows: int
    time_max: datetime | None
    evaluated_until: datetime | None
    metric: str | None
    greater_is_better: bool
    score: float | None
    accuracy: float | None
    fresh_fraction: float | None
    below_in_a_row: int = 0
    best: float | None = None
    new_rows: int | None = None
    rows_since_training: int | None = None
    first_scores: FirstScores | None = None
    drift: DriftFacts | None = None
    probation_checks: int = 0
    called: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            **asdict(self),
            "time_max": time_text(self.time_max),
            "evaluated_until": time_text(self.evaluated_until),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any] | None) -> Memory | None:
        """None for nothing, and for what another release wrote: it is computed again then."""
        if value is None:
            return None
        try:
            return Memory(
                **{
                    **value,
                    "time_max": parsed_time(value["time_max"]),
                    "evaluated_until": parsed_time(value["evaluated_until"]),
                    "first_scores": None if value.get("first_scores") is None else FirstScores(**value["first_scores"]),
                    "drift": DriftFacts.from_json(value.get("drift")),
                    "called": tuple(value.get("called", ())),
                }
            )
        except (KeyError, TypeError, ValueError):
            return None

    @staticmethod
    def of_version(
        *,
        manifest: Manifest,
        called: tuple[str, ...],
        fingerprint: str = "",
        rows: int = 0,
        time_max: datetime | None = None,
    ) -> Memory:
        """What is known of a version right after its promotion: its score is that of the holdout. `called`: what nobody
        has trained for yet.
        """
        return Memory(
            fingerprint=fingerprint,
            spec_digest=manifest.spec_digest,
            champion=manifest.version,
            rows=rows,
            time_max=time_max,
            evaluated_until=manifest.holdout_end,
            metric=manifest.metric,
            greater_is_better=manifest.greater_is_better,
            score=manifest.score,
            accuracy=manifest.accuracy,
            fresh_fraction=None if manifest.holdout_end is None else 0.0,
            called=called,
        )

    def meets(self, *, threshold: float | None) -> bool | None:
        """Is the score on the right side of the threshold? None without one of them."""
        if threshold is None or self.score is None:
            return None
        return self.score >= threshold if self.greater_is_better else self.score <= threshold
