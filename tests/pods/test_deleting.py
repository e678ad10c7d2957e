"""A policy goes whatever the way it is deleted, under the garbage collector of a real cluster."""

from __future__ import annotations

import pytest

from tests.pods.conftest import eventually
from tests.pods.test_main_job import SPEC
from tests.support.kubectl import Kubectl
from tests.support.policies import a_policy

#: A run that waits for ever: nothing here is about its end.
_WAITS = {"job": {"nodeSelector": {"disk": "golden"}}}


@pytest.mark.parametrize(
    ("cascade", "children_stay"),
    [
        pytest.param("background", False, id="as kubectl does"),
        pytest.param("foreground", False, id="as Argo CD does"),
        pytest.param("orphan", True, id="children left behind on purpose"),
    ],
)
def test_a_deleted_policy_goes_with_its_run_under_way(kubectl: Kubectl, cascade: str, children_stay: bool) -> None:
    kubectl.apply(a_policy("late", **{**SPEC, **_WAITS}))
    eventually("CronJob and first run", lambda: len(kubectl.list("cronjobs,jobs")) == 2, seconds=60)
    children = kubectl.list("cronjobs,jobs")
    kubectl("delete", "rtp", "late", f"--cascade={cascade}", "--timeout=60s", timeout=70)
    if children_stay:
        left = kubectl.list("cronjobs,jobs")
        assert {child["metadata"]["uid"] for child in left} == {child["metadata"]["uid"] for child in children}
        assert not any(child["metadata"].get("ownerReferences") for child in left)
    else:
        eventually("the children are gone", lambda: not kubectl.list("cronjobs,jobs"), seconds=60)
