"""Which runs did a status write record? Told by the two statuses, so each run is counted once, whoever planned it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrain_operator.api import raw
from retrain_operator.metrics import words


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One run that has just been recorded; every word is of its closed set, or `unknown`."""

    job: str
    action: str
    cause: str
    outcome: str
    reason: str
    trigger: str
    verdict: str

    @property
    def trained(self) -> bool:
        """Did it train a version to its end? A rejection by a person is NotPromoted too."""
        return self.outcome in words.TRAINED and self.action in ("check", "train")


def recorded_runs(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[RecordedRun]:
    """The runs that stand in `after` and not in `before`, the oldest first.

    Lines without an action were filled in from a later run's message: their Jobs had vanished. They may come again when
    the history grows, so they are not counted.
    """
    # By its start too: a request in the words of long ago makes a Job of the same name, later. (A line whose times were
    # of the future is put earlier.)
    known = {
        run.get("job"): str(run.get("startTime", "")) for run in raw.items(before.get("runs")) if run.get("action")
    }
    challenger = raw.mapping(after.get("challenger"))
    return [
        RecordedRun(
            job=str(run.get("job")),
            action=words.word(run.get("action"), words.ACTIONS),
            cause=words.word(run.get("cause"), words.CAUSES),
            outcome=words.word(run.get("outcome"), words.OUTCOMES),
            reason=raw.text(run.get("reason")) or "",
            trigger=words.word(run.get("trigger"), words.TRIGGERS),
            verdict=_verdict(run=run, challenger=challenger),
        )
        for run in reversed(raw.items(after.get("runs")))
        if run.get("action") is not None
        if run.get("job") not in known or str(run.get("startTime", "")) > known[run.get("job")]
    ]


def _verdict(*, run: Mapping[str, Any], challenger: Mapping[str, Any]) -> str:
    if run.get("outcome") == "Promoted":
        return "Better"
    same = run.get("version") is not None and run.get("version") == challenger.get("version")
    return words.word(challenger.get("verdict"), words.VERDICTS) if same else words.UNKNOWN
