"""The image store of the embedded cluster: buildah, with everything it keeps in the state folder."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.cluster.command import run, succeeds
from tests.cluster.state import State

_CERTIFICATES: Final = Path("/etc/ssl/certs")
_PIP_CONFIGURATION: Final = Path("/etc/pip.conf")
_PIP_CACHE: Final = "/var/cache/pip"  # inside a build
# What pip reads from the environment on this machine, and must know inside a build too
_PIP_VARIABLES: Final = ("cert", "index_url", "extra_index_url", "trusted_host", "default_timeout", "proxy")


def buildah(*, state: State, words: list[str], log: Path | None = None) -> str:
    """Run buildah without a user namespace or a daemon."""
    folder = state.images / "store"
    temporary = state.images / "tmp"
    temporary.mkdir(exist_ok=True)
    return run(
        ["buildah", "--root", folder, "--runroot", state.run / "buildah", "--storage-driver", "overlay", *words],
        env={"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(temporary)},
        log=log,
    )


def image_id(*, state: State, name: str) -> str | None:
    """The identity of an image in the store; None when it is not there."""
    if not succeeds(["test", "-d", state.images / "store"]):
        return None
    found = buildah(state=state, words=["images", "--all", "--no-trunc", "--format", "{{.Name}}:{{.Tag}} {{.ID}}"])
    rows = [line.split() for line in found.splitlines()]  # columns are padded
    return next((row[1] for row in rows if len(row) == 2 and row[0] == name), None)


def mounts(*, state: State) -> list[str]:
    """What a build sees of this machine: its certificates, its pip settings and a cache of downloaded packages.

    Mounted, not built in: the Dockerfile stays an ordinary one, and no image carries settings of this machine.
    """
    cache = state.images / "pip-cache"
    cache.mkdir(exist_ok=True)
    words = ["--volume", f"{cache}:{_PIP_CACHE}:rw"]
    if _CERTIFICATES.is_dir():
        words += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
    text = pip_configuration(
        host=_PIP_CONFIGURATION.read_text() if _PIP_CONFIGURATION.is_file() else "", environment=os.environ
    )
    file = state.run / "pip.conf"
    file.touch(mode=0o600)
    file.write_text(text)
    return [*words, "--volume", f"{file}:{_PIP_CONFIGURATION}:ro"]


def pip_configuration(*, host: str, environment: Mapping[str, str]) -> str:
    """The machine's pip.conf with what its environment says on top, as pip reads both, and the place of the cache.

    A certificate bundle is named only when a build can see it, which is under /etc/ssl/certs.
    """
    parser = configparser.RawConfigParser()
    parser.read_string(host)
    if not parser.has_section("global"):
        parser.add_section("global")
    parser.set("global", "cache-dir", _PIP_CACHE)
    for name in _PIP_VARIABLES:
        value = environment.get(f"PIP_{name.upper()}", "")
        if value and (name != "cert" or Path(value).is_relative_to(_CERTIFICATES)):
            parser.set("global", name.replace("_", "-"), value)
    bundle = environment.get("SSL_CERT_FILE", "")
    if bundle and Path(bundle).is_relative_to(_CERTIFICATES) and not parser.has_option("global", "cert"):
        parser.set("global", "cert", bundle)
    return "".join(
        [
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in parser.items(section)) + "\n"
            for section in parser.sections()
        ]
    )
