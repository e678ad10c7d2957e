"""What a fault is: three places at which it may put its hand in, and whether it did."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.operator.labels import Label


class Cut(Exception):
    """The connection ends here, without another byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the API server, or one in its place."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of the operator, not forwarded yet. `list_of` names the kind that is listed, `watch_of` watched.

    `again` sends it once more, as a network that is late does.
    """

    label: Label
    path: str
    again: Callable[[], Awaitable[None]]
    list_of: str = ""
    watch_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One line of a watch. `since_start` orders the frames of all watches; `line` ends with a newline."""

    label: Label
    watch_of: str
    line: bytes


#: Writes one line into the watch from which it came; a closed one swallows it.
Send = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a fault may use: `kill` the operator, the number of full `lists` answered, the last list of each kind."""

    kill: Callable[[], None]
    lists: Callable[[], int]
    listed: Mapping[str, Reply]


class Fault:
    """The base does nothing. `name` says where and what; `around` is set when the fault is let in."""

    around: Surroundings
    #: Writes of the status that it rightly causes: a refusal is told to people, and taken back when it is over.
    demands = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self.fired = False

    def fire(self) -> None:
        """Notes that it happened."""
        self.fired = True

    def armed(self) -> None:
        """From now on requests and frames count."""

    async def before(self, call: Call) -> Reply | None:
        """Before the request goes on; a reply here means that it never does. Raises Cut."""
        return None

    async def after(self, call: Call, reply: Reply) -> Reply:
        """Once the server has done it. Raises Cut."""
        return reply

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        """Lines that take the place of this one; `send` may send more later."""
        return (frame.line,)

    def opened(self, call: Call) -> bool:
        """A watch has been answered with 200: shall it say anything, or end at once?"""
        return True

    def under_way(self) -> bool:
        """Is something of it still to come?"""
        return False

    def close(self) -> None:
        """The case is over."""


def status_reply(*, code: int, reason: str, message: str = "injected", retry_after: int | None = None) -> Reply:
    """A failure as the API server words it; `retry_after` in seconds."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Reply(status=code, content=json.dumps(body).encode(), headers=headers)
