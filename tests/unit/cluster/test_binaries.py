"""What the build of Kubernetes reads from its go.mod and from `go version`."""

from __future__ import annotations

import pytest

from tests.cluster.binaries import staging_modules, staging_version
from tests.cluster.golang import go_version

GO_MOD = """module k8s.io/kubernetes

go 1.25.0

require (
	github.com/blang/semver/v4 v4.0.0
	k8s.io/api v0.0.0
	k8s.io/apiserver v0.0.0 // indirect
	k8s.io/klog/v2 v2.130.1
	k8s.io/kubelet v0.0.0
	k8s.io/utils v0.0.0-20250604170112-4c0f3b243397
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
"""


def test_staging_modules_are_those_required_at_zero() -> None:
    assert staging_modules(go_mod=GO_MOD) == ["k8s.io/api", "k8s.io/apiserver", "k8s.io/kubelet"]


def test_the_staging_release_of_a_kubernetes_release() -> None:
    assert staging_version(version="v1.35.4") == "v0.35.4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("go version devel +abc", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_go_version(text: str, expected: tuple[int, int]) -> None:
    assert go_version(text=text) == expected
