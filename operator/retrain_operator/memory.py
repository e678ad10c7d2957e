"""What the operator remembers between looks and may lose at any time: a restart costs reads, never a wrong write."""

from __future__ import annotations

from dataclasses import dataclass, field

from retrain_operator.planning.observed import Cause, JobEnd, Publication


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
    refused: Cause | None = None
    refused_generation: int = 0
    trouble: Cause | None = None

    def refusal(self, *, generation: int) -> Cause | None:
        """The API server's final word on this generation; an edit clears it."""
        return self.refused if self.refused_generation == generation else None

    def keep_jobs(self, uids: set[str]) -> None:
        """Forgets Jobs that are gone."""
        for gone in (self.ends.keys() | self.looks.keys() | self.waiting.keys()) - uids:
            self.ends.pop(gone, None)
            self.looks.pop(gone, None)
            self.waiting.pop(gone, None)
