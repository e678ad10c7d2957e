"""What one run leaves to the next: scores that stand until there are fresh rows, and how far rows were looked at.

It lies in `runs/<key>/result.json` beside the message. Everything in it can be computed again; it saves looking twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from retrain_trainer.registry.documents import parsed_time, time_text
from retrain_trainer.registry.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of the champion `champion` (its version; None: there was none) on the data of `fingerprint`.

    fingerprint: empty unless the data was sound and had no row of the future, so that only its age can go bad.
    evaluated_until: newest row that a score has seen. score: in the metric's own sign, as old as evaluated_until.
    fresh_fraction: of the next comparison's holdout, after this run.
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
                }
            )
        except (KeyError, TypeError, ValueError):
            return None

    @staticmethod
    def of_version(
        *, manifest: Manifest, fingerprint: str = "", rows: int = 0, time_max: datetime | None = None
    ) -> Memory:
        """What is known of a version right after its promotion: its score is that of the holdout."""
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
        )

    def meets(self, *, threshold: float | None) -> bool | None:
        """Is the score on the right side of the threshold? None without one of them."""
        if threshold is None or self.score is None:
            return None
        return self.score >= threshold if self.greater_is_better else self.score <= threshold
