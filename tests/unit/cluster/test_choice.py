"""Which cluster is used: a table that reads like the rule."""

from __future__ import annotations

import pytest

from tests.cluster.choice import Machine, choose
from tests.cluster.console import ClusterError


def machine(
    *, asked: str = "", kind_works: bool = False, linux: bool = True, root: bool = True, apt: bool = True
) -> Machine:
    return Machine(asked=asked, kind_works=kind_works, linux=linux, root=root, apt=apt)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(machine(), "embedded", id="root on Debian: embedded"),
        pytest.param(machine(kind_works=True), "kind", id="kind goes before embedded"),
        pytest.param(machine(kind_works=True, root=False), "kind", id="kind needs no root"),
        pytest.param(machine(asked="current", kind_works=True), "current", id="what is asked for goes before all"),
        pytest.param(machine(asked="embedded", kind_works=True), "embedded", id="embedded can be asked for"),
        pytest.param(machine(asked="kind"), "kind", id="kind can be asked for, and then fails by itself"),
    ],
)
def test_choice(given: Machine, expected: str) -> None:
    assert choose(given)[0] == expected


@pytest.mark.parametrize("given", [machine(linux=False), machine(root=False), machine(apt=False)])
def test_current_is_never_the_default_and_the_message_names_three_ways_out(given: Machine) -> None:
    with pytest.raises(ClusterError, match=r"(?s)CLUSTER=current.*kind.*root on a Debian-like Linux"):
        choose(given)


def test_an_unknown_wish_is_refused_with_the_possible_ones() -> None:
    with pytest.raises(ClusterError, match="CLUSTER=minikube: it must be one of embedded, kind, current"):
        choose(machine(asked="minikube"))
