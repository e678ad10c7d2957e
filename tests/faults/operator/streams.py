"""P2: what can happen to a whole watch: cut, torn, silent, gone, refused when it is opened again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence

from tests.faults.operator.faults import Call, Cut, Fault, Frame, Reply, Send, status_reply
from tests.faults.operator.frames import AtFrame
from tests.faults.operator.labels import Label


def error_line(*, code: int, reason: str) -> bytes:
    """An ERROR event as the API server sends it in a stream."""
    status = json.loads(status_reply(code=code, reason=reason).content)
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


class CutInstead(AtFrame):
    """The connection ends before the frame."""

    what = "lost with its connection"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            raise Cut
        return (frame.line,)


class Torn(AtFrame):
    """The connection ends in the middle of the frame."""

    what = "torn"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            await send(frame.line[: len(frame.line) // 2])
            raise Cut
        return (frame.line,)


class InTwoParts(AtFrame):
    """Half a frame, a pause, the other half."""

    what = "in two parts"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            half = len(frame.line) // 2
            await send(frame.line[:half])
            await asyncio.sleep(0.1)
            return (frame.line[half:],)
        return (frame.line,)


class Gone(AtFrame):
    """410 in the stream instead of the frame: what is known is too old, and must be listed anew."""

    what = "replaced by 410 Gone"
    code, reason = 410, "Expired"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            await send(error_line(code=self.code, reason=self.reason))
            raise Cut
        return (frame.line,)


class Broken(Gone):
    """500 in the stream instead of the frame."""

    what = "replaced by an error 500 in the stream"
    code, reason = 500, "InternalError"


class Silent(AtFrame):
    """From the frame on the watch says nothing, and stays open."""

    what = "and all after it on its connection swallowed"

    def __init__(self, *, label: Label) -> None:
        super().__init__(label=label)
        self._silent: Send | None = None

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            self._silent = send
        return () if send is self._silent else (frame.line,)


class Refused(AtFrame):
    """The connection ends before the frame, and is refused twice when it is opened again."""

    times = 2
    reply = status_reply(code=503, reason="ServiceUnavailable")

    def __init__(self, *, label: Label) -> None:
        super().__init__(label=label)
        self._left = 0
        self._kind = ""

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self._kind == "" and frame.label == self.label:
            self._kind, self._left = frame.watch_of, self.times
            raise Cut
        return (frame.line,)

    async def before(self, call: Call) -> Reply | None:
        if call.watch_of and call.watch_of == self._kind and self._left:
            self._left -= 1
            self.fire()
            return self.reply
        return None


class Unavailable(Refused):
    """503."""

    what = "lost with its connection, then 503 twice"


class TooMany(Refused):
    """429."""

    what = "lost with its connection, then 429 with Retry-After twice"
    reply = status_reply(code=429, reason="TooManyRequests", retry_after=1)


class TooOld(Refused):
    """410 as the answer to the request."""

    what = "lost with its connection, then 410 Gone to the request"
    times = 1
    reply = status_reply(code=410, reason="Expired")


class EndsAtOnce(Refused):
    """200 and the end, three times."""

    what = "lost with its connection, then 200 and nothing three times"
    times = 3

    async def before(self, call: Call) -> Reply | None:
        return None

    def opened(self, call: Call) -> bool:
        if call.watch_of == self._kind and self._left:
            self._left -= 1
            self.fire()
            return False
        return True


KINDS: tuple[type[AtFrame], ...] = (
    CutInstead,
    Torn,
    InTwoParts,
    Gone,
    Broken,
    Silent,
    Unavailable,
    TooMany,
    TooOld,
    EndsAtOnce,
)


def stream_faults(*, frames: Sequence[Label], each: int, first: int = 0) -> Iterator[Fault]:
    """`each` kinds at each frame, in turn, so that every kind meets many frames; `first` begins elsewhere."""
    for number, label in enumerate(frames):
        for one in range(each if each < 10 else 10):
            yield KINDS[(first + number * each + one) % len(KINDS)](label=label)
