"""A store in an S3 bucket: create-if-absent is a `PUT` with `If-None-Match: *`, which the bucket must enforce.

Not every server that speaks S3 does: some ignore the header and overwrite. One object that exists from the first run on
is created again before the first write of a process; a store that says yes twice is refused.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from retrain_trainer.errors import DataUnavailable, RegistryDamaged, RunError
from retrain_trainer.registry.aws import unusable
from retrain_trainer.registry.s3 import Patience, Requests, S3Failure
from retrain_trainer.registry.store import MAX_OBJECT_BYTES, Entry, Leftover, checked_key, is_name

#: Seconds between the attempts of one write.
_PAUSES = (0.2, 0.8, 3.2)
_PROBE_KEY = "create-if-absent.txt"
_PROBE_TEXT = b"That this object cannot be created twice shows that the store is fit for a registry.\n"
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "XAdminUserNotFound")
_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect", "IllegalLocationConstraint")


class BucketStore:
    """A store in `bucket`/`prefix`.

    A write whose reply was lost is tried again; that the object exists then is a loss only if another wrote it, which
    a mark in its metadata tells. Raises DataUnavailable: `BucketMissing`, `CredentialsMissing`, `RegistryDenied`,
    `RegistryUnavailable` (`passing` where the store did not answer, or not now), `StoreUnsafe`.
    """

    def __init__(
        self, *, bucket: str, prefix: str = "", patience: Patience | None = None, requests: Requests | None = None
    ) -> None:
        self._root = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{checked_key(prefix)}/" if prefix else ""
        self._probed = False
        self._requests = requests or _requests(bucket=bucket, place=self._root, patience=patience)

    def name_of(self, key: str) -> str:
        return f"{self._root}/{key}"

    def create(self, *, key: str, data: bytes) -> bool:
        if not self._probed:
            self._probe()
        return self._created(key=checked_key(key), data=data)

    def read(self, *, key: str, limit: int = MAX_OBJECT_BYTES) -> bytes | None:
        with self._explained(key):
            found = self._requests.get(key=self._prefix + checked_key(key), limit=limit)
        if found is not None and found.data is None:
            raise RegistryDamaged(
                reason="RegistryUnreadable",
                message=f"{self.name_of(key)} is larger than {limit:,} bytes; this is none of our files",
            )
        return None if found is None else found.data

    def entries(self, *, folder: str) -> list[Entry]:
        start = f"{self._prefix}{checked_key(folder)}"
        newest: dict[str, float] = {}
        with self._explained(folder):
            for key, modified in self._requests.list(folder=start):
                name = key.removeprefix(f"{start}/").partition("/")[0]
                if is_name(name):
                    newest[name] = max(modified, newest.get(name, modified))
        return [Entry(name=name, modified=modified) for name, modified in sorted(newest.items())]

    def delete(self, *, key: str) -> None:
        with self._explained(key):
            self._requests.delete(key=self._prefix + checked_key(key))

    def leftovers(self) -> list[Leftover]:
        return []  # an object is there whole, or not at all

    # --- inside --------------------

    def _probe(self) -> None:
        if self._created(key=_PROBE_KEY, data=_PROBE_TEXT) and self._created(key=_PROBE_KEY, data=_PROBE_TEXT):
            raise DataUnavailable(
                reason="StoreUnsafe",
                message=f"{self._root}: this store overwrites what must only be created (it does not enforce "
                "If-None-Match), so two runs could destroy each other's models; use a store with conditional writes, "
                "or a claim (pvc://)",
            )
        self._probed = True

    def _created(self, *, key: str, data: bytes) -> bool:
        writer, unsure = secrets.token_hex(8), False
        for pause in (*_PAUSES, None):
            try:
                self._requests.put_new(key=self._prefix + key, data=data, writer=writer)
                return True
            except S3Failure as failure:
                if failure.exists:
                    return unsure and self._is_of(key=key, writer=writer, size=len(data))
                if pause is None or not failure.passing:
                    raise explained(failure=failure, place=self.name_of(key)) from None
                unsure = True
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _is_of(self, *, key: str, writer: str, size: int) -> bool:
        with self._explained(key):
            found = self._requests.get(key=self._prefix + key, limit=size)
        return found is not None and found.writer == writer

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Failure as failure:
            raise explained(failure=failure, place=self.name_of(key)) from None


def explained(*, failure: S3Failure, place: str) -> RunError:
    """What a person has to do about a failed request."""
    told = f"the store answered {failure}" if failure.status else "the store did not answer"
    if failure.identity:
        reason, text = (
            "CredentialsMissing",
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY by spec.job.env (from a Secret), or give "
            "the pod an identity by spec.job.serviceAccountName",
        )
    elif failure.code == "NoSuchBucket":
        reason, text = "BucketMissing", "there is no such bucket; make it, or mend spec.registry.uri"
    elif failure.status in (401, 403) or failure.code in _DENIED:
        reason, text = (
            "RegistryDenied",
            f"{told}; check the credentials of spec.job.env or the identity of spec.job.serviceAccountName: they need "
            "s3:GetObject, s3:PutObject and s3:ListBucket, and s3:DeleteObject for registry.keepVersions",
        )
    elif failure.code in _ELSEWHERE or failure.status in (301, 307):
        reason, text = "RegistryUnavailable", f"{told}; the bucket is in another region: set AWS_REGION by spec.job.env"
    elif failure.status == 501:
        reason, text = (
            "StoreUnsafe",
            f"{told}: it cannot create-if-absent; use a store with conditional writes, or a claim (pvc://)",
        )
    else:
        reason, text = (
            "RegistryUnavailable",
            f"{told}; check AWS_ENDPOINT_URL, AWS_REGION and the way to it, then run again",
        )
    # What a person has to mend has its own words above; what is left may be another time.
    passing = reason == "RegistryUnavailable" and failure.passing
    return DataUnavailable(reason=reason, message=f"{place}: {text}", passing=passing)


def _requests(*, bucket: str, place: str, patience: Patience | None) -> Requests:
    if (problem := unusable(os.environ)) is not None:
        raise DataUnavailable(reason="RegistryUnavailable", message=f"{place}: {problem}")
    try:
        return Requests(bucket=bucket, patience=patience)
    except ValueError as error:
        raise DataUnavailable(reason="RegistryUnavailable", message=f"{place}: {error}") from None
