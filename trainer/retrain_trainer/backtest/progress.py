"""How far a long command is: a bar on a terminal, lines where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Protocol, TextIO

from tqdm import tqdm


class Progress(Protocol):
    """Is told of each piece of work that is done, and what it came to."""

    def step(self, what: str) -> None: ...


class Shown:
    """Progress on a stream, standard error unless another is given. A context manager: leaving it ends the bar."""

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._total = self._done = 0
        self._bar: Any = None

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def of(self, total: int) -> Shown:
        """There will be so many steps."""
        self._total = total
        if self._stream.isatty():
            self._bar = tqdm(total=total, file=self._stream, unit="check")
        return self

    def step(self, what: str) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(what, refresh=False)
            self._bar.update()
        else:
            self._stream.write(f"check {self._done} of {self._total}: {what}\n")
            self._stream.flush()
