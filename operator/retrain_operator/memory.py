"""What the operator remembers between looks and may lose at any time: a restart costs reads, never a wrong write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from retrain_operator.planning.observed import Cause, JobEnd, Publication, Publish

#: So many repairs within this time: then the operator rests until the first of them is that old.
_CONTESTED_AFTER: Final = 5
_CONTESTED_WITHIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A place that would not be published to: what it was given, how often in a row, and when it is asked again."""

    publish: Publish
    times: int
    again: datetime


@dataclass(slots=True)
class PolicyMemory:
    """About one policy object (by UID). Jobs are keyed by their UID."""

    ends: dict[str, JobEnd] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, Cause] = field(default_factory=dict)
    #: Names of Jobs that were looked for, since the status tells of them and the cache does not.
    sought: set[str] = field(default_factory=set)
    #: What was published, by target; forgotten at each full list, so that it is looked at again.
    publications: dict[str, Publication] = field(default_factory=dict)
    #: By target, too; somebody may put right what is in the way.
    refusals: dict[str, Refusal] = field(default_factory=dict)
    refused: Cause | None = None
    refused_generation: int = 0
    trouble: Cause | None = None

    #: When the CronJob was put right after somebody else had changed it.
    repairs: list[datetime] = field(default_factory=list)

    def is_contested(self, *, now: datetime) -> bool:
        """Was the CronJob put right so often of late that another write would only be the next move?"""
        self.repairs = [moment for moment in self.repairs if timedelta(0) <= now - moment < _CONTESTED_WITHIN]
        return len(self.repairs) >= _CONTESTED_AFTER

    def note_publication(self, result: Publication, *, now: datetime, wait: Callable[[int], float]) -> None:
        """Keeps what came of it. `wait`: seconds until the next try, by how often it was refused in a row."""
        target = result.publish.target
        self.publications[target] = result
        before = self.refusals.pop(target, None)
        if result.problem is not None:
            times = 1 if before is None or before.publish != result.publish else before.times + 1
            again = now + timedelta(seconds=wait(times))
            self.refusals[target] = Refusal(publish=result.publish, times=times, again=again)

    def ask_again(self, *, now: datetime) -> datetime | None:
        """Forgets what refused long enough ago, so that it is tried; when to look at the others."""
        due = [target for target, refusal in self.refusals.items() if refusal.again <= now]
        for target in due:
            self.publications.pop(target, None)
        waiting = (refusal.again for target, refusal in self.refusals.items() if target not in due)
        return min(waiting, default=None)

    def refusal(self, *, generation: int) -> Cause | None:
        """The API server's word on this generation; an edit clears it, and so does each full list."""
        return self.refused if self.refused_generation == generation else None

    def keep_jobs(self, uids: set[str]) -> None:
        """Forgets Jobs that are gone."""
        for gone in (self.ends.keys() | self.looks.keys() | self.waiting.keys()) - uids:
            self.ends.pop(gone, None)
            self.looks.pop(gone, None)
            self.waiting.pop(gone, None)
