"""What a GitOps tool sees: the same manifests applied again change nothing, though the operator has been at work."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.control_plane.conftest import REPOSITORY, StartOperator
from tests.support.kubectl import Kubectl
from tests.support.policies import a_message, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually

EXAMPLES = sorted((REPOSITORY / "examples").rglob("*.yaml"))
#: Every policy that stands in a page as a whole.
PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])


def policies() -> list[tuple[str, dict[str, Any]]]:
    """Where each stands, and what it is."""
    found = [(str(path.relative_to(REPOSITORY)), yaml.safe_load(path.read_text())) for path in EXAMPLES]
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.DOTALL)):
            body = yaml.safe_load(block)
            if isinstance(body, dict) and body.get("kind") == "RetrainPolicy":
                found.append((f"{page.relative_to(REPOSITORY)}:{number}", body))
    return found


def versions(kubectl: Kubectl) -> dict[str, str]:
    """resourceVersion of each policy and CronJob."""
    objects = [*kubectl.list("rtp"), *kubectl.list("cronjobs")]
    return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in objects}


def difference(kubectl: Kubectl, *arguments: str, stdin: str | None = None) -> str:
    """What `kubectl diff` prints; empty where there is none."""
    done = subprocess.run(
        [kubectl.binary, f"--kubeconfig={kubectl.kubeconfig}", "diff", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_there_are_examples() -> None:
    assert len(policies()) >= 5


@pytest.mark.parametrize("how", ["client-side", "server-side"])
@pytest.mark.parametrize(("where", "policy"), policies(), ids=[where for where, _ in policies()])
def test_a_policy_applied_again_changes_nothing(
    kubectl: Kubectl, start_operator: StartOperator, where: str, policy: dict[str, Any], how: str
) -> None:
    start_operator(resyncSeconds=0.5)
    body = {**policy, "metadata": {**policy["metadata"], "namespace": kubectl.namespace}}
    text, flags = yaml.safe_dump(body), ("--server-side",) if how == "server-side" else ()
    name = policy["metadata"]["name"]

    kubectl("apply", "-f", "-", *flags, stdin=text)
    wait_for_condition(kubectl, name, "Ready", "True")
    if not policy["spec"].get("suspend"):
        [job] = eventually("its first run", lambda: unfinished_jobs(kubectl))
        end_run(kubectl, job, message=a_message(job))
        wait_for_condition(kubectl, name, "ModelAvailable", "True")

        def recorded() -> bool:
            return all("retrain.dev/recorded" in each["metadata"]["labels"] for each in kubectl.list("jobs"))

        eventually("it is recorded", recorded)
    before = versions(kubectl)
    for _ in range(2):
        assert difference(kubectl, "-f", "-", *flags, stdin=text) == ""
        kubectl("apply", "-f", "-", *flags, stdin=text)
    assert versions(kubectl) == before


def test_the_manifests_applied_again_change_nothing(cluster_kubectl: Kubectl) -> None:
    folder = str(REPOSITORY / "manifests")

    def standing() -> dict[str, str]:
        items = json.loads(cluster_kubectl("get", "-k", folder, "-o", "json"))["items"]
        return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in items}

    cluster_kubectl("apply", "-k", folder)
    before = standing()
    assert len(before) > 10
    # (Of some kinds kubectl prints "configured" each time; what is stored stays as it is.)
    cluster_kubectl("apply", "-k", folder)
    assert standing() == before
    assert difference(cluster_kubectl, "-k", folder) == ""


@pytest.mark.parametrize("component", ["webhook", "publishing"])
def test_the_components_are_what_the_api_takes(cluster_kubectl: Kubectl, component: str, tmp_path: Path) -> None:
    pages = {"webhook": "tests/pods/calls", "publishing": "tests/control_plane/publishing"}
    cluster_kubectl("apply", "-k", str(REPOSITORY / "manifests"))
    cluster_kubectl("apply", "-k", str(REPOSITORY / pages[component]), "--dry-run=server")
