"""`registry.uri`: a folder of a claim or a prefix of a bucket becomes the store behind a registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrain_trainer.claims import DEFAULT_CLAIMS, Location, parse_uri, resolve
from retrain_trainer.errors import SpecError
from retrain_trainer.registry.store import DirectoryStore, Store, checked_key

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLocation:
    """A place in an S3 bucket; `path` has no slash at either end and may be empty."""

    bucket: str
    path: str


def parse_registry_uri(*, uri: str, path: str = "spec.registry.uri") -> Location | BucketLocation:
    """`pvc://claim/path` or `s3://bucket/prefix` → its parts. SpecError InvalidURI naming the field `path`."""
    if "@" in uri or "?" in uri:
        # Not shown: what stands there may be a secret.
        raise _invalid(
            f"{path}: a URI carries no user, password or query; set AWS_… by spec.job.env or use the pod's identity"
        )
    if uri.startswith("s3://"):
        bucket, _, rest = uri.removeprefix("s3://").partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise _invalid(
                f"{path}: {uri[:60]!r}: after s3:// comes the name of a bucket (small letters, digits, '-', '.')"
            )
        return BucketLocation(bucket=bucket, path=_names(rest.rstrip("/"), uri=uri, path=path))
    if not uri.startswith("pvc://"):
        raise _invalid(f"{path}: {uri[:60]!r}: write pvc://<claim>/<path> or s3://<bucket>/<prefix>")
    location = parse_uri(uri=uri, path=path)
    return Location(claim=location.claim, path=_names(location.path, uri=uri, path=path))


def open_store(
    *, location: Location | BucketLocation, below: str, claims: Mapping[str, Path], default: Path = DEFAULT_CLAIMS
) -> Store:
    """The store at a location, and in it `below`. DataUnavailable `ClaimMissing`, or what a bucket's settings lack."""
    prefix = "/".join(part for part in (location.path, below) if part)
    if isinstance(location, BucketLocation):
        from retrain_trainer.registry.bucket import BucketStore  # obstore, which claims do not need

        return BucketStore(bucket=location.bucket, prefix=prefix)
    return DirectoryStore(mount=resolve(location=location, claims=claims, default=default), prefix=prefix)


def store_at(*, text: str, claims: Mapping[str, Path]) -> Store:
    """The store at a folder or a URI, as people write it. SpecError InvalidURI, and what `open_store` raises."""
    if "://" not in text:
        return DirectoryStore(mount=Path(text))
    return open_store(location=parse_registry_uri(uri=text, path="location"), below="", claims=claims)


def _names(text: str, *, uri: str, path: str) -> str:
    try:
        return checked_key(text) if text else ""
    except ValueError:
        raise _invalid(f"{path}: {uri[:60]!r}: name folders with letters, digits, '.', '_' and '-' only") from None


def _invalid(message: str) -> SpecError:
    return SpecError(reason="InvalidURI", message=message)
