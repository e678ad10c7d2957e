"""P2: what can happen to a line of a watch: lost, late, twice, out of order, an old one again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from tests.faults.operator.faults import Fault, Frame, Send
from tests.faults.operator.labels import Label

#: Full lists after which something late comes.
_LATE = 2


class AtFrame(Fault):
    """Something happens to the frame of a label, once."""

    what = ""

    def __init__(self, *, label: Label) -> None:
        super().__init__(f"frame {label} {self.what}")
        self.label = label
        self._tasks: list[asyncio.Task[None]] = []

    def hits(self, frame: Frame) -> bool:
        """Is it this one?"""
        return not self.fired and frame.label == self.label

    def under_way(self) -> bool:
        return not all(task.done() for task in self._tasks)

    def send_late(self, frame: Frame, send: Send) -> None:
        """Sends the frame after two more full lists."""
        before = self.around.lists()

        async def later() -> None:
            while self.around.lists() < before + _LATE:
                await asyncio.sleep(0.02)
            await send(frame.line)
            self.fire()

        self._tasks.append(asyncio.create_task(later()))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


class Dropped(AtFrame):
    """Never comes."""

    what = "dropped"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            return ()
        return (frame.line,)


class Twice(AtFrame):
    """Comes twice."""

    what = "sent twice"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.fire()
            return (frame.line, frame.line)
        return (frame.line,)


class Held(AtFrame):
    """Comes two full lists too late."""

    what = "held for two full lists"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.send_late(frame, send)
            return ()
        return (frame.line,)


class ToldAgain(AtFrame):
    """Comes in time, and again two full lists later, when the object has long changed."""

    what = "replayed after two full lists"

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self.hits(frame):
            self.send_late(frame, send)
        return (frame.line,)


class Overtaken(AtFrame):
    """The next frame of the same watch comes before it."""

    what = "overtaken by the next"

    def __init__(self, *, label: Label) -> None:
        super().__init__(label=label)
        self._held: Frame | None = None

    async def frame(self, frame: Frame, send: Send) -> Sequence[bytes]:
        if self._held is None and self.hits(frame):
            self._held = frame
            return ()
        if not self.fired and self._held is not None and frame.watch_of == self._held.watch_of:
            self.fire()
            return (frame.line, self._held.line)
        return (frame.line,)


def frame_faults(*, frames: Sequence[Label]) -> Iterator[Fault]:
    """Each kind at each frame; only one that another follows can be overtaken."""
    for number, label in enumerate(frames):
        for kind in (Dropped, Twice, Held, ToldAgain):
            yield kind(label=label)
        if any(_kind(later) == _kind(label) for later in frames[number + 1 :]):
            yield Overtaken(label=label)


def _kind(label: Label) -> str:
    return label.what.split(" ")[0]
