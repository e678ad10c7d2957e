"""P1: the operator dies before or after a write, or the answer to it is lost."""

from __future__ import annotations

from typing import Literal

from tests.faults.operator.case import Running
from tests.faults.operator.faults import Call, Cut, Fault, Reply
from tests.faults.operator.labels import Label

Moment = Literal["before", "after", "reply lost"]
MOMENTS: tuple[Moment, ...] = ("before", "after", "reply lost")


class Death(Fault):
    """SIGKILL before the server has the write, SIGKILL once it has done it, or a cut connection then."""

    def __init__(self, *, label: Label, moment: Moment) -> None:
        super().__init__(f"{label}, {moment if moment == 'reply lost' else 'killed ' + moment}")
        self._label = label
        self._moment = moment
        self._running: Running | None = None

    def attach(self, running: Running) -> None:
        """Whom to kill."""
        self._running = running

    async def before(self, call: Call) -> Reply | None:
        if self._moment == "before" and self._hits(call):
            self._die()
        return None

    async def after(self, call: Call, reply: Reply) -> Reply:
        if self._moment != "before" and self._hits(call):
            self._die()
        return reply

    def _hits(self, call: Call) -> bool:
        return self.fired_at is None and call.label == self._label

    def _die(self) -> None:
        assert self._running is not None
        self.fire()
        if self._moment != "reply lost":
            self._running.operator.kill()
        raise Cut
