"""POST /alertmanager: alerts that call policies, answered once the status of each holds its call.

Whoever has the token can start one run for each new alert of a policy that waits for it, and nothing else.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from retrain_operator.api import raw
from retrain_operator.api.policy import Policy
from retrain_operator.api.times import parse_time
from retrain_operator.cache import Cache
from retrain_operator.metrics.counts import Counts
from retrain_operator.planning.calls import is_answered
from retrain_operator.planning.observed import Alert
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.alertmanager import Notice, PayloadError, read_notices
from retrain_operator.triggers.signals import Signals

_log = logging.getLogger(__name__)

#: Bytes of one notification: some thousands of alerts.
_MAX_BODY: Final = 4 * 2**20

#: Seconds between two looks at the status.
_LOOK: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`token_file` is read for each request, so that the token can be rotated. `ready`: may this replica act now?"""

    cache: Cache
    queue: WorkQueue
    signals: Signals
    ready: Callable[[], bool]
    now: Callable[[], datetime]
    token_file: Path
    timeout_seconds: float
    counts: Counts

    async def post(self, request: web.Request) -> web.Response:
        """401 wrong token, 400 no notification, 413 too long, 503 try again (another replica, or the status is not
        written yet).
        """
        code = 500
        try:
            answer = await self._answer(request)
            code = answer.status
        except web.HTTPException as error:
            code = error.status
            raise
        finally:
            self.counts.notified(code=code)
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        if (refused := self._refusal(request)) is not None:
            return refused
        try:
            notices = read_notices(await request.read())
        except PayloadError as error:
            return web.json_response({"error": str(error)}, status=400)
        called = self._call(notices)
        if not await self._written(called):
            return _later("the status of a policy is not written yet")
        names = sorted(str(policy.key) for policy in called.values())
        return web.json_response({"alerts": len(notices), "policies": names})

    def _refusal(self, request: web.Request) -> web.Response | None:
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            _log.error("webhook: the token cannot be read: %s", error)
            return _later("the operator has no token")
        given = request.headers.get("Authorization", "")
        if not token or not hmac.compare_digest(given.encode(errors="surrogateescape"), f"Bearer {token}".encode()):
            return web.json_response(
                {"error": "a bearer token is needed"}, status=401, headers={"WWW-Authenticate": "Bearer"}
            )
        return None if self.ready() else _later("another replica leads, or this one is starting")

    def _call(self, notices: tuple[Notice, ...]) -> dict[str, Policy]:
        """Notes the newest alert of each policy that waits for one; those policies by UID."""
        named = {notice.labels.get("namespace") for notice in notices}
        waiting = [
            policy for policy in self.cache.policies.values() if policy.key.namespace in named and _waits(policy)
        ]
        called: dict[str, Policy] = {}
        for notice in notices:
            for policy in waiting:
                if notice.calls(policy):
                    self.signals.called(
                        policy_uid=policy.uid,
                        alert=Alert(name=notice.name, began=notice.began.replace(microsecond=0)),
                        labels=notice.labels,
                        fired=_fired(policy),
                        now=self.now(),
                    )
                    called[policy.uid] = policy
        for policy in called.values():
            self.queue.add(policy.key)
        return called

    async def _written(self, called: dict[str, Policy]) -> bool:
        deadline = asyncio.get_running_loop().time() + self.timeout_seconds
        left = dict(called)
        while left:
            left = {uid: policy for uid, policy in left.items() if not self._is_written(policy)}
            if left and asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK if left else 0)
        return True

    def _is_written(self, policy: Policy) -> bool:
        held, alert = self.cache.policies.get(policy.key), self.signals.alert(policy_uid=policy.uid)
        if held is None or held.uid != policy.uid or alert is None or not _waits(held):
            return True  # it is gone, or waits for alerts no more
        if not is_answered(alert=alert, fired=_fired(held), now=self.now()):
            return False
        self.signals.written(policy_uid=policy.uid)
        return True


def _waits(policy: Policy) -> bool:
    return policy.webhook is not None and not policy.suspended and not policy.deleting


def _fired(policy: Policy) -> datetime | None:
    return parse_time(raw.at(policy.status, "triggers", "webhook", "fired"))


def _later(why: str) -> web.Response:
    # Without a connection that is kept, Alertmanager's next try may reach the replica that leads.
    return web.json_response({"error": why}, status=503, headers={"Connection": "close", "Retry-After": "2"})


async def serve_webhook(*, webhook: Webhook, port: int) -> web.AppRunner:
    """Serves until the runner is cleaned up."""
    application = web.Application(client_max_size=_MAX_BODY)
    application.add_routes([web.post("/alertmanager", webhook.post)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
