"""The champion in ConfigMap and InferenceService (KServe's CRD), by an operator with the rights of the manifests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.kserve import inference_service_crd
from tests.cluster.state import default_state
from tests.control_plane.conftest import REPOSITORY
from tests.control_plane.test_rights import GOLDEN, PUBLISHING, rights
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, condition, end_run, unfinished_jobs
from tests.support.polling import eventually
from tests.support.requests import WriteCounter

MAP = {"configMap": {"name": "champion"}}
SERVICE = {"inferenceService": {"name": "flights"}}
COMPONENT = REPOSITORY / "tests" / "control_plane" / "publishing"
ROLES = ("retrain-operator-publishing-configmaps", "retrain-operator-publishing-inferenceservices")


@pytest.fixture(scope="module", autouse=True)
def _installed(cluster_kubectl: Kubectl) -> Iterator[None]:
    kubectl = cluster_kubectl
    kubectl("apply", "--server-side", "-f", str(inference_service_crd(state=default_state())))
    kubectl("apply", "-k", str(COMPONENT))
    kubectl.await_kind("inferenceservices")
    yield
    kubectl("delete", "clusterrole,clusterrolebinding", *ROLES)


@contextmanager
def _operator(kubectl: Kubectl, *, folder: Path, **settings: Any) -> Iterator[OperatorProcess]:
    kubeconfig = yaml.safe_load(kubectl.kubeconfig.read_text())
    token = kubectl("create", "token", "retrain-operator", "--namespace=retrain-system")
    kubeconfig["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    with OperatorProcess(kubeconfig=path, namespaces=(kubectl.namespace,), folder=folder, **settings) as operator:
        yield operator
        assert "Traceback" not in operator.log, operator.log


@pytest.fixture
def operator(kubectl: Kubectl, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator with the ServiceAccount of the manifests."""
    with _operator(kubectl, folder=tmp_path, resyncSeconds=1) as running:
        yield running


@pytest.fixture
def seldom(kubectl: Kubectl, tmp_path: Path) -> Iterator[OperatorProcess]:
    """One that makes no full list while a test runs."""
    with _operator(kubectl, folder=tmp_path, resyncSeconds=600) as running:
        yield running


def run_ends(kubectl: Kubectl, *, version: int, outcome: str = "Promoted", check: int = 1) -> None:
    """The run under way ends with this champion."""
    [job] = eventually("a run", lambda: unfinished_jobs(kubectl))
    message = a_message(job, outcome=outcome, checkTime=f"2026-03-{check:02}T00:00:00Z")
    uri = f"pvc://models/ns/flights/versions/{version}"
    message["champion"] |= {"version": version, "uri": uri, "digest": f"sha256:{version:064}"}
    end_run(kubectl, job, message=message)


def file_of(*, version: int) -> str:
    """Where the registry has the model."""
    return f"pvc://models/ns/flights/blobs/sha256/{version:064}"


def promoted(kubectl: Kubectl, **spec: Any) -> None:
    kubectl.apply(a_policy("flights", schedule=None, **spec))
    run_ends(kubectl, version=1)


def told(kubectl: Kubectl) -> tuple[object, object]:
    found = condition(kubectl.get("rtp", "flights"), "Published")
    return found.get("status"), found.get("reason")


def data(kubectl: Kubectl) -> dict[str, str]:
    found: dict[str, str] = (kubectl.get("configmap", "champion") or {}).get("data", {})
    return found


def uri(kubectl: Kubectl) -> object:
    model = (kubectl.get("inferenceservice", "flights") or {})["spec"]["predictor"]["model"]
    return model.get("storageUri")


def a_service(*, policy: str | None = "flights", **model: Any) -> dict[str, Any]:
    """An InferenceService as its owner applies it."""
    annotations = {} if policy is None else {"retrain.dev/policy": policy}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "flights", "annotations": annotations},
        "spec": {"predictor": {"minReplicas": 1, "model": {"modelFormat": {"name": "retrain"}, **model}}},
    }


