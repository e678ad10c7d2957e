"""Who calls the operator: a real Prometheus that it asks, and Alertmanager, which tells until it is heard."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support.exporter import Exporter
from tests.support.prometheus import Prometheus

TOKEN: Final = "a-token-for-tests"
#: Below the ports that the kernel gives to clients, so that an operator finds its own free at each start.
_PORTS = itertools.count(21000)
#: Seconds between two tries of Alertmanager, which waits longer and longer; never so long that a test waits for it.
_AGAIN: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What calls the policies of one namespace. The gauge `prediction_error` of the model of its name is theirs."""

    exporter: Exporter
    model: str
    port: int

    @property
    def query(self) -> str:
        """True when the gauge is high. That a busy machine misses a look at it makes nothing false."""
        return f'last_over_time(prediction_error{{model="{self.model}"}}[1m]) > 0.3'

    def measure(self, value: float) -> None:
        """Sets the gauge; Prometheus sees it a tenth of a second later."""
        self.exporter.values[self.model] = value

    def forget(self) -> None:
        """The series ends."""
        self.exporter.values.pop(self.model, None)

    async def tell(self, *, labels: Mapping[str, str], starts: datetime) -> None:
        """What Alertmanager sends of one alert that fires, again until the operator answers 200."""
        alert = {"status": "firing", "labels": dict(labels), "startsAt": starts.astimezone(UTC).isoformat()}
        body = {"version": "4", "status": "firing", "alerts": [alert]}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            while True:
                try:
                    async with session.post(f"http://127.0.0.1:{self.port}/alertmanager", json=body) as answer:
                        if answer.status == 200:
                            return
                        assert answer.status == 503, await answer.text()  # anything else would not be sent again
                except (aiohttp.ClientError, TimeoutError):
                    pass  # the operator is down
                await asyncio.sleep(_AGAIN)


def calls(*, exporter: Exporter, model: str) -> Calls:
    """Those of a namespace of this name."""
    return Calls(exporter=exporter, model=model, port=next(port for port in _PORTS if _is_free(port)))


def settings(*, calls: Calls, prometheus: Prometheus, folder: Path) -> dict[str, Any]:
    """What an operator needs to be called; queries are asked every half a second."""
    token = folder / "token"
    token.write_text(TOKEN)
    return {
        "prometheusUrl": prometheus.url,
        "prometheusMinimumIntervalSeconds": 0.5,
        "prometheusTimeoutSeconds": 2,
        "webhookPort": calls.port,
        "webhookTokenFile": str(token),
        "webhookTimeoutSeconds": 2,
    }


def _is_free(port: int) -> bool:
    with socket.socket() as found:
        try:
            found.bind(("", port))
        except OSError:
            return False
        return True
