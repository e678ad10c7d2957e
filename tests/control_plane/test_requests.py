"""What each event costs the API server: every request of the operator, counted. docs/performance.md has the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.control_plane.conftest import REPOSITORY, StartOperator
from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs
from tests.support.polling import eventually

CHANGED = {"target": "late", "estimator": "LogisticRegression"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """`requests`: verb and resource, as the operator's own metrics name them."""

    says: str
    act: Callable[[Kubectl], object]
    requests: Mapping[str, int]


def edit(**spec: Any) -> Callable[[Kubectl], object]:
    return lambda kubectl: kubectl.apply(a_policy("flights", **spec))


def ask(action: str, text: str) -> Callable[[Kubectl], object]:
    return lambda kubectl: kubectl("annotate", "rtp", "flights", f"retrain.dev/{action}={text}", "--overwrite")


def end(outcome: str, check: int) -> Callable[[Kubectl], object]:
    def act(kubectl: Kubectl) -> None:
        [job] = unfinished_jobs(kubectl)
        end_run(kubectl, job, message=a_message(job, outcome=outcome, checkTime=f"2026-03-{check:02}T00:00:00Z"))

    return act


def repaired(kubectl: Kubectl) -> None:
    """By hand."""
    kubectl("patch", "cronjob", "flights", "--type=merge", '--patch={"spec": {"schedule": "1 1 1 1 1"}}')


def delete_cronjob(kubectl: Kubectl) -> None:
    kubectl("delete", "cronjob", "flights")


A_RUN = {"get retrainpolicies": 1, "create jobs": 1, "patch retrainpolicies/status": 1, "create events": 1}
AN_END = {"list pods": 1, "patch retrainpolicies/status": 1, "create events": 1, "patch jobs": 1}

#: In this order, on one policy.
EVENTS = (
    Event(
        says="a new policy with a schedule",
        act=edit(),
        requests={
            "get retrainpolicies": 2,
            "create cronjobs": 1,
            "create jobs": 1,
            "patch retrainpolicies/status": 1,
            "create events": 2,
        },
    ),
    Event(says="its first run ends", act=end("Promoted", 1), requests=AN_END),
    Event(says="a person asks for a check", act=ask("check", "1"), requests=A_RUN),
    Event(says="a run ends and keeps the champion", act=end("Kept", 2), requests=AN_END),
    Event(
        says="an edit of the schedule",
        act=edit(schedule="30 3 * * 0"),
        requests={
            "get retrainpolicies": 1,
            "update cronjobs": 1,
            "patch retrainpolicies/status": 1,
            "create events": 1,
        },
    ),
    Event(
        says="suspended",
        act=edit(schedule="30 3 * * 0", suspend=True),
        requests={"get retrainpolicies": 1, "update cronjobs": 1, "patch retrainpolicies/status": 1},
    ),
    Event(
        says="resumed",
        act=edit(schedule="30 3 * * 0"),
        requests={"get retrainpolicies": 1, "update cronjobs": 1, "patch retrainpolicies/status": 1},
    ),
    Event(
        says="an edit of the model: a run starts",
        act=edit(schedule="30 3 * * 0", model=CHANGED),
        requests={
            "get retrainpolicies": 2,
            "update cronjobs": 1,
            "create jobs": 1,
            "patch retrainpolicies/status": 1,
            "create events": 1,
        },
    ),
    Event(says="that run ends", act=end("NotPromoted", 3), requests=AN_END),
    Event(
        says="a CronJob that somebody edits",
        act=repaired,
        requests={"get retrainpolicies": 1, "update cronjobs": 1},
    ),
    Event(
        says="a CronJob that somebody deletes",
        act=delete_cronjob,
        requests={"get retrainpolicies": 1, "create cronjobs": 1},
    ),
)


def rows() -> list[str]:
    """The table of the docs."""
    told = []
    for event in EVENTS:
        requests = ", ".join(f"{count} {name}" for name, count in event.requests.items())
        told.append(f"| {event.says} | {sum(event.requests.values())} | {requests} |")
    return told


def made(operator: OperatorProcess) -> Counter[str]:
    """Every request so far but full lists of the three kinds, watches, and kopf's questions about the API."""
    counts: Counter[str] = Counter()
    page = operator.scrape()
    for labels, value in page.series("retrain_operator_api_requests_total"):
        name = f"{labels['verb']} {labels['resource']}"
        full = name in ("list retrainpolicies", "list cronjobs", "list jobs")
        if not full and labels["verb"] != "watch" and labels["resource"] != "discovery":
            counts[name] += int(value)
    return counts


def full_lists(operator: OperatorProcess) -> float:
    return operator.scrape().total("retrain_operator_api_requests_total", {"verb": "list", "resource": "jobs"})


def test_each_event_costs_what_the_table_says(kubectl: Kubectl, start_operator: StartOperator) -> None:
    operator = start_operator(resyncSeconds=25, waitingLooksSeconds=[3600])
    for event in EVENTS:
        before = made(operator)
        event.act(kubectl)
        expected = Counter(dict(event.requests))

        def since(before: Counter[str] = before) -> Counter[str]:
            return made(operator) - before

        eventually(
            event.says,
            lambda expected=expected, since=since: sum(since().values()) >= sum(expected.values()),  # type: ignore[misc]
            describe=lambda since=since: f"{since()}\n{operator.log}",  # type: ignore[misc]
        )
        assert since() == expected, event.says
    # Nothing came later, either.
    lists = full_lists(operator)
    eventually("a full list later", lambda: full_lists(operator) > lists)
    assert made(operator) == sum((Counter(dict(event.requests)) for event in EVENTS), Counter())


@pytest.mark.parametrize("row", rows())
def test_the_docs_have_the_table(row: str) -> None:
    assert row in (REPOSITORY / "docs" / "performance.md").read_text()
