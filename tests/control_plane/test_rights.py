"""What the operator may do, and who may write policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.control_plane.conftest import REPOSITORY
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.policies import a_policy

#: Everything the operator may do, besides what every authenticated user may.
GOLDEN = {
    "retrain.dev/retrainpolicies": {"get", "list", "watch"},
    "retrain.dev/retrainpolicies/status": {"patch"},
    "batch/cronjobs": {"get", "list", "watch", "create", "update"},
    "batch/jobs": {"get", "list", "watch", "create", "patch"},
    "/pods": {"list"},
    "/events": {"create", "list"},
}

#: And in the namespace that it runs in.
OWN_NAMESPACE = {"coordination.k8s.io/leases": {"get", "create", "update"}}

#: And with a component for publishing.
PUBLISHING = {
    "/configmaps": {"get", "create", "update"},
    "serving.kserve.io/inferenceservices": {"get", "patch"},
}

OPERATOR = "system:serviceaccount:retrain-system:retrain-operator"


@pytest.fixture(scope="module", autouse=True)
def _installed(cluster_kubectl: Kubectl) -> None:
    cluster_kubectl("apply", "-k", str(REPOSITORY / "manifests"))


def rights(kubectl: Kubectl, *, namespace: str | None = None, user: str | None = None) -> dict[str, set[str]]:
    """What the operator (or `user`) may do in a namespace, by default the test's: verbs by group and resource."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace or kubectl.namespace},
    }
    as_operator = Kubectl(
        binary=kubectl.binary, kubeconfig=kubectl.kubeconfig, namespace=kubectl.namespace, user=user or OPERATOR
    )
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = json.loads(as_operator("create", "--raw", path, "-f", "-", stdin=json.dumps(review)))
    held: dict[str, set[str]] = {}
    for rule in answer["status"]["resourceRules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                held.setdefault(f"{group}/{resource}", set()).update(rule["verbs"])
    everybodys = {name for name in held if name.startswith(("authorization.k8s.io/", "authentication.k8s.io/"))}
    return {name: verbs for name, verbs in held.items() if name not in everybodys}


@pytest.mark.parametrize(
    ("namespace", "golden"),
    [
        pytest.param(None, GOLDEN, id="any namespace"),
        pytest.param("retrain-system", {**GOLDEN, **OWN_NAMESPACE}, id="its own"),
    ],
)
def test_the_operators_rights_equal_the_golden_list(
    kubectl: Kubectl, namespace: str | None, golden: dict[str, set[str]]
) -> None:
    assert rights(kubectl, namespace=namespace) == golden


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("get", "pods/log"),
        ("delete", "jobs.batch"),
        ("delete", "cronjobs.batch"),
        ("deletecollection", "jobs.batch"),
        ("update", "retrainpolicies.retrain.dev"),
        ("patch", "retrainpolicies.retrain.dev"),
        ("delete", "persistentvolumeclaims"),
        ("create", "serviceaccounts/token"),
        ("escalate", "clusterroles.rbac.authorization.k8s.io"),
        ("impersonate", "users"),
        ("patch", "nodes"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
    ],
)
def test_the_operator_may_not(kubectl: Kubectl, verb: str, resource: str) -> None:
    with pytest.raises(KubectlError, match="no"):
        kubectl("auth", "can-i", verb, resource, f"--as={OPERATOR}")


def test_only_those_who_may_create_jobs_may_write_policies(kubectl: Kubectl) -> None:
    namespace = kubectl.namespace
    kubectl("create", "role", "policies", "--verb=create,get,patch", "--resource=retrainpolicies.retrain.dev")
    kubectl("create", "role", "jobs", "--verb=create", "--resource=jobs.batch")
    kubectl("create", "rolebinding", "policies", "--role=policies", "--user=ann")
    ann = Kubectl(binary=kubectl.binary, kubeconfig=kubectl.kubeconfig, namespace=namespace, user="ann")
    with pytest.raises(KubectlError, match=f"right to create jobs.batch in namespace {namespace}"):
        ann.create(a_policy())
    kubectl("create", "rolebinding", "jobs", "--role=jobs", "--user=ann")
    assert ann.create(a_policy())["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("patch", "allowed"),
    [
        pytest.param(
            {"metadata": {"finalizers": ["foregroundDeletion"]}}, True, id="a finalizer, as the collector does"
        ),
        pytest.param({"metadata": {"labels": {"team": "a"}}}, True, id="a label"),
        pytest.param({"metadata": {"labels": {}}}, True, id="nothing, as a migration of stored versions does"),
        pytest.param({"metadata": {"annotations": {"retrain.dev/train": "now"}}}, False, id="a request"),
        pytest.param({"metadata": {"annotations": None}}, False, id="no annotations any more"),
        pytest.param({"spec": {"suspend": True}}, False, id="the spec"),
    ],
)
def test_only_what_changes_runs_needs_the_right_to_create_jobs(
    kubectl: Kubectl, patch: dict[str, Any], allowed: bool
) -> None:
    policy = a_policy()
    policy["metadata"]["annotations"] = {"team/contact": "ann"}
    kubectl.create(policy)
    kubectl("create", "role", "patches", "--verb=get,patch,update", "--resource=retrainpolicies.retrain.dev")
    kubectl("create", "rolebinding", "patches", "--role=patches", "--user=collector")
    collector = Kubectl(
        binary=kubectl.binary, kubeconfig=kubectl.kubeconfig, namespace=kubectl.namespace, user="collector"
    )
    arguments = ("patch", "rtp", policy["metadata"]["name"], "--type=merge", "--patch", json.dumps(patch))
    if allowed:
        collector(*arguments)
    else:
        with pytest.raises(KubectlError, match=r"right to create jobs\.batch"):
            collector(*arguments)
    kubectl("patch", "rtp", policy["metadata"]["name"], "--type=merge", "--patch", '{"metadata": {"finalizers": null}}')


def test_a_policy_applied_twice_shows_no_difference(kubectl: Kubectl) -> None:
    kubectl.apply(a_policy())
    assert kubectl.apply(a_policy()).endswith("unchanged")
    kubectl.apply(a_policy("other"), arguments=("--server-side", "--field-manager=gitops"))
    before = kubectl.get("rtp", "other")
    kubectl.apply(a_policy("other"), arguments=("--server-side", "--field-manager=gitops"))
    after = kubectl.get("rtp", "other")
    assert before is not None
    assert after is not None
    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
