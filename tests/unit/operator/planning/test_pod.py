"""The pod of a run: nothing in a policy changes its rights, and what the run is told arrives byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import policy_view
from retrain_operator.planning.digests import digests_of
from retrain_operator.planning.pod import MAX_DESCRIPTION_BYTES, desired_pod_template, escaped, run_description
from retrain_operator.planning.problem import SpecProblem
from retrain_trainer.spec import OPERATOR_FIELDS, parse_spec

from tests.builders import POLICY_UID, a_policy
from tests.unit.operator.strategies import JSON_VALUES

REPOSITORY = Path(__file__).parents[4]
ADMIN = AdminSettings(trainer_image="retrain-trainer:0.1.0")

#: Texts full of what the kubelet expands.
DOLLARS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["$", "$$", "(", ")", "$(", "$(NAME)", "$$(X)", "$(RETRAIN_JOB_NAME)", "é", "漢", "\n", '"', "\\"]
        )
    ).map("".join),
)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The kubelet's expansion of `$(NAME)` (k8s.io/kubernetes/third_party/forked/golang/expansion).

    `$$` is `$`; `$(NAME)` is the variable, or stays as it is where there is none; any other `$x` stays as it is.
    """
    result, checkpoint, cursor = "", 0, 0
    while cursor < len(text):
        if text[cursor] == "$" and cursor + 1 < len(text):
            result += text[checkpoint:cursor]
            read, is_variable, advance = _variable_name(text[cursor + 1 :])
            result += variables.get(read, f"$({read})") if is_variable else read
            cursor += advance
            checkpoint = cursor + 1
        cursor += 1
    return result + text[checkpoint:]


def _variable_name(text: str) -> tuple[str, bool, int]:
    if text[0] == "$":
        return "$", False, 1
    if text[0] == "(":
        end = text.find(")", 1)
        return (text[1:end], True, end + 1) if end >= 0 else ("$(", False, 1)
    return "$" + text[0], False, 1


def template(spec: Mapping[str, Any] | None = None, **told: Any) -> dict[str, Any]:
    policy = policy_view(a_policy(spec=spec))
    return desired_pod_template(
        policy=policy, admin=ADMIN, **{"action": "check", "cause": "Schedule", "request": None, **told}
    )


def environment(spec: Mapping[str, Any] | None = None, **told: Any) -> dict[str, str]:
    """The variables with a value, as the container sees them."""
    variables = {"RETRAIN_JOB_NAME": "the-job", "NAME": "leaked", "X": "leaked"}
    for item in template(spec, **told)["spec"]["containers"][0]["env"]:
        if "valueFrom" not in item:
            variables[item["name"]] = expanded(item.get("value", ""), variables)
    return variables


KUBELET = {
    "a variable": ("$(NAME)", "value"),
    "an escaped variable": ("$$(NAME)", "$(NAME)"),
    "twice escaped": ("$$$$(NAME)", "$$(NAME)"),
    "escaped, then a variable": ("$$$(NAME)", "$value"),
    "an unknown variable": ("$(OTHER)", "$(OTHER)"),
    "never closed": ("$(NAME", "$(NAME"),
    "a dollar alone": ("5 $ a", "5 $ a"),
    "a dollar at the end": ("5 $", "5 $"),
    "two at the end": ("5 $$", "5 $"),
}


@pytest.mark.parametrize(("text", "result"), KUBELET.values(), ids=KUBELET)
def test_the_kubelets_rule(text: str, result: str) -> None:
    assert expanded(text, {"NAME": "value"}) == result


@given(DOLLARS, st.dictionaries(st.sampled_from(["NAME", "X", "", "$"]), st.text(max_size=3)))
def test_an_escaped_text_arrives_byte_for_byte(text: str, variables: dict[str, str]) -> None:
    assert expanded(escaped(text), variables) == text


@settings(max_examples=50)
@given(DOLLARS, DOLLARS)
def test_the_description_and_the_request_arrive_byte_for_byte(text: str, request: str) -> None:
    spec = {"model": {"target": text, "parameters": {text: text}}}
    variables = environment(spec, request=request)
    assert variables["RETRAIN_POLICY"] == run_description(policy=policy_view(a_policy(spec=spec)))
    told = json.loads(variables["RETRAIN_POLICY"])
    assert told["spec"]["model"]["target"] == text
    assert told["spec"]["model"]["parameters"] == {text: text}
    assert variables["RETRAIN_REQUEST"] == request


