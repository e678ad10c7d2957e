"""Bad specs: refused by the API where it can tell, else named in the condition; nothing that worked stops."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.policies import a_policy, condition, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually


def _with(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(a_policy())
    *parents, last = path.split(".")
    place = body["spec"]
    for name in parents:
        place = place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        pytest.param("schedule", "0 24 * * *", "midnight is hour 0", id="hour 24"),
        pytest.param("schedule", "0 0 0 * * *", "has six fields", id="six fields"),
        pytest.param("schedule", "0 0 0 0 0", "day of month 0", id="too many zeros"),
        pytest.param("schedule", "0 0 * 0 *", "month 0", id="month 0"),
        pytest.param("schedule", "0 0 * *", "must have five fields", id="four fields"),
        pytest.param("schedule", "* 30 * * *", "are minute and hour swapped", id="swapped fields"),
        pytest.param("schedule", "0 0 * * 7", "Sunday is 0", id="weekday 7"),
        pytest.param("schedule", "0 0 30 2 *", "never comes", id="30 February"),
        pytest.param("schedule", "@every 5m", "*/15", id="@every"),
        pytest.param("schedule", "@reboot", "@hourly", id="@reboot"),
        pytest.param("schedule", "TZ=UTC 0 0 * * *", "spec.timeZone", id="a zone in the schedule"),
        pytest.param("timeZone", "Local", "IANA", id="the zone Local"),
        pytest.param("startingDeadlineSeconds", 5, "greater than or equal to 10", id="a deadline nobody can meet"),
        pytest.param("data.uri", "s3://bucket/x.csv", "pvc://<claim>/", id="a scheme that is not there yet"),
        pytest.param("data.uri", "pvc://user:secret@claim/x.csv", "credentials", id="credentials in the URI"),
        pytest.param("data.uri", "pvc://claim/../other/x.csv", "..", id="traversal in the data URI"),
        pytest.param("registry.uri", "pvc://claim/../other", "..", id="traversal in the registry URI"),
        pytest.param("registry.uri", "gs://models/x", "s3://<bucket>/<prefix>", id="a registry in another store"),
        pytest.param("registry.uri", "s3://key:secret@models", "spec.job.env", id="credentials in the registry URI"),
        pytest.param(
            "publish.mlflow",
            {"trackingURI": "https://me:secret@mlflow", "name": "x"},
            "by spec.job.env from a Secret",
            id="credentials in MLflow's URI",
        ),
        pytest.param(
            "publish.mlflow",
            {"trackingURI": "sqlite:///secret.db", "name": "x"},
            "http(s)://<host>",
            id="an MLflow that is no server",
        ),
        pytest.param(
            "publish.mlflow",
            {"trackingURI": "http://[::1]:5000/base", "name": "x", "alias": "V12"},
            "for itself",
            id="an alias that MLflow keeps",
        ),
        pytest.param("publish.mlflow", {"trackingURI": "http://mlflow"}, "name", id="an MLflow without a model"),
        pytest.param("registry.uri", "s3://Models/x", "s3://<bucket>/<prefix>", id="no name of a bucket"),
        pytest.param("registry.uri", "s3://models/a b", "letters, digits", id="no prefix of a bucket"),
        pytest.param("registry.uri", "s3://models/x/../y", "..", id="traversal in a bucket"),
        pytest.param("data.timeColumn", None, "need spec.data.timeColumn", id="a window without a time column"),
        pytest.param("model.target", None, "spec.model.target", id="no target"),
        pytest.param(
            "model.features.include", ["late", "carrier"], "not name spec.model.target", id="target as feature"
        ),
        pytest.param("evaluation.metric", "neg_mean_absolute_error", "plain name", id="neg_ and a threshold above 0"),
        pytest.param("data.holdout", {"window": "7d", "fraction": 0.2}, "not both", id="two kinds of holdout"),
        pytest.param("data.holdout", {"minPerClass": -1}, "greater than or equal to 0", id="minPerClass below 0"),
        pytest.param("promotion", {"rule": "NonInferior"}, "goes with rule: NonInferior", id="no tolerance"),
        pytest.param("promotion", {"tolerance": 0.1}, "goes with rule: NonInferior", id="tolerance without its rule"),
        pytest.param(
            "promotion",
            {"rule": "NonInferior", "tolerance": 0.1, "minImprovement": 0.1},
            "goes with rule: Superior",
            id="both rules",
        ),
        pytest.param("promotion.onIncomparable", "Ignore", '"Approve", "Promote"', id="onIncomparable: Ignore"),
        pytest.param("evaluation.guardrails", [{"metric": "f1"}], "set min", id="a guardrail without a bound"),
        pytest.param("evaluation.guardrails", [{"min": 0.5}], "metric", id="a guardrail without a metric"),
        pytest.param(
            "evaluation.slices", [{"column": "carrier", "min": 0.5, "max": 1}], "not both", id="a slice with two bounds"
        ),
        pytest.param("validation.columns", [{"name": "a", "min": 2, "max": 1}], "not be above max", id="min above max"),
        pytest.param("validation.columns", [{"name": "a"}, {"name": "a"}], "Duplicate value", id="a column twice"),
        pytest.param(
            "validation.maxDuplicateFraction", 2, "less than or equal to 1", id="more repeated rows than rows"
        ),
        pytest.param("validation.maxLabelShift", -0.1, "greater than or equal to 0", id="a shift below nothing"),
        pytest.param(
            "validation.columns", [{"name": "a", "severity": "Info"}], '"Error", "Warning"', id="no such severity"
        ),
        pytest.param("job.env", [{"name": "RETRAIN_POLICY", "value": "x"}], "the operator's", id="a RETRAIN_ variable"),
        pytest.param("job.resources", {"requests": {"memory": "4Gi"}}, "requests.memory (1Gi", id="request > limit"),
        pytest.param("job.resources", {"limits": {"memory": "512Mi"}}, "limits.memory (2Gi", id="limit < request"),
        pytest.param("job.resources", {"limits": {"cpu": "0.1"}}, "requests.cpu (500m", id="little CPU"),
        pytest.param("triggers.upstream", {}, "upstream.policy is required", id="no upstream policy"),
        pytest.param("triggers.upstream", {"policy": "flight-delays"}, "name another one", id="its own upstream"),
        pytest.param("job.command", ["sh"], "unknown field", id="a command"),
        pytest.param("job.securityContext", {"privileged": True}, "unknown field", id="a security context"),
    ],
)
def test_the_api_server_says_what_to_write_instead(kubectl: Kubectl, path: str, value: Any, told: str) -> None:
    body = _with(path, value)
    if path == "data.timeColumn":
        body["spec"]["data"]["window"] = "90d"
    with pytest.raises(KubectlError) as refused:
        kubectl.apply(body, arguments=("--dry-run=server", "--validate=strict"))
    assert told in str(refused.value)
    if path == "publish.mlflow":
        assert "me:secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "reason", "told"),
    [
        pytest.param("schedule", "0 5-2 * * *", "InvalidSchedule", "write 2-5", id="a range that runs backwards"),
        pytest.param("schedule", "0 0 31 4,6 *", "InvalidSchedule", "never comes", id="31 April and June"),
        pytest.param("timeZone", "Mars/Olympus", "InvalidTimeZone", "IANA", id="an unknown zone"),
        pytest.param("job.resources", {"limits": {"a/b/c": "1"}}, "RefusedByAPI", "a/b/c", id="a resource of no name"),
        pytest.param("job.env", [{"name": "A", "value": "é" * 4096}], None, "", id="large values are fine"),
    ],
)
def test_an_invalid_edit_is_named_and_keeps_the_last_good_cronjob(
    kubectl: Kubectl, start_operator: StartOperator, path: str, value: Any, reason: str | None, told: str
) -> None:
    start_operator()
    kubectl.apply(a_policy(), a_policy("other"))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    before = kubectl.get("cronjob", "flight-delays")

    kubectl.apply(_with(path, value))
    if reason is None:
        wait_for_condition(kubectl, "flight-delays", "Ready", "True")
        return
    policy = wait_for_condition(kubectl, "flight-delays", "Stalled", "True")
    assert condition(policy, "Stalled")["reason"] == reason
    assert told in condition(policy, "Stalled")["message"]
    assert condition(policy, "Ready")["status"] == "False"
    after = kubectl.get("cronjob", "flight-delays")
    assert before is not None
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    wait_for_condition(kubectl, "other", "Ready", "True")

    kubectl.apply(a_policy(schedule="15 3 * * *"))
    policy = wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    assert condition(policy, "Stalled")["status"] == "False"


def test_a_foreign_cronjob_of_our_name_is_left_alone(kubectl: Kubectl, start_operator: StartOperator) -> None:
    foreign = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "flight-delays"},
        "spec": {
            "schedule": "1 1 * * *",
            "jobTemplate": {
                "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}}
            },
        },
    }
    kubectl.apply(foreign)
    start_operator(resyncSeconds=1)
    kubectl.apply(a_policy())
    policy = wait_for_condition(kubectl, "flight-delays", "Stalled", "True")
    assert condition(policy, "Stalled")["reason"] == "NameConflict"
    live = kubectl.get("cronjob", "flight-delays")
    assert live is not None
    assert live["spec"]["schedule"] == "1 1 * * *"
    assert unfinished_jobs(kubectl) == []

    kubectl("delete", "cronjob", "flight-delays")
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")


def test_a_cronjob_changed_or_deleted_by_hand_is_mended(kubectl: Kubectl, start_operator: StartOperator) -> None:
    start_operator()
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    kubectl.patch("cronjob", "flight-delays", {"spec": {"schedule": "1 1 1 1 1", "suspend": True}})

    def mended() -> bool:
        live = kubectl.get("cronjob", "flight-delays")
        return live is not None and live["spec"]["schedule"] == "0 0 * * 0" and live["spec"]["suspend"] is False

    eventually("the edit is undone", mended)
    kubectl("delete", "cronjob", "flight-delays", "--wait=false")
    eventually("the CronJob is made again", mended)
