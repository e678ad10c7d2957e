"""Small HTTP questions: is a component well, and what does the Kubernetes API say. Quicker than a kubectl each time."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.console import ClusterError


def answers(url: str, *, ca: Path | None = None, timeout: float = 3) -> bool:
    """Whether a health endpoint says 200; without `ca` a self-signed certificate is taken, as on loopback ports."""
    try:
        with _opener(ca=ca).open(url, timeout=timeout) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):  # URLError is an OSError
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The Kubernetes API as one user."""

    server: str
    ca: Path
    token: str

    def get(self, path: str) -> dict[str, Any]:
        return self.request(method="GET", path=path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.request(method="POST", path=path, body=body)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A JSON merge patch: null removes."""
        return self.request(method="PATCH", path=path, body=body)

    def request(self, *, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self.server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
            },
        )
        try:
            with _opener(ca=self.ca).open(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")[:500]
            raise ClusterError(f"{method} {path}: {error.code} {said}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(f"{method} {self.server}{path}: {error}") from None


def _opener(*, ca: Path | None) -> urllib.request.OpenerDirector:
    if ca is None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=str(ca))
    # no proxy: everything asked here is on this machine
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
