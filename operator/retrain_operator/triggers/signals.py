"""What was heard of each policy's triggers since this process started; the status holds what must not be lost."""

from __future__ import annotations

from datetime import datetime

from retrain_operator.planning.observed import Alert, Sample


class Signals:
    """By the policy's UID: the last sample of its query, and the newest alert that calls it."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._alerts: dict[str, Alert] = {}
        #: The newest alert that was told of, and when it began by the clock of whoever told of it.
        self._told: dict[str, tuple[datetime, Alert]] = {}

    def sample(self, *, policy_uid: str) -> Sample | None:
        """What its query gave last."""
        return self._samples.get(policy_uid)

    def alert(self, *, policy_uid: str) -> Alert | None:
        """The newest alert that calls it."""
        return self._alerts.get(policy_uid)

    def sampled(self, *, policy_uid: str, sample: Sample) -> bool:
        """Notes a sample. True where it tells something that the one before did not."""
        before = self._samples.get(policy_uid)
        self._samples[policy_uid] = sample
        return before is None or (before.query, before.truth, before.problem) != (
            sample.query,
            sample.truth,
            sample.problem,
        )

    def called(self, *, policy_uid: str, alert: Alert, told: datetime) -> None:
        """Notes an alert, unless a newer one is known. `told`: when it began by the clock of whoever told of it, which
        may be ahead of ours: told again it is the same alert, and not one that begins now.
        """
        before = self._told.get(policy_uid)
        if before is not None and (before[0], before[1].name) == (told, alert.name):
            alert = before[1]
        elif before is not None and alert.began <= before[1].began:
            return
        self._told[policy_uid] = (told, alert)
        self._alerts[policy_uid] = alert

    def written(self, *, policy_uid: str) -> None:
        """The status holds the alert; that it was told stays known."""
        self._alerts.pop(policy_uid, None)

    def forget(self, *, but: set[str]) -> None:
        """Drops what was heard of policies that are gone."""
        for held in (self._samples, self._alerts, self._told):
            for uid in [uid for uid in held if uid not in but]:
                del held[uid]
