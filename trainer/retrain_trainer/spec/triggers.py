"""`spec.triggers`: what calls for training. Naming one trigger keeps the others; `enabled: false` switches one off."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class BelowThreshold:
    """`consecutive`: so many new scores in a row on the wrong side of the threshold."""

    enabled: bool = True
    consecutive: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The score is worse than the champion's first ones by more than `by` (in the metric), or `by_fraction` of them."""

    enabled: bool = False
    by: float | None = None
    by_fraction: float | None = None


DriftStatistic = Literal["PSI", "JS"]

#: Above these a feature counts as drifted, unless `threshold` says otherwise.
DRIFT_THRESHOLDS: dict[DriftStatistic, float] = {"PSI": 0.25, "JS": 0.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A `share` of the features has drifted: of at least `min_rows` new rows, `statistic` is at or above the threshold.

    It is measured and told in any case; `enabled` makes it a trigger.
    """

    enabled: bool = False
    statistic: DriftStatistic = "PSI"
    threshold: float | None = None
    share: float = 0.3
    min_rows: int = 500

    @property
    def bound(self) -> float:
        """The threshold in force."""
        return DRIFT_THRESHOLDS[self.statistic] if self.threshold is None else self.threshold

    @property
    def rule(self) -> str:
        """All that the measurement depends on."""
        return f"{self.statistic} {self.bound:g} {self.share:g} {self.min_rows}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """So many rows newer than the champion's data: a better model is possible, which no score shows.

    share: of the champion's training rows; count: in rows. Either is enough; without either, `share` is 0.5.
    """

    enabled: bool = True
    share: float | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxAge:
    """The champion was trained longer ago than `age`."""

    enabled: bool = False
    age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggersSpec:
    """What calls for training. `upstream`: the policy of this namespace whose new champion does, None for none.

    What `prometheus` and `webhook` wait for is the operator's to watch; here they are on or off.
    """

    below_threshold: BelowThreshold = field(default_factory=BelowThreshold)
    drop: Drop = field(default_factory=Drop)
    drift: Drift = field(default_factory=Drift)
    new_rows: NewRows = field(default_factory=NewRows)
    max_age: MaxAge = field(default_factory=MaxAge)
    spec_change: bool = True
    upstream: str | None = None
    prometheus: bool = False
    webhook: bool = False
    always: bool = False


def read_triggers(reader: Reader) -> TriggersSpec:
    """Raises SpecError naming the field."""
    change, always = reader.section("specChange"), reader.section("always")
    parsed = TriggersSpec(
        below_threshold=_below(reader.section("belowThreshold")),
        drop=_drop(reader.section("drop"), named=reader.has("drop")),
        drift=_drift(reader.section("drift"), named=reader.has("drift")),
        new_rows=_new_rows(reader.section("newRows")),
        max_age=_max_age(reader.section("maxAge"), named=reader.has("maxAge")),
        spec_change=change.flag("enabled", default=True),
        upstream=_upstream(reader.section("upstream"), named=reader.has("upstream")),
        prometheus=_watched(reader, "prometheus", fields=("query", "for", "interval")),
        webhook=_watched(reader, "webhook", fields=("matchLabels",)),
        always=reader.has("always") and always.flag("enabled", default=True),
    )
    for section in (change, always, reader):
        section.finish()
    return parsed


def _below(reader: Reader) -> BelowThreshold:
    parsed = BelowThreshold(
        enabled=reader.flag("enabled", default=True), consecutive=reader.integer("consecutive", default=1, low=1)
    )
    reader.finish()
    return parsed


def _drop(reader: Reader, *, named: bool) -> Drop:
    parsed = Drop(
        enabled=named and reader.flag("enabled", default=True),
        by=reader.number("by", low=0),
        by_fraction=reader.number("byFraction", low=0, high=1),
    )
    reader.finish()
    if parsed.enabled and (parsed.by is None) == (parsed.by_fraction is None):
        raise SpecError(
            reason="InvalidSpec",
            message="spec.triggers.drop: set by (in the metric's own units, such as 0.02) or byFraction (such as "
            "0.05), one of the two",
        )
    return parsed


def _drift(reader: Reader, *, named: bool) -> Drift:
    share = reader.number("share", low=0.01, high=1)
    parsed = Drift(
        enabled=named and reader.flag("enabled", default=True),
        statistic=reader.choice("statistic", get_args(DriftStatistic)) or "PSI",
        threshold=reader.number("threshold", low=0.001, high=100),
        share=0.3 if share is None else share,
        min_rows=reader.integer("minRows", default=500, low=1),
    )
    reader.finish()
    return parsed


def _new_rows(reader: Reader) -> NewRows:
    parsed = NewRows(
        enabled=reader.flag("enabled", default=True),
        share=reader.number("share", low=0.01, high=1000),
        count=reader.optional_integer("count", low=1),
    )
    reader.finish()
    return parsed


def _upstream(reader: Reader, *, named: bool) -> str | None:
    enabled, policy = reader.flag("enabled", default=True), reader.text("policy")
    reader.finish()
    if named and enabled and not policy:
        raise SpecError(
            reason="InvalidSpec", message="spec.triggers.upstream.policy is required: a policy of this namespace"
        )
    return policy if named and enabled else None


def _watched(reader: Reader, name: str, *, fields: tuple[str, ...]) -> bool:
    """On? `fields` are the operator's business; a run is told that it was called, and by what."""
    section = reader.section(name)
    enabled = section.flag("enabled", default=True)
    section.finish(ignore=fields)
    return reader.has(name) and enabled


def _max_age(reader: Reader, *, named: bool) -> MaxAge:
    parsed = MaxAge(enabled=named and reader.flag("enabled", default=True), age=reader.duration("age"))
    reader.finish()
    if parsed.enabled and not parsed.age:
        raise SpecError(reason="InvalidSpec", message="spec.triggers.maxAge.age is required, for instance 30d")
    return parsed