def test_every_champion_is_published_and_a_rollback_too(
    kubectl: Kubectl, operator: OperatorProcess, writes: WriteCounter
) -> None:
    kubectl.apply(a_service())
    promoted(kubectl, publish={**MAP, **SERVICE})
    eventually("it is told", lambda: told(kubectl) == ("True", "ChampionPublished"))
    status = (kubectl.get("rtp", "flights") or {})["status"]
    assert data(kubectl) == {
        "policy": "flights",
        "version": "1",
        "uri": status["modelURI"],
        "file": file_of(version=1),
        "digest": status["modelDigest"],
        "metric": "roc_auc",
        "promotionTime": status["promotionTime"],
    }
    assert uri(kubectl) == file_of(version=1)
    assert (kubectl.get("inferenceservice", "flights") or {})["spec"]["predictor"]["minReplicas"] == 1
    assert "ownerReferences" not in (kubectl.get("configmap", "champion") or {})["metadata"]

    kubectl("annotate", "rtp", "flights", "retrain.dev/train=1")
    run_ends(kubectl, version=2, check=2)
    eventually("version 2", lambda: (data(kubectl).get("version"), str(uri(kubectl))[-1]) == ("2", "2"))
    kubectl("annotate", "rtp", "flights", "retrain.dev/rollback=1")
    run_ends(kubectl, version=1, outcome="RolledBack", check=3)
    eventually("version 1 again", lambda: (data(kubectl).get("version"), str(uri(kubectl))[-1]) == ("1", "1"))
    eventually(
        "it is told",
        lambda: (
            (kubectl.get("rtp", "flights") or {})["status"]["published"]
            == {"configMap": {"name": "champion", "version": 1}, "inferenceService": {"name": "flights", "version": 1}}
        ),
    )

    # Nothing more is written, and what people break is put right by one write.
    eventually(
        "all is marked",
        lambda: all("retrain.dev/recorded" in job["metadata"]["labels"] for job in kubectl.list("jobs")),
    )
    writes.reset()
    lists = writes.lists()
    eventually("three more full lists", lambda: writes.lists() >= lists + 4)
    assert writes.by_resource() == {}
    kubectl("patch", "configmap", "champion", "--type=merge", '--patch={"data": {"version": "7", "more": "x"}}')
    eventually("it is put right", lambda: data(kubectl).get("version") == "1" and "more" not in data(kubectl))
    kubectl("delete", "configmap", "champion")
    eventually("it is made again", lambda: data(kubectl).get("version") == "1")
    lists = writes.lists()
    eventually("two more full lists", lambda: writes.lists() >= lists + 3)
    counted = writes.by_resource()
    assert {what: count for what, count in counted.items() if "configmaps" in what} == {
        "configmaps PATCH": 1,  # ours, by hand
        "configmaps DELETE": 1,
        "configmaps PUT": 1,
        "configmaps POST": 1,
    }

    # The policy goes; what serves its model stays as it is.
    kubectl("delete", "rtp", "flights")
    lists = writes.lists()
    eventually("two more full lists", lambda: writes.lists() >= lists + 3)
    assert data(kubectl)["version"] == "1"
    # One of its name goes on with it.
    kubectl.apply(a_policy("flights", schedule=None, publish=MAP))
    run_ends(kubectl, version=3, check=4)
    eventually("adopted", lambda: data(kubectl).get("version") == "3")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param({"data": {"mine": "1"}}, "NameConflict", id="somebody's"),
        pytest.param(
            {
                "data": {"mine": "1"},
                "metadata": {
                    "labels": {"app.kubernetes.io/managed-by": "retrain-operator"},
                    "annotations": {"retrain.dev/policy": "another"},
                },
            },
            "NameConflict",
            id="another policy's",
        ),
    ],
)
def test_a_configmap_that_is_not_ours_is_never_written(
    kubectl: Kubectl, operator: OperatorProcess, made: dict[str, Any], reason: str
) -> None:
    metadata = {**made.get("metadata", {}), "name": "champion"}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", **made, "metadata": metadata})
    promoted(kubectl, publish=MAP)
    eventually("it is told", lambda: told(kubectl) == ("False", reason))
    policy = kubectl.get("rtp", "flights")
    assert condition(policy, "Ready")["status"] == "True"
    assert data(kubectl) == {"mine": "1"}
    # Its owner removes it.
    kubectl("delete", "configmap", "champion")
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"))
    assert data(kubectl)["version"] == "1"


@pytest.mark.parametrize(
    ("made", "reason", "words"),
    [
        pytest.param(None, "InferenceServiceMissing", "is not there", id="missing"),
        pytest.param(a_service(policy=None), "NotOptedIn", "retrain.dev/policy: flights", id="not opted in"),
        pytest.param(a_service(policy="other"), "NotOptedIn", "does not let this policy in", id="of another policy"),
        pytest.param(
            a_service(storageUri="s3://elsewhere/model"),
            "FieldConflict",
            "kubectl-client-side-apply",
            id="set by its owner",
        ),
    ],
)
def test_an_inference_service_that_does_not_let_us_in_is_left_alone(
    kubectl: Kubectl, operator: OperatorProcess, made: dict[str, Any] | None, reason: str, words: str
) -> None:
    if made is not None:
        kubectl.apply(made)
    promoted(kubectl, publish={**MAP, **SERVICE})
    eventually("it is told", lambda: told(kubectl) == ("False", reason), describe=lambda: operator.log)
    assert words in condition(kubectl.get("rtp", "flights"), "Published")["message"]
    assert data(kubectl)["version"] == "1"
    if made is not None:
        assert uri(kubectl) == made["spec"]["predictor"]["model"].get("storageUri")
    # Its owner lets us in, and leaves the field to us.
    kubectl.apply(a_service())
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"))
    assert uri(kubectl) == file_of(version=1)
    # They apply it again: it is no conflict, and ours stays.
    kubectl.apply(a_service())
    assert uri(kubectl) == file_of(version=1)


