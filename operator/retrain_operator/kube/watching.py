"""One watch request: what happens to a kind of object from a resourceVersion on, line by line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import aiohttp

from retrain_operator.api import raw
from retrain_operator.kube.client import ApiError, KubeApi

#: After so many seconds the server ends a watch, and it is begun anew where it ended.
_SERVER_TIMEOUT = 300

#: Bytes of one line: the largest object that etcd takes (1.5 MiB) in JSON, and what is around it.
MAX_LINE = 8 * 2**20


class Expired(Exception):
    """410: the server no longer knows what happened since; only a list tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one object; a BOOKMARK tells only how far the stream has come."""

    kind: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    body: Mapping[str, Any]

    @property
    def version(self) -> str:
        """resourceVersion from which to go on."""
        return raw.text(raw.at(self.body, "metadata", "resourceVersion")) or ""


async def changes_since(
    api: KubeApi, *, path: str, version: str, selector: str, inactivity_seconds: float
) -> AsyncIterator[Change]:
    """Every change after `version`, until the server ends the stream (it does after some minutes).

    Bookmarks come about once a minute, so silence of `inactivity_seconds` means that the connection is dead.

    Raises:
        Expired: list, and begin anew from there.
        ApiError: refused, or an error in the stream.
        aiohttp.ClientError, TimeoutError, ValueError: the connection broke, went silent, or carried no JSON.
    """
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(_SERVER_TIMEOUT),
        "labelSelector": selector,
    }
    try:
        async with api.stream(path, query=query, inactivity_seconds=inactivity_seconds) as content:
            async for line in _lines(content):
                yield _change(json.loads(line))
    except ApiError as error:
        if error.status == 410:
            raise Expired(error.message) from None
        raise


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        for line in lines:
            yield line
        if len(rest) > MAX_LINE:
            raise ValueError(f"a line of a watch is longer than {MAX_LINE} bytes")
    # What follows the last newline is a line cut short; its object comes again with the next watch.


def _change(event: Any) -> Change:
    kind, body = raw.text(raw.at(event, "type")), raw.mapping(raw.at(event, "object"))
    if kind in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
        return Change(kind=cast(Any, kind), body=body)
    if kind == "ERROR":
        raise ApiError(
            status=raw.integer(body.get("code")) or 500,
            reason=raw.text(body.get("reason")) or "Unknown",
            message=raw.text(body.get("message")) or "an error in the stream",
        )
    raise ValueError(f"a watch tells of {kind!r}")
