"""What is known about a version and about a promotion: the records readers follow to a model.

A manifest is written once, together with the verdict it was published with, and never changed. Whether a version is the
champion stands in the promotion log alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.features import Exclusion, Feature, FeatureSchema
from retrain_trainer.learned import Learned
from retrain_trainer.registry.documents import opened, sealed
from retrain_trainer.times import parsed_time, time_text

_Record = TypeVar("_Record")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NO_DIGEST = "sha256:" + 64 * "0"

#: The request of an entry that a run made by itself; a person's names a version, so it is never this.
PROBATION = "probation"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """The gate's numbers: difference and its bounds are challenger minus champion, positive is better.

    held: Better, but a person must approve it. incomparable: there was a champion, and it could not be scored.
    """

    verdict: str
    reason: str
    message: str
    champion: int | None
    difference: float | None
    low: float | None
    high: float | None
    units: int
    rows: int
    held: bool = False
    incomparable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version. `score` and `accuracy` are those of the holdout; times are UTC.

    No row later than `trained_until` was trained on; `holdout_end` is the newest row it was compared on. Without a time
    column all times of the data are None. salt and assignment: how the holdout was drawn. `version` is 0 in a draft
    that is not published yet. `learned`: what later data are held against; older versions have none.
    """

    version: int
    run: str
    parent: int | None
    trigger: str
    cause: str
    trained_time: datetime
    model_digest: str
    model_bytes: int
    spec: Mapping[str, Any]
    spec_digest: str
    task: str
    target: str
    classes: tuple[str, ...]
    positive_class: str | None
    schema: FeatureSchema
    metric: str
    greater_is_better: bool
    score: float | None
    accuracy: float | None
    constant_score: float | None
    fingerprint: str
    salt: str
    assignment: str
    trained_rows: int
    holdout_rows: int
    trained_until: datetime | None
    holdout_start: datetime | None
    holdout_end: datetime | None
    seconds: float
    libraries: Mapping[str, str]
    gate: GateRecord
    learned: Learned | None = None

    def to_bytes(self) -> bytes:
        """The document as stored."""
        return sealed({name: _plain(getattr(self, name)) for name in _names(Manifest)})

    @staticmethod
    def from_bytes(*, data: bytes, name: str) -> Manifest:
        """RegistryDamaged `ManifestDamaged` naming the file if it is not a manifest."""
        return _read(data=data, name=name, reason="ManifestDamaged", make=_manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One entry of the promotion log; the entry of the highest number names the champion.

    kind: `Promotion` by the gate; `Approval`, `Overrule` (of the gate, or of a rejection), `Rollback` and `Pin` by a
    person's word, which `request` holds; `Probation`: the version before came back by itself.
    """

    number: int
    version: int
    previous_version: int | None
    run: str
    trigger: str
    request: str
    time: datetime
    kind: str = "Promotion"

    def to_bytes(self) -> bytes:
        """The document as stored."""
        return sealed({name: _plain(getattr(self, name)) for name in _names(Promotion)})

    @staticmethod
    def from_bytes(*, data: bytes, name: str) -> Promotion:
        """RegistryDamaged `PromotionDamaged` naming the file if it is not an entry of the log."""
        return _read(data=data, name=name, reason="PromotionDamaged", make=_promotion)


def _names(record: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, FeatureSchema | GateRecord | Learned):
        return asdict(value)
    return value


def _time(text: Any) -> datetime:
    time = parsed_time(text)
    if time is None:
        raise ValueError("a time is missing")
    return time


def _manifest(body: dict[str, Any]) -> Manifest:
    schema = body["schema"]
    return Manifest(
        **{
            **body,
            "trained_time": _time(body["trained_time"]),
            "classes": tuple(body["classes"]),
            "schema": FeatureSchema(
                features=tuple(
                    Feature(name=item["name"], kind=item["kind"], categories=tuple(item["categories"]))
                    for item in schema["features"]
                ),
                excluded=tuple(Exclusion(**item) for item in schema["excluded"]),
            ),
            "gate": GateRecord(**body["gate"]),
            "learned": Learned.from_json(body.get("learned")),
            **{name: parsed_time(body[name]) for name in ("trained_until", "holdout_start", "holdout_end")},
        }
    )


def _promotion(body: dict[str, Any]) -> Promotion:
    return Promotion(**{**body, "time": _time(body["time"])})


def _read(*, data: bytes, name: str, reason: str, make: Callable[[dict[str, Any]], _Record]) -> _Record:
    body = opened(data=data, name=name, reason=reason)
    try:
        for number in ("version", "number", "model_bytes"):
            if number in body and (type(body[number]) is not int or body[number] < 1):
                raise ValueError(f"{number} is no whole number above 0")
        if not _DIGEST.fullmatch(str(body.get("model_digest", _NO_DIGEST))):
            raise ValueError("model_digest is no sha256")
        return make(body)
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryDamaged(
            reason=reason,
            message=f"{name} does not hold what this release writes ({error}); restore it from a backup",
        ) from error
