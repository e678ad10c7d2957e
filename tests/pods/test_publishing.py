"""A champion of a real training is published, the next one too, and after a rollback the first again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.kserve import inference_service_crd
from tests.cluster.state import default_state
from tests.pods.conftest import REPOSITORY
from tests.pods.test_decisions import policy
from tests.pods.test_main_job import ask, wait_for_outcome
from tests.support.claims import Claims
from tests.support.data import csv, days_ago, rows
from tests.support.kubectl import Kubectl
from tests.support.policies import condition
from tests.support.polling import eventually

SERVICE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "flights", "annotations": {"retrain.dev/policy": "told"}},
    "spec": {"predictor": {"model": {"modelFormat": {"name": "retrain"}}}},
}


@pytest.fixture
def _allowed(admin: Kubectl) -> Iterator[None]:
    """KServe's CRD, which stays, and the rights of manifests/publishing."""
    admin("apply", "--server-side", "-f", str(inference_service_crd(state=default_state())))
    admin("apply", "-k", str(REPOSITORY / "tests" / "pods" / "publishing"))
    yield
    roles = [f"retrain-operator-publishing-{kind}" for kind in ("configmaps", "inferenceservices")]
    admin("delete", "clusterrole,clusterrolebinding", *roles)


@pytest.mark.full
@pytest.mark.usefixtures("_allowed")
def test_promotion_and_rollback_are_published(kubectl: Kubectl, claims: Claims) -> None:
    def stands(version: int) -> bool:
        data = (kubectl.get("configmap", "champion") or {}).get("data", {})
        service = kubectl.get("inferenceservice", "flights") or {}
        uri = service["spec"]["predictor"]["model"].get("storageUri", "")
        return bool(data.get("version") == str(version) and uri == data["file"] and "/blobs/sha256/" in uri)

    def shown() -> object:
        return kubectl.get("configmap", "champion"), condition(kubectl.get("rtp", "told"), "Published")

    eventually("InferenceServices are served", lambda: kubectl.apply(SERVICE))
    claims.write("data/told/a.csv", csv(rows(start=days_ago(110), days=60)))
    places = {"configMap": {"name": "champion"}, "inferenceService": {"name": "flights"}}
    kubectl.apply(policy("told", publish=places, triggers={"newRows": {"enabled": False}}))
    wait_for_outcome(kubectl, "Promoted", runs=1, name="told")
    eventually("version 1 is published", lambda: stands(1), describe=lambda: str(shown()))

    claims.write("data/told/b.csv", csv(rows(start=days_ago(50), days=40, turned=True)))
    ask(kubectl, "train", "again", name="told")
    wait_for_outcome(kubectl, "Promoted", runs=2, name="told")
    eventually("version 2 is published", lambda: stands(2), describe=lambda: str(shown()))

    ask(kubectl, "rollback", "1", name="told")
    found = wait_for_outcome(kubectl, "RolledBack", runs=3, name="told")
    eventually("version 1 is published again", lambda: stands(1), describe=lambda: str(shown()))
    assert condition(found, "Ready")["status"] == "True"
