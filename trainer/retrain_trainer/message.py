"""The answer of a run: one JSON object that fits (docs/contract.md).

The kubelet keeps only the last 4 KiB of a termination message, so a message that is too long loses its beginning and
is no JSON any more. It is therefore made to fit 3 KiB, cutting first what the registry can tell again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retrain_trainer.contract import MirrorFacts, Result, RunDescription
from retrain_trainer.registry.registry import Counters
from retrain_trainer.times import time_text

MESSAGE_VERSION = 1
MAX_MESSAGE_BYTES = 3072
MAX_EARLIER = 5
MAX_TEXT = 256

#: Longest JSON text in bytes of each field that is never cut for room. The longest URI of a version has 864: 512 of the
#: registry's, names of namespace and policy, a number. With every other field at its longest this is < 3 KiB.
_BOUNDS = {
    "run": 160,
    "jobUID": 64,
    "policyUID": 64,
    "request": 128,
    "reason": 66,
    "metric": 66,
    "uri": 870,
    "worst": 130,
}


def message_body(
    *, run: RunDescription, result: Result, counters: Counters | None, earlier: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The message before it is cut: JSON values only, numbers finite. `earlier` as `earlier_entry` makes them."""
    champion, challenger = result.champion, result.challenger
    body = {
        "v": MESSAGE_VERSION,
        "run": run.key,
        "jobUID": run.job_uid,
        "policyUID": run.uid,
        "generation": run.generation,
        "action": run.action,
        "cause": run.cause,
        "request": run.request,
        "outcome": result.outcome,
        "trigger": result.trigger,
        "reason": result.reason,
        "message": _cut(result.message),
        "metric": result.metric,
        "threshold": _finite(result.threshold),
        "thresholdMet": result.threshold_met,
        "score": _finite(result.score),
        "accuracy": _finite(result.accuracy),
        "champion": None
        if champion is None
        else {
            "version": champion.version,
            "uri": champion.uri,
            "digest": champion.digest,
            "promotionTime": _second(champion.promotion_time),
            "trainedRows": champion.trained_rows,
            "previousVersion": champion.previous_version,
            "run": champion.run,
        },
        "challenger": None
        if challenger is None
        else {
            "version": challenger.version,
            "score": _finite(challenger.score),
            "verdict": challenger.verdict,
            "reason": _cut(challenger.reason),
        },
        "waiting": result.waiting,
        "drift": None
        if result.drift is None
        else {
            "drifted": result.drift.drifted,
            "share": round(result.drift.share, 4),
            "features": result.drift.features,
            "worst": result.drift.worst,
        },
        "data": {
            "valid": result.data.valid,
            "reason": result.data.reason,
            "message": _cut(result.data.message),
            "rows": result.data.rows,
        },
        "checkTime": _second(result.check_time),
        "trainedTime": _second(result.trained_time),
        "counters": None
        if counters is None
        else {"checks": counters.checks, "trainings": counters.trainings, "promotions": counters.promotions},
        "earlier": [dict(entry) for entry in earlier[:MAX_EARLIER]],
    }
    bounded: dict[str, Any] = _bounded(body)
    return bounded


def earlier_entry(*, job: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A run of before, short, from its stored message."""
    champion, challenger = body.get("champion") or {}, body.get("challenger") or {}
    return {
        "job": job,
        "outcome": body.get("outcome"),
        "time": body.get("checkTime"),
        "score": body.get("score"),
        "version": challenger.get("version", champion.get("version")),
    }


def mirror_entry(facts: MirrorFacts) -> dict[str, Any]:
    """The part of the message that a run has whose policy names `publish.mlflow`."""
    entry = {
        "target": facts.target,
        "version": facts.version,
        "reason": facts.reason,
        "message": _cut(facts.message),
    }
    bounded: dict[str, Any] = _bounded({"mirror": entry})
    return bounded


def encode(*, body: Mapping[str, Any]) -> bytes:
    """The message: UTF-8 JSON of at most 3,072 bytes, whatever the body holds.

    What is cut, in this order: earlier runs (the oldest first), data.message, mirror.message, challenger.reason,
    message.
    """
    bounded: dict[str, Any] = _bounded(body)
    while len(data := _json(bounded)) > MAX_MESSAGE_BYTES and bounded["earlier"]:
        bounded["earlier"].pop()
    for path in (("data", "message"), ("mirror", "message"), ("challenger", "reason"), ("message",)):
        over = len(data) - MAX_MESSAGE_BYTES
        holder = bounded.get(path[0]) if len(path) == 2 else bounded
        if over <= 0 or holder is None:
            continue
        text = holder[path[-1]]
        holder[path[-1]] = _clipped(text, limit=max(len(_json(text)) - over, len(_json("…"))))
        data = _json(bounded)
    return data


def _bounded(value: Any, *, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _bounded(item, name=key) for key, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str):
        text = _clean(value)
        return _clipped(text, limit=_BOUNDS[name]) if name in _BOUNDS and name else text
    return value


def _clipped(text: str, *, limit: int) -> str:
    """`text`, or its beginning and `…`, so that its JSON has at most `limit` bytes (and at least the five of `"…"`)."""
    if len(_json(text)) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if len(_json(text[:middle] + "…")) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…"


def _cut(text: str) -> str:
    text = _clean(text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _clean(text: str) -> str:
    """Without control characters and halves of surrogate pairs: an environment may hold any bytes."""
    return "".join(character if character.isprintable() else " " for character in text)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _second(time: datetime | None) -> str | None:
    return time_text(None if time is None else time.replace(microsecond=0))
