"""The trainer's result message (docs/contract.md), read as untrusted input: an image may be anybody's.

Only known keys of the right type are taken, numbers must be finite, texts are cut. What is not a whole message for
this very Job is no message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, get_args

from retrain_operator.api import raw
from retrain_operator.api.times import parse_time
from retrain_operator.api.vocabulary import Outcome, Trigger, Verdict

MESSAGE_VERSION = 1
MAX_MESSAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The version in use after a run."""

    version: int
    uri: str
    digest: str
    promotion_time: datetime | None
    trained_rows: int | None
    previous_version: int | None
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A version that a run trained and did not promote."""

    version: int
    score: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run of before, as the registry tells it, for Jobs that vanished while the operator was away."""

    job: str
    outcome: str
    time: datetime
    score: float | None
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The registry's totals."""

    checks: int
    trainings: int
    promotions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How new rows compare with those that the champion was trained on."""

    drifted: bool
    share: float
    features: int
    worst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What came of `publish.mlflow`. target: which server, name and alias (`Policy.mlflow`). version: the one that the
    alias names; None where `reason` says why that is not known, and without a champion.
    """

    target: str
    version: int | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One whole message."""

    run: str
    job_uid: str
    outcome: str
    trigger: str | None
    reason: str
    message: str
    metric: str | None
    threshold: float | None
    threshold_met: bool | None
    score: float | None
    accuracy: float | None
    champion: Champion | None
    challenger: Challenger | None
    waiting: int | None
    drift: Drift | None
    data_valid: bool | None
    data_reason: str
    data_message: str
    data_rows: int | None
    check_time: datetime | None
    trained_time: datetime | None
    counters: Counters | None
    earlier: tuple[EarlierRun, ...]
    mirror: Mirror | None = None
    #: The registry was read and has no champion (null). A message without the word says nothing of it.
    no_champion: bool = False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _reason(value: object) -> str:
    """A CamelCase constant as the API accepts it in a condition, or an empty text."""
    word = raw.text(value) or ""
    return word if word.isascii() and word.isalnum() and word[0].isalpha() and len(word) <= 64 else ""


def _positive(value: object) -> int | None:
    number = raw.integer(value)
    return number if number is not None and 0 < number < 2**53 else None


def _champion(value: object) -> Champion | None:
    version = _positive(raw.at(value, "version"))
    if version is None:
        return None
    return Champion(
        version=version,
        uri=raw.cut(raw.text(raw.at(value, "uri")) or "", 870),
        digest=raw.cut(raw.text(raw.at(value, "digest")) or "", 80),
        promotion_time=parse_time(raw.at(value, "promotionTime")),
        trained_rows=_positive(raw.at(value, "trainedRows")),
        previous_version=_positive(raw.at(value, "previousVersion")),
        run=raw.cut(raw.text(raw.at(value, "run")) or "", 256),
    )


def _challenger(value: object) -> Challenger | None:
    version, verdict = _positive(raw.at(value, "version")), raw.at(value, "verdict")
    if version is None or verdict not in get_args(Verdict):
        return None
    return Challenger(
        version=version,
        score=raw.number(raw.at(value, "score")),
        verdict=verdict,
        reason=raw.cut(raw.text(raw.at(value, "reason")) or "", 256),
    )


def _drift(value: object) -> Drift | None:
    drifted, share, features = raw.at(value, "drifted"), raw.number(raw.at(value, "share")), raw.at(value, "features")
    if not isinstance(drifted, bool) or share is None or not 0 <= share <= 1 or _positive(features) is None:
        return None
    worst = raw.cut(raw.text(raw.at(value, "worst")) or "", 160)
    return Drift(drifted=drifted, share=share, features=_positive(features) or 1, worst=worst)


def _mirror(value: object) -> Mirror | None:
    target = raw.text(raw.at(value, "target"))
    if target is None or len(target) > 64:
        return None
    return Mirror(
        target=target,
        version=_positive(raw.at(value, "version")),
        reason=_reason(raw.at(value, "reason")),
        message=raw.cut(raw.text(raw.at(value, "message")) or "", 256),
    )


def _counters(value: object) -> Counters | None:
    checks, trainings, promotions = (raw.integer(raw.at(value, name)) for name in ("checks", "trainings", "promotions"))
    if checks is None or trainings is None or promotions is None:
        return None
    if min(checks, trainings, promotions) < 0 or max(checks, trainings, promotions) >= 2**53:
        return None
    return Counters(checks=checks, trainings=trainings, promotions=promotions)


def _earlier(value: object) -> tuple[EarlierRun, ...]:
    runs = []
    for item in raw.items(value)[:5]:
        job, outcome, time = raw.text(item.get("job")), item.get("outcome"), parse_time(item.get("time"))
        if job is not None and outcome in get_args(Outcome) and time is not None:
            runs.append(
                EarlierRun(
                    job=raw.cut(job, 63),
                    outcome=str(outcome),
                    time=time,
                    score=raw.number(item.get("score")),
                    version=_positive(item.get("version")),
                )
            )
    return tuple(runs)


def parse_result(*, text: str | None, job_uid: str) -> RunResult | None:
    """The result in a termination message, or None where it is not a whole message of version 1 for this Job."""
    if not text or len(text.encode(errors="replace")) > MAX_MESSAGE_BYTES:
        return None
    try:
        body: Any = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if raw.at(body, "v") != MESSAGE_VERSION or raw.at(body, "jobUID") != job_uid:
        return None
    outcome, trigger, run = body.get("outcome"), body.get("trigger"), raw.text(body.get("run"))
    if outcome not in get_args(Outcome) or run is None:
        return None
    met, valid = body.get("thresholdMet"), raw.at(body, "data", "valid")
    return RunResult(
        run=raw.cut(run, 256),
        job_uid=job_uid,
        outcome=outcome,
        trigger=trigger if trigger in get_args(Trigger) else None,
        reason=_reason(body.get("reason")),
        message=raw.cut(raw.text(body.get("message")) or "", 256),
        metric=raw.cut(metric, 64) if (metric := raw.text(body.get("metric"))) else None,
        threshold=raw.number(body.get("threshold")),
        threshold_met=met if isinstance(met, bool) else None,
        score=raw.number(body.get("score")),
        accuracy=raw.number(body.get("accuracy")),
        champion=_champion(body.get("champion")),
        challenger=_challenger(body.get("challenger")),
        waiting=_positive(body.get("waiting")),
        drift=_drift(body.get("drift")),
        data_valid=valid if isinstance(valid, bool) else None,
        data_reason=_reason(raw.at(body, "data", "reason")),
        data_message=raw.cut(raw.text(raw.at(body, "data", "message")) or "", 512),
        data_rows=_positive(raw.at(body, "data", "rows")),
        check_time=parse_time(body.get("checkTime")),
        trained_time=parse_time(body.get("trainedTime")),
        counters=_counters(body.get("counters")),
        earlier=_earlier(body.get("earlier")),
        mirror=_mirror(body.get("mirror")),
        no_champion="champion" in body and body["champion"] is None,
    )
