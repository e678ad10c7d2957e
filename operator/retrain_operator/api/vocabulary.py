"""The closed sets of words. No other words are used for these things: in status, Events, logs and documentation."""

from __future__ import annotations

from typing import Literal

#: What a run is asked to do.
Action = Literal["check", "train", "approve", "reject", "rollback", "pin"]

#: Why a run started.
Cause = Literal["Initial", "Schedule", "Request", "SpecChange", "Upstream", "Prometheus", "Webhook"]

#: Why a run trained.
Trigger = Literal[
    "NoChampion",
    "Requested",
    "SpecChange",
    "Upstream",
    "Prometheus",
    "Webhook",
    "BelowThreshold",
    "Drop",
    "Drift",
    "NewRows",
    "MaxAge",
    "Always",
]

#: The gate's view of a challenger.
Verdict = Literal["Better", "NotBetter", "Inconclusive"]

#: What a run came to.
Outcome = Literal[
    "Promoted",
    "AwaitingApproval",
    "Observed",
    "NotPromoted",
    "Kept",
    "Deferred",
    "DataRejected",
    "RolledBack",
    "Pinned",
    "Approved",
    "Refused",
    "Failed",
]

ConditionType = Literal[
    "Ready",
    "ModelAvailable",
    "RunsHealthy",
    "DataValid",
    "AccuracyMet",
    "Reconciling",
    "Stalled",
    "Suspended",
    "ScheduleAmbiguous",
    "LeakSuspected",
    "NoSkill",
    "ApprovalRequired",
    "Drifted",
    "TriggersHealthy",
    "Published",
]
