"""P1: the operator dies before or after a write, or the answer to it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tests.faults.operator.faults import Call, Cut, Fault, Reply
from tests.faults.operator.labels import Label

Moment = Literal["killed before", "killed after", "reply lost"]
MOMENTS: tuple[Moment, ...] = ("killed before", "killed after", "reply lost")


class Death(Fault):
    """SIGKILL before the server has the write, SIGKILL once it has done it, or a cut connection then."""

    def __init__(self, *, label: Label, moment: Moment) -> None:
        super().__init__(f"{label}, {moment}")
        self._label = label
        self._moment = moment

    async def before(self, call: Call) -> Reply | None:
        if self._moment == "killed before" and self._hits(call):
            self._die()
        return None

    async def after(self, call: Call, reply: Reply) -> Reply:
        if self._moment != "killed before" and self._hits(call):
            self._die()
        return reply

    def _hits(self, call: Call) -> bool:
        return not self.fired and call.label == self._label

    def _die(self) -> None:
        self.fire()
        if self._moment != "reply lost":
            self.around.kill()
        raise Cut


def deaths(*, writes: tuple[Label, ...]) -> Iterator[Fault]:
    """Each moment at each write."""
    for label in writes:
        for moment in MOMENTS:
            yield Death(label=label, moment=moment)
