"""A policy from its creation to its end, on a real API server; the tests play Job controller and kubelet."""

from __future__ import annotations

import json
from typing import Any

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import (
    a_message,
    a_policy,
    condition,
    end_run,
    unfinished_jobs,
    wait_for_condition,
)
from tests.support.polling import eventually
from tests.support.requests import WriteCounter


def test_a_new_policy_costs_four_writes_and_its_run_two_more(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    start_operator()
    writes.reset()
    kubectl.apply(a_policy())
    policy = wait_for_condition(kubectl, "flight-delays", "Ready", "True")

    assert kubectl.get("cronjob", "flight-delays") is not None
    [job] = unfinished_jobs(kubectl)
    assert policy["status"]["active"][0]["job"] == job["metadata"]["name"]
    assert policy["status"]["active"][0]["cause"] == "Initial"
    assert writes.by_resource() == {"cronjobs POST": 1, "jobs POST": 1, "retrainpolicies/status PATCH": 1}

    end_run(kubectl, job, message=a_message(job))
    policy = wait_for_condition(kubectl, "flight-delays", "RunsHealthy", "True")
    status = policy["status"]
    assert (status["metric"], status["score"], status["accuracy"]) == ("roc_auc", 0.7071, 0.7813)
    assert (status["modelVersion"], status["runs"][0]["outcome"]) == (1, "Promoted")
    assert "active" not in status
    for kind in ("ModelAvailable", "DataValid", "AccuracyMet"):
        assert condition(policy, kind)["status"] == "True"
    recorded = eventually("the Job is marked", lambda: _recorded(kubectl, job["metadata"]["name"]))
    assert recorded["spec"]["ttlSecondsAfterFinished"] == 86400
    assert writes.by_resource() == {
        "cronjobs POST": 1,
        "jobs POST": 1,
        "retrainpolicies/status PATCH": 2,
        "jobs PATCH": 1,
    }


def test_with_nothing_to_do_nothing_is_written(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    # Quantities that the API server writes in another way, and every optional field of a Job.
    job = {
        "resources": {"requests": {"cpu": "0.25", "memory": "1024Mi"}, "limits": {"memory": "2048Mi"}},
        "env": [{"name": "A", "value": "$(RETRAIN_ACTION) $$ $"}, {"name": "B", "value": ""}],
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "backoffLimit": 0,
    }
    operator = start_operator(resyncSeconds=0.5)
    kubectl.apply(a_policy(job=job), a_policy("other", schedule=None))
    for name in ("flight-delays", "other"):
        wait_for_condition(kubectl, name, "Ready", "True")
    jobs = {job["metadata"]["name"]: job for job in unfinished_jobs(kubectl)}
    eventually("both runs are shown", lambda: len(unfinished_jobs(kubectl)) == 2)
    for each in jobs.values():
        end_run(kubectl, each, message=a_message(each))
    for name in ("flight-delays", "other"):
        wait_for_condition(kubectl, name, "RunsHealthy", "True")
    for name in jobs:
        eventually("the Job is marked", lambda name=name: _recorded(kubectl, name))  # type: ignore[misc]

    writes.reset()
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert writes.by_resource() == {}
    operator.stop()
    operator.start()
    lists = writes.lists()
    eventually("a restart and two full lists", lambda: writes.lists() >= lists + 2)
    assert writes.by_resource() == {}


def test_a_run_that_ends_while_the_operator_is_down_is_recorded_once(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator()
    kubectl.apply(a_policy())
    [job] = eventually("the Initial run", lambda: unfinished_jobs(kubectl))
    operator.kill()
    end_run(kubectl, job, message=a_message(job))
    operator.start()
    policy = wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")
    assert [run["job"] for run in policy["status"]["runs"]] == [job["metadata"]["name"]]
    assert unfinished_jobs(kubectl) == []


def test_a_new_champion_upstream_starts_a_run_downstream(
    kubectl: Kubectl, start_operator: StartOperator, writes: WriteCounter
) -> None:
    operator = start_operator()
    follows = {"upstream": {"policy": "prices"}}
    kubectl.apply(a_policy("sales", schedule=None, triggers=follows))
    [job] = eventually("its own first run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job))
    policy = wait_for_condition(kubectl, "sales", "ModelAvailable", "True")
    assert "its upstream policy 'prices' is not there" in condition(policy, "Ready")["message"]

    kubectl.apply(a_policy("prices", schedule=None))
    [job] = eventually("the first run upstream", lambda: unfinished_jobs(kubectl))
    operator.kill()
    end_run(kubectl, job, message=a_message(job))
    operator.start()
    [job] = eventually("a run downstream", lambda: [each for each in unfinished_jobs(kubectl) if _is_of(each, "sales")])
    assert _asked(job) == ("check", "Upstream", "prices@1 2026-03-01T00:00:00Z")
    message = a_message(job, outcome="NotPromoted", trigger="Upstream", checkTime="2026-03-02T00:00:00Z")
    end_run(kubectl, job, message=message)
    policy = eventually("it is recorded", lambda: _with_runs(kubectl, ["NotPromoted", "Promoted"], name="sales"))
    assert policy["status"]["runs"][0]["cause"] == "Upstream"
    assert policy["status"]["lastHandled"]["upstream"] == "prices@1 2026-03-01T00:00:00Z"
    assert "is not there" not in condition(policy, "Ready")["message"]

    # A check upstream that promotes nothing calls nobody.
    eventually("all is marked", lambda: all(_is_recorded(each) for each in kubectl.list("jobs")))
    writes.reset()
    kubectl("annotate", "rtp", "prices", "retrain.dev/check=1")
    [job] = eventually("a check upstream", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, job, message=a_message(job, outcome="Kept", trigger=None, checkTime="2026-03-03T00:00:00Z"))
    eventually("it is recorded", lambda: _with_runs(kubectl, ["Kept", "Promoted"], name="prices"))
    eventually("all is marked", lambda: all(_is_recorded(each) for each in kubectl.list("jobs")))
    assert writes.by_resource()["jobs POST"] == 1


def test_requests_run_one_after_the_other_and_once(kubectl: Kubectl, start_operator: StartOperator) -> None:
    start_operator()
    kubectl.apply(a_policy())
    [initial] = eventually("the Initial run", lambda: unfinished_jobs(kubectl))
    kubectl("annotate", "rtp", "flight-delays", "retrain.dev/train=$(RETRAIN_ACTION) now")

    def pending() -> object:
        return ((kubectl.get("rtp", "flight-delays") or {}).get("status") or {}).get("pending")

    expected = [{"action": "train", "cause": "Request", "request": "$(RETRAIN_ACTION) now"}]
    assert eventually("the request shows as pending", pending) == expected
    assert len(unfinished_jobs(kubectl)) == 1

    end_run(kubectl, initial, message=a_message(initial))
    eventually("the train run", lambda: _actions(unfinished_jobs(kubectl)) == ["train"])
    [train] = unfinished_jobs(kubectl)
    environment = {item["name"]: item.get("value", "") for item in _container(train)["env"]}
    assert environment["RETRAIN_REQUEST"] == "$$(RETRAIN_ACTION) now"
    end_run(
        kubectl,
        train,
        message=a_message(
            train,
            outcome="NotPromoted",
            trigger="Requested",
            challenger={"version": 2, "score": 0.69, "verdict": "NotBetter", "reason": "clearly worse"},
            checkTime="2026-03-02T00:00:00Z",
        ),
    )
    policy = eventually(
        "both runs are recorded",
        lambda: _with_runs(kubectl, ["NotPromoted", "Promoted"]),
        describe=lambda: str(pending()),
    )
    assert policy["status"]["challenger"]["version"] == 2
    assert policy["status"]["modelVersion"] == 1
    assert policy["status"]["lastHandled"]["train"] == "$(RETRAIN_ACTION) now"
    assert unfinished_jobs(kubectl) == []


def test_people_ask_by_annotation_also_of_a_suspended_policy(kubectl: Kubectl, start_operator: StartOperator) -> None:
    start_operator()
    kubectl.apply(a_policy(suspend=True))
    wait_for_condition(kubectl, "flight-delays", "Suspended", "True")
    kubectl("annotate", "rtp", "flight-delays", "retrain.dev/approve=2", "retrain.dev/rollback=the best one")

    # A rollback goes before an approval, and what makes no sense is for the trainer to refuse.
    [rollback] = eventually("the rollback", lambda: unfinished_jobs(kubectl))
    assert _asked(rollback) == ("rollback", "Request", "the best one")
    waits = {"version": 2, "score": 0.8, "verdict": "Better", "reason": "ClearlyBetter"}
    refused = a_message(rollback, outcome="Refused", trigger=None, reason="InvalidRequest", waiting=2, challenger=waits)
    end_run(kubectl, rollback, message=refused)
    wait_for_condition(kubectl, "flight-delays", "ApprovalRequired", "True")

    [approve] = eventually("the approval", lambda: unfinished_jobs(kubectl))
    assert _asked(approve) == ("approve", "Request", "2")
    message = a_message(approve, outcome="Approved", trigger=None, waiting=None, checkTime="2026-03-02T00:00:00Z")
    message["champion"]["version"] = 2
    end_run(kubectl, approve, message=message)
    wait_for_condition(kubectl, "flight-delays", "ApprovalRequired", "False")
    policy = eventually("both are recorded", lambda: _with_runs(kubectl, ["Approved", "Refused"]))
    assert policy["status"]["modelVersion"] == 2
    assert "challenger" not in policy["status"]
    assert (
        policy["status"]["lastHandled"] | {"approve": "2", "rollback": "the best one"}
        == policy["status"]["lastHandled"]
    )
    assert unfinished_jobs(kubectl) == []


def _asked(job: dict[str, Any]) -> tuple[str, str, str]:
    """What a Job's container is told: action, cause, request."""
    environment = {item["name"]: item.get("value", "") for item in _container(job)["env"]}
    return environment["RETRAIN_ACTION"], environment["RETRAIN_CAUSE"], environment["RETRAIN_REQUEST"]


def test_an_edit_of_the_model_trains_and_one_of_the_schedule_does_not(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator()
    kubectl.apply(a_policy())
    [initial] = eventually("the Initial run", lambda: unfinished_jobs(kubectl))
    end_run(kubectl, initial, message=a_message(initial))
    wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")

    kubectl.apply(a_policy(schedule="30 4 * * *"))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    cronjob = kubectl.get("cronjob", "flight-delays")
    assert cronjob is not None
    assert cronjob["spec"]["schedule"] == "30 4 * * *"
    # Nothing that runs decide has changed, so what they said holds for the new generation too.
    wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")
    assert unfinished_jobs(kubectl) == []

    kubectl.apply(a_policy(schedule="30 4 * * *", model={"target": "late", "estimator": "LogisticRegression"}))
    [changed] = eventually("the run for the new model", lambda: unfinished_jobs(kubectl))
    assert changed["metadata"]["labels"]["retrain.dev/action"] == "check"
    assert changed["metadata"]["annotations"]["retrain.dev/cause"] == "SpecChange"
    described = json.loads({item["name"]: item for item in _container(changed)["env"]}["RETRAIN_POLICY"]["value"])
    assert described["spec"]["model"]["estimator"] == "LogisticRegression"


def test_suspend_stops_the_schedule_and_resume_starts_it(kubectl: Kubectl, start_operator: StartOperator) -> None:
    start_operator()
    kubectl.apply(a_policy(suspend=True))
    wait_for_condition(kubectl, "flight-delays", "Suspended", "True")
    cronjob = kubectl.get("cronjob", "flight-delays")
    assert cronjob is not None
    assert cronjob["spec"]["suspend"] is True
    assert unfinished_jobs(kubectl) == []

    kubectl.apply(a_policy(suspend=False))
    policy = wait_for_condition(kubectl, "flight-delays", "Suspended", "False")
    assert policy["status"]["nextScheduleTime"]
    [initial] = eventually("the Initial run, now", lambda: unfinished_jobs(kubectl))
    assert initial["metadata"]["annotations"]["retrain.dev/cause"] == "Initial"


def test_a_first_run_that_waits_for_its_people_keeps_nobody_else_waiting(
    kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator(initialRuns=1, waitingLooksSeconds=[1, 2])
    kubectl.apply(a_policy("first"))
    [job] = eventually("the one first run", lambda: unfinished_jobs(kubectl))
    kubectl.apply(a_policy("second"))
    waiting = eventually("the other waits", lambda: _waiting(kubectl, "second"))
    assert waiting.startswith("InitialRuns: ")
    _no_service_account(kubectl, job)
    eventually("the other starts", lambda: len(unfinished_jobs(kubectl)) == 2)
    assert condition(kubectl.get("rtp", "first"), "RunsHealthy")["reason"] == "ServiceAccountMissing"
    eventually("and waits no more", lambda: _waiting(kubectl, "second") == "")


def _waiting(kubectl: Kubectl, name: str) -> str:
    """Why the first of the pending runs waits."""
    pending = ((kubectl.get("rtp", name) or {}).get("status") or {}).get("pending") or [{}]
    return str(pending[0].get("waiting", ""))


def _no_service_account(kubectl: Kubectl, job: dict[str, Any]) -> None:
    """What the Job controller tells where the ServiceAccount is not there."""
    about = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    kubectl.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "no-account"},
            "involvedObject": {**about, "apiVersion": "batch/v1", "namespace": kubectl.namespace},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": 'error looking up service account: serviceaccount "robot" not found',
        }
    )


def _container(job: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return container


def _actions(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["metadata"]["labels"]["retrain.dev/action"] for job in jobs]


def _with_runs(kubectl: Kubectl, outcomes: list[str], name: str = "flight-delays") -> dict[str, Any] | None:
    policy = kubectl.get("rtp", name) or {}
    runs = (policy.get("status") or {}).get("runs") or []
    return policy if [run["outcome"] for run in runs] == outcomes else None


def _recorded(kubectl: Kubectl, name: str) -> dict[str, Any] | None:
    job = kubectl.get("job", name)
    return job if job and _is_recorded(job) else None


def _is_recorded(job: dict[str, Any]) -> bool:
    return bool(job["metadata"]["labels"].get("retrain.dev/recorded") == "true")


def _is_of(job: dict[str, Any], policy: str) -> bool:
    return bool(job["metadata"]["annotations"]["retrain.dev/policy"] == policy)
