"""P2: what can happen to a request: refused, too many, a server that is ill for a while, no answer at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from tests.faults.operator.faults import Call, Fault, Reply, status_reply
from tests.faults.operator.labels import Label

#: Seconds for which a server is ill.
_ILL = 1.0
#: Seconds: longer than any client waits.
_FOR_EVER = 3600.0
#: Seconds after which a request comes again, if nothing else was written.
_LATE = 2.0
_LISTED = ("policy", "cronjob", "job")


class AtRequest(Fault):
    """Something happens to the request of a label, once."""

    what = ""

    def __init__(self, *, label: Label) -> None:
        super().__init__(f"{label} {self.what}")
        self.label = label

    def hits(self, call: Call) -> bool:
        """Is it this one?"""
        return not self.fired and call.label == self.label


class Answered(AtRequest):
    """The request is not done, and answered with `reply`."""

    reply = status_reply(code=500, reason="InternalError")

    async def before(self, call: Call) -> Reply | None:
        if self.hits(call):
            self.fire()
            return self.reply
        return None


class Error500(Answered):
    """500."""

    what = "answered with 500"


class Throttled(Answered):
    """429."""

    what = "answered with 429 and Retry-After"
    reply = status_reply(code=429, reason="TooManyRequests", retry_after=1)


class Conflict(Answered):
    """409."""

    what = "answered with 409"
    reply = status_reply(code=409, reason="Conflict")


class Forbidden(Answered):
    """403, as while rights are changed."""

    what = "answered with 403"
    demands = 2
    reply = status_reply(code=403, reason="Forbidden")


class Storm(AtRequest):
    """From this request on every request is answered with 503 for a while, lists and watches too."""

    what = "and all after it for a second answered with 503"

    def __init__(self, *, label: Label) -> None:
        super().__init__(label=label)
        self._until = 0.0

    async def before(self, call: Call) -> Reply | None:
        if self.hits(call):
            self.fire()
            self._until = asyncio.get_running_loop().time() + _ILL
        return status_reply(code=503, reason="ServiceUnavailable") if self.under_way() else None

    def under_way(self) -> bool:
        return asyncio.get_running_loop().time() < self._until


class NeverDone(AtRequest):
    """The request is not done and never answered."""

    what = "never answered, not done"

    async def before(self, call: Call) -> Reply | None:
        if self.hits(call):
            self.fire()
            await asyncio.sleep(_FOR_EVER)
        return None


class DoneAndSilent(AtRequest):
    """The request is done and never answered."""

    what = "done, never answered"

    async def after(self, call: Call, reply: Reply) -> Reply:
        if self.hits(call):
            self.fire()
            await asyncio.sleep(_FOR_EVER)
        return reply


class OldLists(AtRequest):
    """From this request on the next two lists of each kind are those of the beginning."""

    what = "and then lists of the beginning"
    kills = False

    def __init__(self, *, label: Label, after: int = 0) -> None:
        """`after` so many true lists of each kind."""
        super().__init__(label=label)
        self._true = Counter(dict.fromkeys(_LISTED, after))
        self._old: dict[str, Reply] = {}
        self._left: dict[str, int] = {}
        self._begun = False

    def armed(self) -> None:
        self._old = {kind: self.around.listed[kind] for kind in _LISTED}

    async def before(self, call: Call) -> Reply | None:
        if self._left.get(call.list_of):
            if self._true[call.list_of]:
                self._true[call.list_of] -= 1
                return None
            self._left[call.list_of] -= 1
            self.fire()
            return self._old[call.list_of]
        return None

    async def after(self, call: Call, reply: Reply) -> Reply:
        if not self._begun and call.label == self.label:
            self._begun = True
            self._left = dict.fromkeys(self._old, 2)
            if self.kills:
                self.around.kill()
        return reply

    def under_way(self) -> bool:
        return any(self._left.values())


class OldStart(OldLists):
    """The operator is killed after this request, and what it lists at its start is of the beginning."""

    what = "then killed, and started with lists of the beginning"
    kills = True
    #: A run whose end it cannot know yet is under way for it, and what waits for that run is told as pending.
    demands = 1


class Again(AtRequest):
    """The request is done, and arrives once more after the next write of its object, or when none has come."""

    what = "done, and again later"

    def __init__(self, *, label: Label) -> None:
        super().__init__(label=label)
        self._again: Callable[[], Awaitable[None]] | None = None
        self._timer: asyncio.Task[None] | None = None

    async def after(self, call: Call, reply: Reply) -> Reply:
        if call.label == self.label and self._timer is None:
            self._again = call.again
            self._timer = asyncio.create_task(self._later())
        elif call.label.writes and call.label.what == self.label.what:
            await self._send()
        return reply

    async def _later(self) -> None:
        await asyncio.sleep(_LATE)
        await self._send()

    async def _send(self) -> None:
        if self._again is not None:
            again, self._again = self._again, None
            await again()
            self.fire()

    def under_way(self) -> bool:
        # Events come last, after all that a scenario waits for.
        return not self.fired

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


WRITE_KINDS: tuple[Callable[..., AtRequest], ...] = (
    Error500,
    Throttled,
    Conflict,
    Forbidden,
    Storm,
    NeverDone,
    DoneAndSilent,
    OldLists,
    OldStart,
    Again,
)
READ_KINDS: tuple[Callable[..., AtRequest], ...] = (Error500, Throttled, Forbidden, Storm, NeverDone)


def refusals(*, writes: Sequence[Label], reads: Sequence[Label], each: int, first: int = 0) -> Iterator[Fault]:
    """`each` kinds at each request, in turn. A POST is not answered with 409: that would be a lie about the name."""
    for kinds, labels in ((WRITE_KINDS, writes), (READ_KINDS, reads)):
        for number, label in enumerate(labels):
            for one in range(min(each, len(kinds))):
                kind = kinds[(first + number * each + one) % len(kinds)]
                if kind is Conflict and label.verb == "POST":
                    kind = Error500
                yield kind(label=label)
