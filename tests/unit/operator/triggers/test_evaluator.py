"""Who is asked what, how often, and whom an answer wakes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from retrain_operator.cache import Cache
from retrain_operator.metrics.counts import Counts
from retrain_operator.planning.observed import Sample
from retrain_operator.queue import WorkQueue
from retrain_operator.triggers.evaluator import TOLD_AFTER, Evaluator
from retrain_operator.triggers.prometheus import QueryRefused, Source, Unreachable
from retrain_operator.triggers.signals import Signals

from tests.builders import a_policy

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Scripted(Source):
    """Answers as `answers` says, the last one for ever; an exception is raised, a number is slept for."""

    def __init__(self, *, answers: Sequence[bool | Exception | float]) -> None:
        self._answers = list(answers)
        self.asked: Counter[str] = Counter()
        self.under_way = 0
        self.most = 0

    async def ask(self, query: str) -> bool:
        self.asked[query] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, float):
                await asyncio.sleep(answer)
            return bool(answer)
        finally:
            self.under_way -= 1


class Desk:
    """An evaluator and what is around it."""

    def __init__(self, *, source: Source | None, **how: Any) -> None:
        self.cache, self.queue, self.signals = Cache(), WorkQueue(), Signals()
        self.leading = True
        self._evaluator = Evaluator(
            source=source,
            cache=self.cache,
            queue=self.queue,
            signals=self.signals,
            counts=Counts(),
            leads=lambda: self.leading,
            now=lambda: NOON,
            minimum_seconds=how.pop("minimum_seconds", 0.02),
            look_seconds=0.005,
            **how,
        )

    def add(self, name: str, *, query: str, version: int = 1, state: str | None = None, **spec: Any) -> None:
        triggers = {"prometheus": {"query": query, "interval": "0s"}}
        body = a_policy(
            name=name,
            uid=f"uid-{name}",
            resource_version=str(version),
            spec={**spec, "triggers": triggers},
            status={"triggers": {"prometheus": {"state": state}}} if state else {},
        )
        self.cache.put_policy(body)

    def sample(self, name: str) -> Sample | None:
        return self.signals.sample(policy_uid=f"uid-{name}")

    async def woken(self) -> set[str]:
        found = set()
        while len(self.queue):
            key = await self.queue.get()
            found.add(key.name)
            self.queue.done(key)
        return found

    async def until(self, done: Callable[[], bool]) -> None:
        task = asyncio.create_task(self._evaluator.run())
        try:
            async with asyncio.timeout(10):
                while not done():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.002)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_policies_that_ask_the_same_share_one_query() -> None:
    async def play() -> None:
        source = Scripted(answers=[True])
        desk = Desk(source=source)
        for number in range(2000):
            desk.add(f"p{number}", query=f"query {number % 3}")
        await desk.until(lambda: all(source.asked[f"query {number}"] >= 2 for number in range(3)))
        assert len(source.asked) == 3
        assert sum(source.asked.values()) < 100
        assert len(await desk.woken()) == 2000
        assert all(desk.sample(f"p{number}") is not None for number in range(2000))

    asyncio.run(play())


def test_only_what_is_new_wakes_a_policy() -> None:
    async def play() -> None:
        source = Scripted(answers=[False, False, True, True])
        desk = Desk(source=source)
        desk.add("a", query="up")
        wakes = []
        for count in (1, 2, 3, 4):
            await desk.until(lambda count=count: source.asked["up"] >= count and not source.under_way)  # type: ignore[misc]
            wakes.append(await desk.woken())
        assert wakes[0] == {"a"}  # the first answer
        assert [bool(wake) for wake in wakes].count(True) == 2  # and the change

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        pytest.param([QueryRefused("parse error")], "QueryRefused", id="a refusal is told at once"),
        pytest.param([Unreachable("HTTP 503")], "PrometheusUnreachable", id="no answer is told when it lasts"),
        pytest.param([ValueError("a bug")], "PrometheusUnreachable", id="so is what nobody thought of"),
    ],
)
def test_what_is_told(answers: list[Exception], reason: str) -> None:
    async def play() -> None:
        source = Scripted(answers=answers)
        desk = Desk(source=source)
        desk.add("a", query="up")
        await desk.until(lambda: desk.sample("a") is not None)
        sample = desk.sample("a")
        assert sample is not None
        assert sample.problem is not None
        assert (sample.truth, sample.problem.reason) == (None, reason)
        assert source.asked["up"] >= (1 if reason == "QueryRefused" else TOLD_AFTER)

    asyncio.run(play())


def test_a_blip_is_not_told() -> None:
    async def play() -> None:
        source = Scripted(answers=[True, *[Unreachable("HTTP 503")] * (TOLD_AFTER - 1), True])
        desk = Desk(source=source)
        desk.add("a", query="up")
        await desk.until(lambda: source.asked["up"] > TOLD_AFTER + 1)
        assert desk.sample("a") == Sample(query="up", at=NOON, truth=True)
        assert await desk.woken() == {"a"}

    asyncio.run(play())


def test_a_slow_query_holds_up_no_other_and_is_not_asked_twice_at_once() -> None:
    class OneSlow(Scripted):
        async def ask(self, query: str) -> bool:
            if query == "slow":
                self.asked[query] += 1
                await asyncio.sleep(60)
            return await super().ask(query)

    async def play() -> None:
        source = OneSlow(answers=[True])
        desk = Desk(source=source)
        desk.add("a", query="slow")
        desk.add("b", query="fast")
        await desk.until(lambda: source.asked["fast"] >= 5 and source.asked["slow"] >= 1)
        assert source.asked["slow"] == 1

    asyncio.run(play())


def test_never_more_than_so_many_are_under_way() -> None:
    async def play() -> None:
        source = Scripted(answers=[0.01])
        desk = Desk(source=source, together=3)
        for number in range(40):
            desk.add(f"p{number}", query=f"query {number}")
        await desk.until(lambda: len(source.asked) == 40)
        assert source.most == 3

    asyncio.run(play())


def test_without_a_prometheus_every_policy_is_told_so() -> None:
    async def play() -> None:
        desk = Desk(source=None)
        desk.add("a", query="up")
        await desk.until(lambda: desk.sample("a") is not None)
        sample = desk.sample("a")
        assert sample is not None
        assert sample.problem is not None
        assert sample.problem.reason == "PrometheusNotConfigured"
        assert await desk.woken() == {"a"}

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answer", "wakes"),
    [
        pytest.param(True, 3, id="true: its time may have come"),
        pytest.param(False, 1, id="false: once, for it waits no more"),
        pytest.param(QueryRefused("parse error"), 1, id="refused: once"),
        pytest.param(Unreachable("HTTP 503"), 1, id="no answer: once, when it lasts"),
        pytest.param(None, 1, id="no Prometheus any more: once"),
    ],
)
def test_how_often_a_policy_that_is_pending_is_looked_at(answer: bool | Exception | None, wakes: int) -> None:
    async def play() -> None:
        source = None if answer is None else Scripted(answers=[answer])
        desk = Desk(source=source)
        desk.add("a", query="up", state="Pending")
        found = []
        for _ in range(3):
            seen = desk.sample("a")
            await desk.until(lambda seen=seen: desk.sample("a") is not seen)  # type: ignore[misc]
            found.append(await desk.woken())
        assert found.count({"a"}) == wakes

    asyncio.run(play())


@pytest.mark.parametrize("why", ["suspended", "standby", "switched off"])
def test_nobody_asks_for(why: str) -> None:
    async def play() -> None:
        source = Scripted(answers=[True])
        desk = Desk(source=source)
        desk.leading = why != "standby"
        desk.add("other", query="other")
        desk.add("a", query="up", suspend=why == "suspended")
        if why == "switched off":
            body = a_policy(
                name="a",
                uid="uid-a",
                resource_version="2",
                spec={"triggers": {"prometheus": {"query": "up", "enabled": False}}},
            )
            desk.cache.put_policy(body)
        if why == "standby":
            await asyncio.wait([asyncio.create_task(desk.until(lambda: False))], timeout=0.1)
        else:
            await desk.until(lambda: source.asked["other"] >= 3)
        assert source.asked["up"] == 0

    asyncio.run(play())


def test_an_edited_query_is_asked_instead_of_the_old_one() -> None:
    async def play() -> None:
        source = Scripted(answers=[True])
        desk = Desk(source=source)
        desk.add("a", query="old")
        await desk.until(lambda: desk.sample("a") is not None)
        desk.add("a", query="new", version=2)
        before = source.asked["old"]
        await desk.until(lambda: (found := desk.sample("a")) is not None and found.query == "new")
        assert source.asked["old"] <= before + 1

    asyncio.run(play())
