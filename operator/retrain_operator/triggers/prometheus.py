"""One instant query to Prometheus, and whether it is true as an alerting rule would see it.

The HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import json
import logging
import math
import ssl
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from retrain_operator.api import raw, reasons
from retrain_operator.planning.observed import Cause

#: Bytes of an answer that are read. One sample is asked for, and a server that does not know `limit` may send more.
_MAX_ANSWER: Final = 4 * 2**20

#: Characters of what the server says about a query.
_MAX_DETAIL: Final = 300


_log = logging.getLogger(__name__)


class Unreachable(Exception):
    """No answer that says anything about the query; it is asked again."""


class QueryRefused(Exception):
    """The query cannot be asked as it stands, or gives nothing that is true or false."""


class Source(Protocol):
    """Whoever answers queries."""

    async def ask(self, query: str) -> bool:
        """Is it true now? Raises Unreachable, QueryRefused."""
        ...


class Prometheus:
    """A Prometheus server. `token_file` and `ca_file` are read for each query, so that both can be rotated. Close it
    when done.

    `url` has no path of the API; `timeout_seconds` bounds one query, at the server too.
    """

    def __init__(
        self, *, url: str, token_file: str | None = None, ca_file: str | None = None, timeout_seconds: float = 10
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._token_file = Path(token_file) if token_file else None
        self._seconds = timeout_seconds
        self._ca_file = Path(ca_file) if ca_file else None
        self._ca: bytes | None = None
        self._session: aiohttp.ClientSession | None = None
        try:
            self._connect()
        except (OSError, ValueError) as error:
            _log.error("%s", self._untrusted(error))

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    def _connect(self) -> aiohttp.ClientSession:
        """Connections that trust what the file holds now. Raises OSError, ValueError."""
        ca = None if self._ca_file is None else self._ca_file.read_bytes()
        if self._session is None or ca != self._ca:
            self._ca = ca
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if ca is None else _trusting(ca)),
                timeout=aiohttp.ClientTimeout(total=self._seconds + 1),
            )
        return self._session

    async def _connected(self) -> aiohttp.ClientSession:
        """While the file cannot be read, the connections of before hold. Raises Unreachable where there are none."""
        before = self._session
        try:
            session = self._connect()
        except (OSError, ValueError) as error:
            if before is None:
                raise Unreachable(self._untrusted(error)) from error
            _log.warning("%s; the certificates of before hold", self._untrusted(error))
            return before
        if before is not None and before is not session:
            await before.close()
        return session

    def _untrusted(self, error: Exception) -> str:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"prometheusCaFile: {self._ca_file}: {why}; mount a file with certificates in PEM there"

    async def ask(self, query: str) -> bool:
        """Is the query true now?

        Raises:
            Unreachable: no answer in time, not of Prometheus, or an error that has nothing to do with the query.
            QueryRefused: Prometheus cannot parse or execute it, or it gives a text or a range.
        """
        session = await self._connected()
        form = {"query": query, "timeout": f"{self._seconds:g}s", "limit": "1"}
        try:
            async with session.post(self._url, data=form, headers=self._headers(), allow_redirects=False) as response:
                content = await response.content.read(_MAX_ANSWER + 1)
                while not response.content.at_eof() and len(content) <= _MAX_ANSWER:
                    content += await response.content.read(_MAX_ANSWER + 1 - len(content))
                return _truth(status=response.status, content=content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(type(error).__name__) from error

    def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {self._token_file.read_text(encoding='utf-8').strip()}"}


def _trusting(ca: bytes) -> ssl.SSLContext:
    # What is not ASCII stands in comments, which may be in any language.
    pem = ca.decode("ascii", "ignore")
    if "-----BEGIN" not in pem:
        raise ValueError("it holds no certificate in PEM")  # none at all would trust those of the image
    return ssl.create_default_context(cadata=pem)


def _truth(*, status: int, content: bytes) -> bool:
    if len(content) > _MAX_ANSWER:
        raise QueryRefused(f"the answer is longer than {_MAX_ANSWER} bytes; aggregate it, for instance with max()")
    try:
        answer: Any = json.loads(content)
    except ValueError:
        raise Unreachable(f"HTTP {status}") from None
    if status in (400, 422) and raw.at(answer, "status") == "error":
        raise QueryRefused(raw.cut(raw.text(raw.at(answer, "error")) or "no reason was given", _MAX_DETAIL))
    if status != 200 or raw.at(answer, "status") != "success":
        raise Unreachable(f"HTTP {status}")
    kind, result = raw.at(answer, "data", "resultType"), raw.at(answer, "data", "result")
    if kind == "vector" and isinstance(result, list):
        return bool(result)
    if kind == "scalar" and isinstance(result, list) and len(result) == 2:
        return _is_true(result[1])
    raise QueryRefused(f"it gives a {kind}; write an instant query that gives a vector or a number")


def _is_true(value: object) -> bool:
    try:
        number = float(str(value))
    except ValueError:
        return False
    return number != 0 and not math.isnan(number)


def not_configured() -> Cause:
    """Said of every policy with a query where there is nobody to ask."""
    return Cause(
        reason=reasons.PROMETHEUS_NOT_CONFIGURED,
        message="the administrator has set no Prometheus (prometheusUrl in the operator's settings)",
    )
