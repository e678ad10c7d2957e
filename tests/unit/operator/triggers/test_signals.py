"""Alerts of clocks that differ, in any order, over restarts: none calls twice, and none that is new is missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api import raw
from retrain_operator.api.policy import policy_view
from retrain_operator.api.times import parse_time
from retrain_operator.planning.calls import next_triggers
from retrain_operator.planning.observed import Alert
from retrain_operator.triggers.signals import Signals

from tests.builders import POLICY_UID, Json, a_policy

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Desk:
    """One policy's alerts, heard and written into its status as webhook and planner do it."""

    signals: Signals = field(default_factory=Signals)
    status: Json = field(default_factory=dict)

    def tell(self, name: str, *, began: datetime, now: datetime) -> bool:
        """Did it call?"""
        spec = {"triggers": {"webhook": {"matchLabels": {"alertname": "PredictionsDrift"}}}}
        policy, told = policy_view(a_policy(spec=spec, status=self.status)), Alert(name="PredictionsDrift", began=began)
        fired = parse_time(raw.at(policy.status, "triggers", "webhook", "fired"))
        self.signals.called(policy_uid=POLICY_UID, alert=told, labels={"instance": name}, fired=fired, now=now)
        heard = self.signals.alert(policy_uid=POLICY_UID)
        before = self.status
        self.status = {"triggers": next_triggers(policy=policy, sample=None, alert=heard, now=now)}
        self.signals.written(policy_uid=POLICY_UID)
        return self.status != before


@given(
    #: When it begins, in minutes, and by how many the clock of whoever raises it is ahead.
    alerts=st.lists(st.tuples(st.integers(0, 100), st.sampled_from([0, 1, 20, 45])), min_size=1, max_size=5),
    #: When which is told; None: the operator is started anew.
    told=st.lists(st.tuples(st.integers(0, 200), st.none() | st.integers(0, 4))),
)
def test_no_alert_calls_twice_and_none_that_begins_after_the_last_call_is_missed(
    alerts: list[tuple[int, int]], told: list[tuple[int, int | None]]
) -> None:
    known: set[int] = set()
    desk, last, restarted = Desk(), -1, False
    for minute, which in sorted(told, key=lambda each: each[0]):
        if which is None:
            desk.signals, restarted = Signals(), True
        elif which < len(alerts) and alerts[which][0] <= minute:
            begins, ahead = alerts[which]
            began, now = NOON + timedelta(minutes=begins + ahead), NOON + timedelta(minutes=minute)
            called = desk.tell(str(which), began=began, now=now)
            assert not (called and which in known)
            # Over a restart only clocks that agree with each other tell what is new.
            if which not in known and (not restarted or len({each for _, each in alerts}) == 1):
                newer = any(alerts[other][0] >= begins for other in known)
                assert called or begins <= last or (restarted and newer)
            known, last = known | {which}, minute if called else last


def test_what_is_remembered_of_clocks_ahead_is_bounded() -> None:
    signals = Signals()
    for number in range(1000):
        told = Alert(name="PredictionsDrift", began=NOON + timedelta(days=400, seconds=number))
        signals.called(policy_uid=POLICY_UID, alert=told, labels={"instance": str(number)}, fired=None, now=NOON)
    assert len(signals._heard[POLICY_UID].told) == 100
    signals.forget(but=set())
    assert not signals._heard
