"""Names are derived: the same thing has the same name, other things have others, and Kubernetes takes them all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.api.names import cronjob_name, job_name, short_digest

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

#: Names that Kubernetes accepts for a policy: DNS subdomains.
POLICY_NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,70}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,70}[a-z0-9])?){0,2}", fullmatch=True
)

CRONJOBS = {
    "a short name stays as it is": ("flight-delays", "flight-delays"),
    "48 characters stay as they are": ("x" * 48, "x" * 48),
    "49 characters are cut and hashed": ("x" * 49, "x" * 37 + "-" + short_digest("x" * 49)),
    "dots become dashes, with a digest": ("a.b", "a-b-" + short_digest("a.b")),
}


@pytest.mark.parametrize(("policy", "name"), CRONJOBS.values(), ids=CRONJOBS)
def test_cronjob_name(policy: str, name: str) -> None:
    assert cronjob_name(policy=policy) == name


@given(POLICY_NAMES)
def test_every_policy_name_gives_names_that_kubernetes_takes(policy: str) -> None:
    cronjob = cronjob_name(policy=policy)
    job = job_name(policy=policy, uid="u", action="check", token="t")
    assert _LABEL.fullmatch(cronjob)
    assert _LABEL.fullmatch(job)
    assert len(cronjob) <= 48
    assert len(job) <= 52


@given(POLICY_NAMES, POLICY_NAMES)
def test_two_policies_have_two_cronjobs(one: str, other: str) -> None:
    assert (cronjob_name(policy=one) == cronjob_name(policy=other)) == (one == other)


def test_a_job_name_tells_apart_policy_object_action_and_token() -> None:
    names = {
        job_name(policy="p", uid=uid, action=action, token=token)
        for uid in ("u1", "u2")
        for action in ("check", "train")
        for token in ("a", "b", "")
    }
    assert len(names) == 12


@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_parts_of_a_digest_cannot_merge(one: list[str], other: list[str]) -> None:
    assert (short_digest(*one, length=64) == short_digest(*other, length=64)) == (one == other)
