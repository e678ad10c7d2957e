"""Operators that share the policies of a namespace by label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.policies import a_message, a_policy, end_run, unfinished_jobs, wait_for_condition
from tests.support.polling import eventually


def labelled(name: str, team: str) -> dict[str, Any]:
    policy = a_policy(name, schedule=None)
    policy["metadata"]["labels"] = {"team": team}
    return policy


def test_each_acts_on_the_policies_with_its_label_and_a_new_label_moves_a_policy(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    operators = {}
    for team in ("red", "blue"):
        (tmp_path / team).mkdir()
        operators[team] = OperatorProcess(
            kubeconfig=kubectl.kubeconfig,
            namespaces=(kubectl.namespace,),
            folder=tmp_path / team,
            selector=f"team={team}",
        )
    with operators["red"], operators["blue"]:
        kubectl.apply(labelled("apples", "red"), labelled("berries", "blue"), labelled("nobodys", "green"))
        for name in ("apples", "berries"):
            wait_for_condition(kubectl, name, "Ready", "True")
        assert "apples" in operators["red"].log
        assert "berries" not in operators["red"].log
        assert "apples" not in operators["blue"].log

        kubectl("label", "rtp", "apples", "team=blue", "--overwrite")
        [job] = [job for job in unfinished_jobs(kubectl) if job["metadata"]["name"].startswith("apples")]
        end_run(kubectl, job, message=a_message(job))
        wait_for_condition(kubectl, "apples", "ModelAvailable", "True")
        kubectl("annotate", "rtp", "apples", "retrain.dev/check=1")
        eventually("the other one runs it", lambda: "apples-check" in operators["blue"].log)
        assert not (kubectl.get("rtp", "nobodys") or {}).get("status")
