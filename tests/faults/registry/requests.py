"""A run with its registry in a bucket dies before or after each of its requests, on the real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from retrain_trainer.registry.bucket import BucketStore
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.s3 import Found, Requests

from tests.faults.registry.disk import PowerLoss
from tests.faults.registry.scenarios import SCENARIOS, Scenario, end, harm, model_of
from tests.support.s3 import BUCKET


class _Dying(Requests):
    """Counts calls twice, before and after: at `crash_after` the process is gone."""

    crash_after: int | None = None
    calls = 0

    def _point(self) -> None:
        if self.calls == self.crash_after:
            raise PowerLoss
        self.calls += 1

    def put_new(self, *, key: str, data: bytes, writer: str) -> None:
        self._point()
        super().put_new(key=key, data=data, writer=writer)
        self._point()

    def delete(self, *, key: str) -> None:
        self._point()
        super().delete(key=key)
        self._point()

    def get(self, *, key: str, limit: int) -> Found | None:
        self._point()
        return super().get(key=key, limit=limit)

    def list(self, *, folder: str) -> Iterator[tuple[str, float]]:
        self._point()
        return super().list(folder=folder)


@dataclass
class Deaths:
    """points: moments at which a run died, over all scenarios; each was checked and resumed."""

    points: int = 0
    bad: list[str] = field(default_factory=list)


def die_at_every_request(*, new_prefix: Callable[[], str], scenarios: tuple[Scenario, ...] = SCENARIOS) -> Deaths:
    """Each scenario, each request, before it and after it."""
    tally = Deaths()
    models = {model_of(run): run for run in ("a", "b", "c", "d", "old", "new", "other")}
    for scenario in scenarios:
        for crash_after in count():
            prefix = new_prefix()
            whole = Registry(store=BucketStore(bucket=BUCKET, prefix=prefix))
            for run in scenario.before:
                run(whole)
            requests = _Dying(bucket=BUCKET)
            requests.crash_after = crash_after
            try:
                scenario.run(Registry(store=BucketStore(bucket=BUCKET, prefix=prefix, requests=requests)))
                over = True
            except PowerLoss:
                over = False
            tally.points += not over
            where = f"{scenario.name}, request {crash_after}"
            tally.bad += [f"{where}: {one}" for one in harm(whole, scenario=scenario, models=models)]
            for run in [scenario.run] if scenario.meanwhile is None else [scenario.meanwhile, scenario.run]:
                run(whole)
            tally.bad += [f"{where}: {one}" for one in end(whole, scenario=scenario)]
            if over:
                break
    return tally
