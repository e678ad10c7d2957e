"""Which claims a run mounts, and how: data read-only, only the registry writable. A registry in a bucket needs none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from retrain_operator.api import reasons
from retrain_operator.planning.problem import SpecProblem

#: Where claims appear in a run's container: `<this>/<claim>`.
CLAIMS_FOLDER = "/mnt/claims"

_CLAIM = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_GLOB = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9][A-Za-z0-9._-]{0,254})*/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on a claim; `path` is relative, without a leading or trailing slash, and may be empty."""

    claim: str
    path: str

    @property
    def folder(self) -> str:
        """The part of the path before any wildcard and file name."""
        parts = self.path.split("/")
        fixed = []
        for part in parts[:-1]:
            if _GLOB.search(part):
                break
            fixed.append(part)
        return "/".join(fixed)


def parse_location(*, uri: str, field: str) -> Location:
    """`pvc://claim/path` → its parts.

    Raises:
        SpecProblem: InvalidURI, naming `field`.
    """
    if not uri.startswith("pvc://"):
        raise _invalid(field=field, uri=uri, why="write pvc://<claim>/<path>")
    claim, _, path = uri.removeprefix("pvc://").partition("/")
    if not _CLAIM.fullmatch(claim):
        raise _invalid(
            field=field, uri=uri, why="after pvc:// comes the name of a PersistentVolumeClaim of this namespace"
        )
    path = path.rstrip("/")
    if any(part in ("", ".", "..") for part in path.split("/")) and path:
        raise _invalid(field=field, uri=uri, why="the path must not contain //, . or ..")
    if any(character in "\\%\0" or not character.isprintable() for character in path):
        raise _invalid(field=field, uri=uri, why="the path must not contain backslashes, % or control characters")
    return Location(claim=claim, path=path)


def parse_registry(*, uri: str, field: str = "spec.registry.uri") -> Location | None:
    """The claim that holds the registry, or None for one in a bucket.

    Raises:
        SpecProblem: InvalidURI, naming `field`.
    """
    if not uri.startswith("s3://"):
        return parse_location(uri=uri, field=field)
    if not _BUCKET.fullmatch(uri):
        raise _invalid(field=field, uri=uri, why="write s3://<bucket>/<prefix>, of letters, digits, '.', '_' and '-'")
    return None


def _invalid(*, field: str, uri: str, why: str) -> SpecProblem:
    if "@" in uri:  # what stands there may be a secret
        shown, why = uri.partition("://")[0][:20] + "://…", "credentials do not belong into a URI"
    else:
        shown = uri if len(uri) <= 120 else uri[:119] + "…"
    return SpecProblem(reason=reasons.INVALID_URI, message=f"{field}: {shown!r}: {why}")


def volumes_and_mounts(
    *, data: Location, registry: Location | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Pod volumes and container mounts: one volume a claim, at `/mnt/claims/<claim>`.

    A claim that holds both is mounted once, writable; the data folder is mounted over itself read-only where the
    registry does not lie in it. `registry` None: it is in a bucket.
    """
    if registry is None:
        mount = {"name": _name(0), "mountPath": f"{CLAIMS_FOLDER}/{data.claim}", "readOnly": True}
        return [_volume(data.claim, read_only=True)], [mount]
    volumes = [_volume(registry.claim, read_only=False)]
    mounts: list[dict[str, Any]] = [{"name": _name(0), "mountPath": f"{CLAIMS_FOLDER}/{registry.claim}"}]
    if data.claim != registry.claim:
        volumes.append(_volume(data.claim, read_only=True, index=1))
        mounts.append({"name": _name(1), "mountPath": f"{CLAIMS_FOLDER}/{data.claim}", "readOnly": True})
    elif data.folder and not f"{registry.path}/".startswith(f"{data.folder}/"):
        mounts.append(
            {
                "name": _name(0),
                "mountPath": f"{CLAIMS_FOLDER}/{data.claim}/{data.folder}",
                "subPath": data.folder,
                "readOnly": True,
            }
        )
    return volumes, mounts


def _name(index: int) -> str:
    return f"claim-{index}"


def _volume(claim: str, *, read_only: bool, index: int = 0) -> dict[str, Any]:
    source: dict[str, Any] = {"claimName": claim}
    if read_only:
        source["readOnly"] = True
    return {"name": _name(index), "persistentVolumeClaim": source}
