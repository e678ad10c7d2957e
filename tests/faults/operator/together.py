"""Several faults at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.faults.operator.deaths import Death
from tests.faults.operator.faults import Call, Fault, Frame, Reply, Send
from tests.faults.operator.frames import Dropped
from tests.faults.operator.labels import Label
from tests.faults.operator.refusals import OldLists


class Together(Fault):
    """Fired when all have."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.name for fault in faults))
        self._faults = faults

    def armed(self) -> None:
        for fault in self._faults:
            fault.around = self.around
            fault.armed()

    def _note(self) -> None:
        if all(fault.fired for fault in self._faults):
            self.fire()

    async def before(self, call: Call) -> Reply | None:
        for fault in self._faults:
            reply = await fault.before(call)
            self._note()
            if reply is not None:
                return reply
        return None

    async def after(self, call: Call, reply: Reply) -> Reply:
        # The last one may cut the connection; the others have seen the call by then.
        for fault in self._faults:
            try:
                reply = await fault.after(call, reply)
            finally:
                self._note()
        return reply

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        lines: Sequence[bytes] = (frame.line,)
        for fault in self._faults:
            if lines == (frame.line,):
                lines = await fault.frame(frame, send)
                self._note()
        return lines

    def under_way(self) -> bool:
        return any(fault.under_way() for fault in self._faults)

    def close(self) -> None:
        for fault in self._faults:
            fault.close()


def forgotten_job(label: Label) -> Fault:
    """A Job is made and nobody tells: neither the answer nor the watch nor the next two lists."""
    added = Label(verb="ADDED", what=label.what, nth=label.nth)
    return Together(OldLists(label=label), Dropped(label=added), Death(label=label, moment="reply lost"))


def forgotten_jobs(*, writes: Sequence[Label]) -> Iterator[Fault]:
    """One for each Job that the operator makes."""
    for label in writes:
        if label.verb == "POST" and label.what.startswith("job "):
            yield forgotten_job(label)