@settings(max_examples=50)
@given(DOLLARS)
def test_a_persons_variable_arrives_byte_for_byte(text: str) -> None:
    assert environment({"job": {"env": [{"name": "MINE", "value": text}]}})["MINE"] == text


def test_the_run_key_is_the_policy_and_the_job() -> None:
    assert environment()["RETRAIN_RUN_KEY"] == f"{POLICY_UID}.the-job"


def test_the_run_is_told_nothing_that_is_the_operators() -> None:
    told = json.loads(environment()["RETRAIN_POLICY"])
    assert set(told) == {"name", "namespace", "uid", "generation", "spec"}
    assert not {"schedule", "suspend", "startingDeadlineSeconds", "job", "runHistoryLimit"} & set(told["spec"])
    assert {"data", "model", "validation", "evaluation", "triggers", "promotion", "registry"} <= set(told["spec"])


def test_the_run_is_told_every_field_that_a_run_reads() -> None:
    crd = yaml.safe_load((REPOSITORY / "crds/retrainpolicies.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    whole = {field: {"of": field} for field in schema["properties"]}
    told = json.loads(run_description(policy=policy_view(a_policy(spec=whole))))["spec"]
    # Of `publish` a run reads `mlflow`; the rest of the trainer's list is what this one leaves out.
    assert set(told) == set(whole) - (set(OPERATOR_FIELDS) - {"publish"})


def test_a_blackout_ends_by_the_policys_own_clock() -> None:
    spec = {
        "timeZone": "America/New_York",
        "limits": {"blackouts": [{"start": "0 8 * * 1-5", "duration": "10h"}]},
    }
    [blackout] = parse_spec(json.loads(environment(spec)["RETRAIN_POLICY"])["spec"]).limits.blackouts
    wednesday_15_in_new_york = datetime(2026, 3, 4, 20, tzinfo=UTC)
    assert blackout.end(now=wednesday_15_in_new_york) == datetime(2026, 3, 4, 23, tzinfo=UTC)


def test_an_edit_of_the_time_zone_alone_is_no_edit_of_what_is_trained() -> None:
    before, after = (policy_view(a_policy(spec={"timeZone": zone})) for zone in ("Etc/UTC", "America/New_York"))
    assert digests_of(policy=after) == digests_of(policy=before)
    assert run_description(policy=after) != run_description(policy=before)
    told = [parse_spec(json.loads(run_description(policy=policy))["spec"]) for policy in (before, after)]
    assert told[0].digest == told[1].digest


def test_a_spec_too_large_for_a_variable_is_refused() -> None:
    columns = [{"name": f"{number}" * 30, "allowed": ["x" * 128] * 10} for number in range(100)]
    with pytest.raises(SpecProblem) as caught:
        template({"validation": {"columns": columns}})
    assert caught.value.reason == "SpecTooLarge"
    assert f"{MAX_DESCRIPTION_BYTES:,}" in caught.value.message


def test_one_key_of_a_secret_is_passed_by_reference() -> None:
    item = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}
    env = template({"job": {"env": [item]}})["spec"]["containers"][0]["env"]
    assert env[-1] == {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}


def test_a_persons_variables_come_last_so_that_ours_expand_from_ours() -> None:
    env = template({"job": {"env": [{"name": "Z", "value": "1"}]}})["spec"]["containers"][0]["env"]
    names = [item["name"] for item in env]
    assert names[-1] == "Z"
    assert names.index("RETRAIN_JOB_NAME") < names.index("RETRAIN_RUN_KEY")


#: What nothing in a policy may change.
POD_SECURITY = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "fsGroup": 65532,
    "fsGroupChangePolicy": "OnRootMismatch",
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            ["securityContext", "hostNetwork", "volumes", "command", "args", "env", "tolerations", "image"]
        ),
        JSON_VALUES,
    )
)
def test_no_job_section_changes_rights(job: dict[str, Any]) -> None:
    spec = template({"job": job})["spec"]
    assert spec["securityContext"] == POD_SECURITY
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    container = spec["containers"][0]
    assert len(spec["containers"]) == 1
    assert container["securityContext"] == CONTAINER_SECURITY
    assert container["args"] == ["run"]
    assert "command" not in container
    assert {next(name for name in volume if name != "name") for volume in spec["volumes"]} <= {
        "emptyDir",
        "persistentVolumeClaim",
    }
