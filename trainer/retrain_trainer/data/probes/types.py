"""Do columns hold the kind of value that the spec and the champion ask for?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retrain_trainer.data.probes.probe import Probe
from retrain_trainer.data.table import StoredType, Table, quoted
from retrain_trainer.features import FeatureKind
from retrain_trainer.learned import Reference
from retrain_trainer.spec import ColumnType, PolicySpec

#: Kinds that satisfy each type of a rule, and those that each kind of feature of a champion can be read from.
_SATISFIES: dict[ColumnType, tuple[StoredType, ...]] = {
    "Integer": ("Integer",),
    "Number": ("Integer", "Number"),
    "String": ("String",),
    "Boolean": ("Boolean",),
    "Timestamp": ("Timestamp",),
}
READS: dict[FeatureKind, tuple[StoredType, ...]] = {
    "numeric": ("Integer", "Number", "Boolean"),
    "boolean": ("Boolean", "Integer", "Number"),
    "datetime": ("Timestamp",),
    "categorical": ("String",),
}
_WORDS: dict[FeatureKind, tuple[ColumnType, str]] = {
    "numeric": ("Number", "numbers"),
    "boolean": ("Boolean", "true or false"),
    "datetime": ("Timestamp", "times"),
    "categorical": ("String", "texts"),
}


def type_probes(*, table: Table, spec: PolicySpec, reference: Reference | None) -> Iterator[Probe]:
    """Columns that hold another kind of value than spec or champion ask for; columns without any value pass."""
    time = spec.data.time_column
    if time in table.columns and time is not None and table.columns[time] != "Timestamp":
        yield _other_type(
            table,
            name="TimeColumnNotTime",
            column=time,
            wanted="Timestamp",
            told=f"hold no time (the column reads as {table.columns[time].lower()}); write times such as "
            "2013-07-01T05:00:00Z",
        )
    for feature in () if reference is None else reference.schema.features:
        stored = table.columns.get(feature.name)
        if stored is not None and stored not in READS[feature.kind] and feature.name != time:
            wanted, learned = _WORDS[feature.kind]
            told = (
                f"are of another type ({stored.lower()}), and the champion learned {learned}; correct the data, or "
                "exclude the column"
            )
            yield _other_type(table, name="TypeMismatch", column=feature.name, wanted=wanted, told=told)
    yield from _target_type(table=table, target=spec.model.target, reference=reference)
    for rule in spec.validation.columns:
        stored = table.columns.get(rule.name)
        if stored is None:
            continue
        if rule.type is not None and stored not in _SATISFIES[rule.type]:
            yield _other_type(
                table,
                name="TypeMismatch",
                column=rule.name,
                wanted=rule.type,
                told=f"are no {rule.type}, which spec.validation.columns asks for (the column reads as "
                f"{stored.lower()})",
                severity=rule.severity,
                bound=rule.type,
            )
        elif (rule.min is not None or rule.max is not None) and stored not in ("Integer", "Number"):
            yield _other_type(
                table,
                name="TypeMismatch",
                column=rule.name,
                wanted="Number",
                told=f"are no numbers (the column reads as {stored.lower()}); min and max need numbers",
                severity=rule.severity,
            )


def _target_type(*, table: Table, target: str, reference: Reference | None) -> Iterator[Probe]:
    """Labels are compared as texts: `yes` is another class than the `true` that a champion learned from yes and no."""
    learned = None if reference is None or reference.learned is None else reference.learned.columns.get(target)
    stored = table.columns.get(target)
    numbers = ("Integer", "Number")
    same = learned == stored or (learned in numbers and stored in numbers)
    if stored is not None and learned in ("Boolean", *numbers) and not same:
        yield _other_type(
            table,
            name="TypeMismatch",
            column=target,
            wanted="Boolean" if learned == "Boolean" else "Number",
            told=f"are of another type ({stored.lower()}), and the champion learned "
            f"{'true or false' if learned == 'Boolean' else 'numbers'}; correct the labels",
        )


def _other_type(table: Table, *, column: str, wanted: ColumnType, **fields: Any) -> Probe:
    """Counts the values that do not fit; where each one would (numbers kept as texts), all of them."""
    value, stored = quoted(column), table.columns[column]
    bad = f"{value} IS NOT NULL"
    as_type = {"Integer": "HUGEINT", "Number": "DOUBLE", "Timestamp": "TIMESTAMP", "Boolean": "BOOLEAN"}.get(wanted)
    if stored == "String" and as_type is not None:
        bad = f"({bad} AND TRY_CAST({value} AS {as_type}) IS NULL)"
    elif stored == "Number" and wanted == "Integer":
        bad = f"({bad} AND {value} <> floor({value}))"
    count = f"CASE WHEN count_if({bad}) = 0 THEN count({value}) ELSE count_if({bad}) END"
    return Probe(column=column, count=count, bad=bad, **fields)
