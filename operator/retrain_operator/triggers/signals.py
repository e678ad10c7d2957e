"""What was heard of each policy's triggers since this process started; the status holds what must not be lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from retrain_operator.planning.believed import AHEAD
from retrain_operator.planning.calls import is_answered
from retrain_operator.planning.observed import Alert, Sample

#: Alerts of clocks ahead of ours that are remembered for one policy.
_REMEMBERED: Final = 100

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Heard:
    """Of one policy: what began at `floor` or before is answered; `told` holds alerts that a clock ahead of ours puts
    behind it, by their labels.
    """

    floor: datetime
    told: dict[frozenset[tuple[str, str]], datetime] = field(default_factory=dict)


class Signals:
    """By the policy's UID: the last sample of its query, and the newest alert that calls it."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._alerts: dict[str, Alert] = {}
        self._heard: dict[str, _Heard] = {}

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

    def called(
        self, *, policy_uid: str, alert: Alert, labels: Mapping[str, str], fired: datetime | None, now: datetime
    ) -> None:
        """Notes an alert, unless a newer one is known. `fired`: the call that the policy's status holds.

        Alerts are in order by the clocks of those who raise them. Where these differ, one that begins after the last
        call came may look older than that: it is put right behind it, if it was not told before.
        """
        heard = self._heard.setdefault(policy_uid, _Heard(floor=fired or _NEVER))
        which, waiting = frozenset(labels.items()), self._alerts.get(policy_uid)
        if heard.told.get(which, _NEVER) >= alert.began:
            return
        told = alert.began
        newest = max(fired or _NEVER, waiting.began if waiting is not None else _NEVER)
        if is_answered(alert=alert, fired=newest, now=now):
            if alert.began <= heard.floor or newest > now + AHEAD:
                return
            alert = replace(alert, began=newest + timedelta(seconds=1))
        heard.floor = max(heard.floor, now)
        heard.told = {each: began for each, began in heard.told.items() if began > heard.floor}
        if told > heard.floor:
            heard.told[which] = told
        while len(heard.told) > _REMEMBERED:
            del heard.told[next(iter(heard.told))]
        self._alerts[policy_uid] = alert

    def written(self, *, policy_uid: str) -> None:
        """The status holds the alert."""
        self._alerts.pop(policy_uid, None)

    def forget(self, *, but: set[str]) -> None:
        """Drops what was heard of policies that are gone."""
        for held in (self._samples, self._alerts, self._heard):
            for uid in [uid for uid in held if uid not in but]:
                del held[uid]
