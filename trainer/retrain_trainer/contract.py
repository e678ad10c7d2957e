"""What a run is told and what it answers, as types; `message` writes the answer down (docs/contract.md).

Everything a run needs stands in its environment, so that a CronJob's runs need neither the operator nor the API.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from retrain_trainer.errors import SpecError

Action = Literal["check", "train", "approve", "reject", "rollback", "pin"]
Cause = Literal["Initial", "Schedule", "Request", "SpecChange", "Upstream", "Prometheus", "Webhook"]
Trigger = Literal[
    "NoChampion",
    "Requested",
    "SpecChange",
    "Upstream",
    "Prometheus",
    "Webhook",
    "BelowThreshold",
    "Drop",
    "Drift",
    "NewRows",
    "MaxAge",
    "Always",
]
Outcome = Literal[
    "Promoted",
    "AwaitingApproval",
    "Observed",
    "NotPromoted",
    "Kept",
    "Deferred",
    "DataRejected",
    "RolledBack",
    "Pinned",
    "Approved",
    "Refused",
    "Failed",
]

#: The reason of a run that a row of failed runs held back; it is no end of that row.
STOPPED: Final = "StoppedAfterFailures"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """One run as it was asked for. `spec` is the raw JSON of the policy's; limits are None where the pod has none.

    Claims are the folders of `claims`, unless `mounts` puts another folder where a claim points. `registry`: a folder
    that replaces `spec.registry.uri`. `message`: where the answer goes, None for nowhere but the caller.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    spec: Mapping[str, Any]
    action: Action
    cause: Cause
    request: str
    key: str
    job_uid: str
    job_name: str
    memory_limit: int | None
    cpu_limit: int | None
    scratch: Path
    claims: Path
    message: Path | None
    mounts: Mapping[str, Path] = field(default_factory=dict)
    registry: Path | None = None
    scratch_limit: int | None = None

    @property
    def edition(self) -> str:
        """sha256 of the whole spec: any edit makes another one."""
        return "sha256:" + hashlib.sha256(json.dumps(self.spec, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionFacts:
    """The version in use after a run. `run` is the key of the run that promoted it."""

    version: int
    uri: str
    digest: str
    promotion_time: datetime
    trained_rows: int
    previous_version: int | None
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerFacts:
    """A version that this run trained and did not promote."""

    version: int
    score: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What validation found; `valid` is None where the data was not reached."""

    valid: bool | None = None
    reason: str = ""
    message: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFacts:
    """share: of the `features` compared, those at or above the threshold, on `rows` new rows. drifted: the share is at
    or above `triggers.drift.share`. calls: so it is also against a version that drift has trained since and that lost,
    for the same drift calls for no further training. worst: names and values, the highest first. rule: its measure.
    """

    drifted: bool
    calls: bool
    share: float
    features: int
    rows: int
    worst: str
    rule: str

    @staticmethod
    def from_json(value: Mapping[str, Any] | None) -> DriftFacts | None:
        """What `dataclasses.asdict` made of it."""
        return None if value is None else DriftFacts(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorFacts:
    """What came of `publish.mlflow`: the alias names `version` now, or `reason` and `message` say why nothing is known
    to. target: which server, name and alias (`MLflowSpec.target`). Without a champion there is neither.
    """

    target: str
    version: int | None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to. `score` and `accuracy` are the champion's newest after this run; `waiting`: the version that
    waits for a person.
    """

    outcome: Outcome
    reason: str
    message: str
    check_time: datetime
    trigger: Trigger | None = None
    metric: str | None = None
    threshold: float | None = None
    threshold_met: bool | None = None
    score: float | None = None
    accuracy: float | None = None
    champion: ChampionFacts | None = None
    challenger: ChallengerFacts | None = None
    data: DataFacts = DataFacts()
    waiting: int | None = None
    drift: DriftFacts | None = None
    trained_time: datetime | None = None


def read_environment(*, environ: Mapping[str, str]) -> RunDescription:
    """The run that the operator described. SpecError `InvalidRun` naming the variable that is missing or wrong."""

    def required(name: str) -> str:
        if not (value := environ.get(name)):
            raise _invalid(f"{name} is not set; a run without a policy file reads its description from the environment")
        return value

    def whole(name: str) -> int | None:
        if not (value := environ.get(name)):
            return None
        if not (value.isascii() and value.isdigit()) or int(value) < 1:
            raise _invalid(f"{name} is {value[:60]!r}; it must be a whole number above 0")
        return int(value)

    def one_of(name: str, choices: tuple[str, ...]) -> Any:
        if (value := required(name)) not in choices:
            raise _invalid(f"{name} is {value[:60]!r}; it must be one of {', '.join(choices)}")
        return value

    return describe(
        policy=_policy(required("RETRAIN_POLICY")),
        action=one_of("RETRAIN_ACTION", get_args(Action)),
        cause=one_of("RETRAIN_CAUSE", get_args(Cause)),
        request=environ.get("RETRAIN_REQUEST", ""),
        key=required("RETRAIN_RUN_KEY"),
        job_uid=required("RETRAIN_JOB_UID"),
        job_name=required("RETRAIN_JOB_NAME"),
        memory_limit=whole("RETRAIN_MEMORY_LIMIT"),
        cpu_limit=whole("RETRAIN_CPU_LIMIT"),
        scratch=Path(required("RETRAIN_SCRATCH")),
        scratch_limit=whole("RETRAIN_SCRATCH_LIMIT"),
        claims=Path(environ.get("RETRAIN_CLAIMS") or "/mnt/claims"),
        message=Path(environ.get("RETRAIN_MESSAGE") or "/dev/termination-log"),
    )


def describe(*, policy: Mapping[str, Any], key: str, **run: Any) -> RunDescription:
    """A run of `policy` ({name, namespace, uid, generation, spec}). SpecError `InvalidRun` for a bad name or key."""
    for name in ("name", "namespace"):
        if not isinstance(policy.get(name), str) or not _NAME.fullmatch(policy[name]):
            raise _invalid(f"the policy's {name} is {str(policy.get(name))[:60]!r}; it must be a Kubernetes name")
    if not isinstance(policy.get("spec"), Mapping):
        raise _invalid("the policy has no spec")
    if not _KEY.fullmatch(key):
        raise _invalid(f"the run key is {key[:60]!r}; it must be letters, digits, '.', '_' and '-', at most 151")
    generation = policy.get("generation")
    return RunDescription(
        name=policy["name"],
        namespace=policy["namespace"],
        uid=str(policy.get("uid", "")),
        generation=generation if isinstance(generation, int) else 0,
        spec=policy["spec"],
        key=key,
        **run,
    )


def _policy(text: str) -> Mapping[str, Any]:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"RETRAIN_POLICY is no JSON: {error}") from error
    if not isinstance(policy, Mapping):
        raise _invalid("RETRAIN_POLICY must be a JSON object with name, namespace, uid, generation and spec")
    return policy


def _invalid(message: str) -> SpecError:
    return SpecError(reason="InvalidRun", message=message)
