"""The requests that a registry makes to an S3 bucket, one call each, and what went wrong in a few safe words.

Credentials, region and endpoint come from the environment or the pod's identity alone, as obstore reads them. Of an
answer that is an error only its number and S3's own word are kept: the text of a 403 repeats key ids and signed parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
#: Where identities of instances and pods are asked for: an error there is one of credentials, not of the bucket.
_IDENTITY = ("/latest/api/token", "/latest/meta-data", "169.254.170.", "AssumeRole", "WebIdentity")
_PASSING_STATUS = (408, 429, 500, 502, 503, 504)
_PASSING_CODES = ("ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown")
#: Own metadata of every object: who wrote it, so that a writer whose reply was lost can tell.
_WRITER = "retrain-writer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds until a connection and until the next bytes of an answer; retries of a read, and seconds for all."""

    connect: float = 5.0
    read: float = 30.0
    retries: int = 4
    total: float = 60.0


class S3Failure(Exception):
    """A request that failed. `status`: None where no answer came; `code`: S3's word for it, or empty."""

    def __init__(self, *, status: int | None, code: str, identity: bool, exists: bool) -> None:
        super().__init__(f"{status or 'no answer'} {code}".strip())
        self.status = status
        self.code = code
        self.identity = identity
        self.exists = exists

    @property
    def passing(self) -> bool:
        """It may be another time, and whether the store did what was asked is not known."""
        return not self.identity and (
            self.status is None or self.status in _PASSING_STATUS or self.code in _PASSING_CODES
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object. `data`: None where it is larger than what was asked for. `writer`: of `put_new`, or empty."""

    size: int
    data: bytes | None
    writer: str


class Requests:
    """Requests to one bucket. Reads are retried within `patience`; writes are not: whoever writes must know."""

    def __init__(self, *, bucket: str, patience: Patience | None = None) -> None:
        """ValueError where the settings in the environment (AWS_…) cannot be used."""
        self._patience = patience or Patience()
        try:
            self._reading = self._store(bucket, retries=self._patience.retries)
            self._writing = self._store(bucket, retries=0)
        except BaseError as error:
            raise ValueError("the AWS_ variables of the environment cannot be used") from error

    def _store(self, bucket: str, *, retries: int) -> S3Store:
        patience = self._patience
        return S3Store(
            bucket,
            config={"disable_bulk_delete": True},
            client_options={
                "connect_timeout": timedelta(seconds=patience.connect),
                "read_timeout": timedelta(seconds=patience.read),
                "timeout": timedelta(minutes=30),
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes", "on"),
            },
            retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=patience.total)},
        )

    def put_new(self, *, key: str, data: bytes, writer: str) -> None:
        """`PUT` with `If-None-Match: *`. S3Failure with `exists` where the name is taken."""
        with _told():
            obstore.put(self._writing, key, data, mode="create", use_multipart=False, attributes={_WRITER: writer})

    def get(self, *, key: str, limit: int) -> Found | None:
        """The object, or None where there is none."""
        try:
            answer = obstore.get(self._reading, key)
            size = answer.meta["size"]
            data = bytes(answer.bytes()) if size <= limit else None
        except (BaseError, OSError) as error:
            if _is_absence(error):
                return None
            _tell(error)
        return Found(size=size, data=data, writer=str(answer.attributes.get(_WRITER, "")))

    def list(self, *, folder: str) -> Iterator[tuple[str, float]]:
        """Keys below a folder, with seconds since 1970 of their last change; a request for every 1,000."""
        with _told():
            for page in obstore.list(self._reading, folder, chunk_size=1000):
                for item in page:
                    yield item["path"], item["last_modified"].timestamp()

    def delete(self, *, key: str) -> None:
        """Take an object away; none there is as good."""
        try:
            obstore.delete(self._reading, key)
        except (BaseError, OSError) as error:
            if not _is_absence(error):
                _tell(error)


def _is_absence(error: Exception) -> bool:
    """No such object is an answer; no such bucket or user is none, though all three are 404."""
    return isinstance(error, FileNotFoundError) and _word(str(error)) in ("", "NoSuchKey")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        _tell(error)


def _tell(error: Exception) -> NoReturn:
    text = str(error)
    found = _STATUS.search(text)
    status = int(found[1]) if found else None
    # Without the text of the cause: tracebacks are printed too.
    raise S3Failure(
        status=status,
        code=_word(text),
        identity=any(part in text for part in _IDENTITY),
        exists=isinstance(error, AlreadyExistsError) and status != 409,
    ) from None


def _word(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else ""
