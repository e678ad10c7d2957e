"""`--set field=v1,v2`: which values are tried, and which of them is chosen on the first half. Pure but for YAML."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_trainer.backtest.summary import Summary
from retrain_trainer.errors import SpecError
from retrain_trainer.spec import OPERATOR_FIELDS, parse_spec

#: So many combinations at most: each one is a replay of its own.
MAX_COMBINATIONS = 32

#: What the cheapest choice has to recover of the gain on the first half.
GOOD_SHARE = 0.8

#: Fields that decide what is measured, not how well a policy does: their values could not be compared.
_FIXED = (
    "data.uri",
    "data.timeColumn",
    "data.labelDelay",
    "model.target",
    "model.task",
    "evaluation.metric",
    "registry",
)

Values = tuple[tuple[str, Any], ...]


def read_settings(texts: Sequence[str]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """`triggers.drop.by=0.02,0.05` → the field and its values, as YAML reads them. SpecError `InvalidSetting`."""
    import yaml

    fields: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        field, separator, listed = text.partition("=")
        field = field.strip().removeprefix("spec.")
        if not separator or not all(field.split(".")):
            raise _invalid(f"--set {text[:80]!r} must be FIELD=VALUE,VALUE: for instance triggers.drop.by=0.02,0.05")
        if field in fields:
            raise _invalid(f"--set names {field[:60]} twice; put its values into one list")
        if any(field == fixed or field.startswith(f"{fixed}.") for fixed in _FIXED):
            raise _invalid(f"--set {field[:60]}: it decides what is measured, so its values cannot be compared")
        if field.split(".")[0] in OPERATOR_FIELDS:
            raise _invalid(f"--set {field[:60]}: the checks of a back-test do not depend on it")
        try:
            values = tuple(yaml.safe_load(part) for part in listed.split(","))
        except yaml.YAMLError as error:
            raise _invalid(f"--set {text[:80]!r}: a value is no YAML") from error
        if any(isinstance(value, dict | list) for value in values):
            raise _invalid(f"--set {text[:80]!r}: each value must be text, a number, true, false or null")
        fields[field] = values
    count = math.prod(len(values) for values in fields.values())
    if count > MAX_COMBINATIONS:
        raise _invalid(f"--set asks for {count:,} combinations; at most {MAX_COMBINATIONS} are tried at once")
    return tuple(fields.items())


def combinations(fields: Sequence[tuple[str, tuple[Any, ...]]]) -> tuple[Values, ...]:
    """Each value of each field with each of the others; () without fields."""
    if not fields:
        return ()
    names = [name for name, _ in fields]
    return tuple(tuple(zip(names, values, strict=True)) for values in itertools.product(*(each for _, each in fields)))


def with_values(spec: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The spec with the values in their places. SpecError naming a field that the API does not have."""
    made = dict(spec)
    for field, value in values:
        inner = made
        *path, last = field.split(".")
        for step in path:
            section = inner.get(step)
            if section is not None and not isinstance(section, Mapping):
                raise _invalid(f"--set {field[:60]}: spec.{step} is no section")
            inner[step] = dict(section or {})
            inner = inner[step]
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    try:
        parse_spec(made)
    except SpecError as error:
        raise _invalid(f"--set {shown(values)}: {error.message}") from error
    return made


def shown(values: Values) -> str:
    """`triggers.drop.by=0.02 limits.cooldown=7d`."""
    return " ".join(f"{field}={_text(value)}" for field, value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A combination on the first half."""

    values: Values
    summary: Summary


def chosen(tried: Sequence[Tried], *, greater_is_better: bool) -> Tried:
    """The one with the fewest trainings among those that recover 80 % of what *always* gains; where none does, the best
    mean score. Where there is no gain to recover, the fewest trainings. Ties: the better score, then the first.
    """
    sign = 1.0 if greater_is_better else -1.0

    def score(each: Tried) -> float:
        return sign * each.summary.policy.score if math.isfinite(each.summary.policy.score) else -math.inf

    def shares(each: Tried) -> bool:
        recovered = each.summary.recovered
        return recovered is not None and recovered.estimate >= GOOD_SHARE

    gain = any(each.summary.conclusion == "GainAvailable" for each in tried)
    good = [each for each in tried if shares(each)] if gain else list(tried)
    if good:
        return min(good, key=lambda each: (each.summary.policy.trainings, -score(each)))
    return max(tried, key=score)


def _text(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, bool | None) else str(value)


def _invalid(message: str) -> SpecError:
    return SpecError(reason="InvalidSetting", message=message)
