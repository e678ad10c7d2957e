"""Many cases, some side by side, each in a namespace and with an operator and a proxy of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


async def side_by_side(
    items: Iterable[_Item], run: Callable[[_Item], Coroutine[Any, Any, _Answer]], *, lanes: int
) -> Sequence[_Answer]:
    """`run` of each item, in the order of the items; so many at a time."""
    gate = asyncio.Semaphore(lanes)

    async def one(item: _Item) -> _Answer:
        async with gate:
            return await run(item)

    # If one raises, the others are ended before anything that they share is.
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]