def test_without_the_rights_it_is_told_what_to_apply_and_training_goes_on(
    cluster_kubectl: Kubectl, kubectl: Kubectl, operator: OperatorProcess
) -> None:
    cluster_kubectl("delete", "clusterrolebinding", *ROLES)
    try:
        promoted(kubectl, publish=MAP)
        eventually("it is told", lambda: told(kubectl) == ("False", "PublishingNotAllowed"))
        policy = kubectl.get("rtp", "flights")
        assert "manifests/publishing" in condition(policy, "Published")["message"]
        assert condition(policy, "ModelAvailable")["status"] == "True"
        kubectl("annotate", "rtp", "flights", "retrain.dev/check=1")
        run_ends(kubectl, version=1, outcome="Kept", check=2)
        eventually("it is recorded", lambda: len((kubectl.get("rtp", "flights") or {})["status"]["runs"]) == 2)
    finally:
        cluster_kubectl("apply", "-k", str(COMPONENT))
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"))


def test_what_was_in_the_way_is_tried_again_without_a_full_list(
    kubectl: Kubectl, seldom: OperatorProcess, writes: WriteCounter
) -> None:
    kubectl.apply(a_service(policy=None))
    promoted(kubectl, publish=SERVICE)
    eventually("it is told", lambda: told(kubectl) == ("False", "NotOptedIn"), describe=lambda: seldom.log)
    eventually(
        "all is marked",
        lambda: all("retrain.dev/recorded" in job["metadata"]["labels"] for job in kubectl.list("jobs")),
    )
    writes.reset()
    tries = seldom.log.count("not published")
    eventually("it is tried again", lambda: seldom.log.count("not published") >= tries + 2)
    assert writes.by_resource() == {}  # nothing is told twice
    kubectl.apply(a_service())
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"))
    assert uri(kubectl) == file_of(version=1)


def test_a_refusal_by_admission_is_told_in_its_words(
    cluster_kubectl: Kubectl, kubectl: Kubectl, seldom: OperatorProcess
) -> None:
    policy, binding = _frozen(namespace=kubectl.namespace)
    kubectl.apply(a_service())
    cluster_kubectl.apply(policy, binding)
    try:
        eventually("the policy holds", lambda: _is_refused(kubectl))
        promoted(kubectl, publish=SERVICE)
        eventually("it is told", lambda: told(kubectl) == ("False", "RefusedByAPI"), describe=lambda: seldom.log)
        message = condition(kubectl.get("rtp", "flights"), "Published")["message"]
        assert "InferenceService flights" in message
        assert "the serving freeze lasts until Monday" in message
    finally:
        for body in (binding, policy):
            cluster_kubectl("delete", body["kind"], body["metadata"]["name"])
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"), describe=lambda: seldom.log)


def _frozen(*, namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Nobody changes an InferenceService of the namespace."""
    kind = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["inferenceservices"],
    }
    policy = {
        "apiVersion": kind,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "serving-freeze"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "the serving freeze lasts until Monday"}],
        },
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {
        "apiVersion": kind,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "serving-freeze"},
        "spec": {"policyName": "serving-freeze", "validationActions": ["Deny"], "matchResources": here},
    }
    return policy, binding


def _is_refused(kubectl: Kubectl) -> bool:
    try:
        kubectl("annotate", "inferenceservice", "flights", "mine=1", "--overwrite", "--dry-run=server")
    except KubectlError as error:
        return "serving freeze" in str(error)
    return False


def test_without_kserve_it_is_told_and_once_it_is_installed_it_is_published(
    cluster_kubectl: Kubectl, kubectl: Kubectl, seldom: OperatorProcess
) -> None:
    crd = str(inference_service_crd(state=default_state()))
    cluster_kubectl("delete", "-f", crd)
    try:
        promoted(kubectl, publish={**MAP, **SERVICE})
        eventually("it is told", lambda: told(kubectl) == ("False", "InferenceServiceMissing"))
        assert "KServe is not installed" in condition(kubectl.get("rtp", "flights"), "Published")["message"]
        assert data(kubectl)["version"] == "1"
    finally:
        cluster_kubectl("apply", "--server-side", "-f", crd)
        cluster_kubectl.await_kind("inferenceservices")
    eventually("it takes one", lambda: _applied(kubectl, a_service()))
    eventually("it is published", lambda: told(kubectl) == ("True", "ChampionPublished"), describe=lambda: seldom.log)


def _applied(kubectl: Kubectl, body: dict[str, Any]) -> bool:
    try:
        kubectl.apply(body)
    except KubectlError:  # discovery lags behind
        return False
    return True


def test_the_rights_with_the_component_equal_the_golden_list(kubectl: Kubectl) -> None:
    assert rights(kubectl) == {**GOLDEN, **PUBLISHING}
