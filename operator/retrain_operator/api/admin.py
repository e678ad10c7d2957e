"""What the administrator decides for all policies; never a policy's to choose. Loaded by `settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PullPolicy = Literal["Always", "IfNotPresent", "Never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSettings:
    """Settings that shape plans."""

    trainer_image: str
    """Image of runs whose policy names none."""

    image_pull_policy: PullPolicy = "IfNotPresent"
    """Pull policy of runs whose policy names none."""

    fs_group: int | None = 65532
    """Group that owns claims in run pods (`fsGroup`, applied with `OnRootMismatch`); None where the storage sets it."""

    scratch_size: str = "2Gi"
    """Limit of a run's scratch folder; a run that writes more is evicted."""

    minimum_interval_seconds: int = 60
    """Shortest time allowed between two slots of a schedule."""

    initial_runs: int = 20
    """How many `Initial` runs may be unfinished at once, over all policies.

    Those that wait for what people must mend (a claim, a Secret, an image) do not count.
    """

    waiting_looks_seconds: tuple[int, ...] = (30, 120, 600)
    """Ages at which a Job without a ready pod is looked at for the cause; the last one repeats."""

    record_ttl_seconds: int = 86400
    """How long a Job is kept after its result was recorded."""
