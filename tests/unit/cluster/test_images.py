"""Names of images, the digest of a build's inputs, and the pip settings that a build is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.console import ClusterError
from tests.cluster.images import image_name, inputs_digest
from tests.cluster.loading import node_name
from tests.cluster.store import pip_configuration


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("retrain-operator:dev", "docker.io/library/retrain-operator:dev"),
        ("someone/thing:1", "docker.io/someone/thing:1"),
        ("localhost/retrain-pause:1", "localhost/retrain-pause:1"),
        ("registry.example.com/thing:1", "registry.example.com/thing:1"),
        ("registry:5000/thing:1", "registry:5000/thing:1"),
    ],
)
def test_the_name_under_which_a_node_looks_for_an_image(image: str, expected: str) -> None:
    assert node_name(image=image) == expected


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no image target 'web'.*operator, trainer"):
        image_name(target="web")


def digest(folder: Path) -> str:
    return inputs_digest(folder=folder, names=["Dockerfile", "code", "absent"], more=["operator"])


def test_the_digest_sees_contents_names_and_modes_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    code = tmp_path / "code"
    code.mkdir()
    module = code / "a.py"
    module.write_text("1\n")
    seen = {digest(tmp_path)}
    module.write_text("2\n")
    seen.add(digest(tmp_path))
    module.chmod(0o755)
    seen.add(digest(tmp_path))
    module.rename(code / "b.py")
    seen.add(digest(tmp_path))
    assert len(seen) == 4
    cache = code / "__pycache__"
    cache.mkdir()
    (cache / "b.pyc").write_text("")
    (tmp_path / "unrelated").write_text("")
    assert digest(tmp_path) in seen


CACHE = "cache-dir = /var/cache/pip"


@pytest.mark.parametrize(
    ("host", "environment", "expected"),
    [
        pytest.param("", {}, [CACHE], id="nothing to say"),
        pytest.param("[global]\ncert = /a\n", {}, ["cert = /a", CACHE], id="the machine's file is kept"),
        pytest.param(
            "[global]\ncert = /a\n",
            {"PIP_CERT": "/etc/ssl/certs/all.crt"},
            ["cert = /etc/ssl/certs/all.crt", CACHE],
            id="the environment goes before the file, as in pip",
        ),
        pytest.param("", {"PIP_CERT": "/home/me/ca.crt"}, [CACHE], id="a bundle that a build cannot see is left out"),
        pytest.param(
            "",
            {"SSL_CERT_FILE": "/etc/ssl/certs/all.crt", "PIP_INDEX_URL": "https://index.example/simple"},
            [CACHE, "index-url = https://index.example/simple", "cert = /etc/ssl/certs/all.crt"],
            id="an index of one's own",
        ),
    ],
)
def test_pip_configuration(host: str, environment: dict[str, str], expected: list[str]) -> None:
    assert pip_configuration(host=host, environment=environment).split("\n") == ["[global]", *expected, "", ""]
