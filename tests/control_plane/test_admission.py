"""The cluster's own admission is in the way of what a policy needs: that is told, and afterwards all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.control_plane.conftest import StartOperator
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.policies import a_message, a_policy, condition, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually

_API = "admissionregistration.k8s.io/v1"


@contextmanager
def in_the_way(kubectl: Kubectl, *bodies: dict[str, Any]) -> Iterator[None]:
    """These are in force."""
    kubectl.apply(*bodies)
    try:
        yield
    finally:
        for body in reversed(bodies):
            kubectl("delete", body["kind"], body["metadata"]["name"], "--ignore-not-found")


def _rule(resource: str, operation: str) -> dict[str, Any]:
    return {"apiGroups": ["batch"], "apiVersions": ["*"], "operations": [operation], "resources": [resource]}


def a_freeze(
    namespace: str, *, resource: str = "jobs", operation: str = "CREATE"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A ValidatingAdmissionPolicy that lets nothing of this kind be made or changed. It names no reason, so the answer
    is 422.
    """
    spec = {
        "matchConstraints": {"resourceRules": [_rule(resource, operation)]},
        "validations": [{"expression": "false", "message": "nothing until Monday"}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": "freeze", "validationActions": ["Deny"], "matchResources": here}
    return (
        {"apiVersion": _API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "freeze"}, "spec": spec},
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "freeze"},
            "spec": binding,
        },
    )


def a_dead_webhook(namespace: str) -> dict[str, Any]:
    """A webhook that must be asked about each CronJob that is changed, and is not there: the answer is 500."""
    return {
        "apiVersion": _API,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guard"},
        "webhooks": [
            {
                "name": "guard.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 1,
                "rules": [_rule("cronjobs", "UPDATE")],
                "clientConfig": {"url": "https://127.0.0.1:9/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            }
        ],
    }


def test_what_admission_refuses_is_tried_again_once_it_may_be(
    cluster_kubectl: Kubectl, kubectl: Kubectl, start_operator: StartOperator
) -> None:
    with in_the_way(cluster_kubectl, *a_freeze(kubectl.namespace)):
        eventually("the freeze holds", lambda: _is_refused(kubectl, "create", "job", "probe", "--image=x"))
        start_operator(resyncSeconds=1)
        kubectl.apply(a_policy())
        policy = wait_for_condition(kubectl, "flight-delays", "Stalled", "True")
        assert condition(policy, "Ready")["reason"] == "RefusedByAPI"
        assert "nothing until Monday" in condition(policy, "Ready")["message"]
    [job] = eventually("the first run", lambda: unfinished_jobs(kubectl))
    assert job["metadata"]["annotations"]["retrain.dev/cause"] == "Initial"
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")


def test_a_webhook_that_is_down_hides_no_result(
    cluster_kubectl: Kubectl, kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator()
    kubectl.apply(a_policy())
    [job] = eventually("the first run", lambda: unfinished_jobs(kubectl))
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    with in_the_way(cluster_kubectl, a_dead_webhook(kubectl.namespace)):
        change = ("annotate", "cronjob", "flight-delays", "mine=1", "--overwrite", "--dry-run=server")
        eventually("the webhook is asked", lambda: _is_refused(kubectl, *change))
        kubectl.apply(a_policy(schedule="5 5 * * *"))
        end_run(kubectl, job, message=a_message(job))
        policy = wait_for_condition(kubectl, "flight-delays", "ModelAvailable", "True")
        policy = wait_for_condition(kubectl, "flight-delays", "Ready", "False")
        assert condition(policy, "Ready")["reason"] == "Retrying"
        assert "CronJob flight-delays: " in condition(policy, "Ready")["message"]
        assert "guard.example.com" in condition(policy, "Ready")["message"]
        eventually("the Job is marked", lambda: _is_marked(kubectl, job))
    policy = wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    assert "5 5 * * *" in condition(policy, "Ready")["message"]
    assert policy["status"]["modelVersion"] == 1


def test_where_no_job_may_be_changed_the_champion_is_published_all_the_same(
    cluster_kubectl: Kubectl, kubectl: Kubectl, start_operator: StartOperator
) -> None:
    start_operator(resyncSeconds=5)
    kubectl.apply(a_policy(publish={"configMap": {"name": "champion"}}))
    [job] = eventually("the first run", lambda: unfinished_jobs(kubectl))
    name = job["metadata"]["name"]
    with in_the_way(cluster_kubectl, *a_freeze(kubectl.namespace, resource="jobs", operation="UPDATE")):
        eventually("the freeze holds", lambda: _is_refused(kubectl, "annotate", "job", name, "mine=1", "--overwrite"))
        end_run(kubectl, job, message=a_message(job))
        eventually("it is published", lambda: kubectl.get("configmap", "champion"))
        assert not _is_marked(kubectl, job)
    eventually("the Job is marked", lambda: _is_marked(kubectl, job))


def test_a_pause_that_is_refused_is_tried_again_until_it_is_made(
    cluster_kubectl: Kubectl, kubectl: Kubectl, start_operator: StartOperator
) -> None:
    operator = start_operator(resyncSeconds=60)
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    with in_the_way(cluster_kubectl, *a_freeze(kubectl.namespace, resource="cronjobs", operation="UPDATE")):
        change = ("annotate", "cronjob", "flight-delays", "mine=1", "--overwrite")
        eventually("the freeze holds", lambda: _is_refused(kubectl, *change))
        kubectl.apply(a_policy(suspend=True))
        policy = wait_for_condition(kubectl, "flight-delays", "Ready", "False")
        assert "nothing until Monday" in condition(policy, "Ready")["message"]
        tries = operator.log.count("refused")
        eventually("it is tried again", lambda: operator.log.count("refused") > tries)
        assert "still not settled" not in operator.log
    eventually("it is paused", lambda: (kubectl.get("cronjob", "flight-delays") or {})["spec"]["suspend"])


def test_finalizers_of_others_stay_on_a_cronjob(kubectl: Kubectl, start_operator: StartOperator) -> None:
    start_operator()
    kubectl.apply(a_policy())
    wait_for_condition(kubectl, "flight-delays", "Ready", "True")
    kubectl.patch("cronjob", "flight-delays", {"metadata": {"finalizers": ["example.com/audit"]}})
    kubectl.apply(a_policy(schedule="5 5 * * *"))

    def changed() -> dict[str, Any] | None:
        live = kubectl.get("cronjob", "flight-delays") or {}
        return live if live["spec"]["schedule"] == "5 5 * * *" else None

    assert eventually("the schedule is changed", changed)["metadata"]["finalizers"] == ["example.com/audit"]
    kubectl.patch("cronjob", "flight-delays", {"metadata": {"finalizers": None}})


def _is_refused(kubectl: Kubectl, *arguments: str) -> bool:
    try:
        kubectl(*arguments, *(() if "--dry-run=server" in arguments else ("--dry-run=server",)))
    except KubectlError:
        return True
    return False


def _is_marked(kubectl: Kubectl, job: dict[str, Any]) -> bool:
    live = kubectl.get("job", job["metadata"]["name"])
    return live is not None and live["metadata"]["labels"].get("retrain.dev/recorded") == "true"
