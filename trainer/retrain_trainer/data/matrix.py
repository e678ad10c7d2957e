"""Which columns a model sees, learned from training rows; and rows as a matrix, coded in SQL as RowEncoder does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.data.labels import label_text
from retrain_trainer.data.names import listed
from retrain_trainer.data.profile import ColumnProfile, Profile, feature_candidates
from retrain_trainer.data.table import StoredType, Table, Where, quoted
from retrain_trainer.features import (
    MAX_CATEGORIES,
    NULL_TEXTS,
    Exclusion,
    Feature,
    FeatureKind,
    FeatureSchema,
    Samples,
    UnitKind,
)
from retrain_trainer.spec import PolicySpec, Task

#: A text column with more distinct values than this, and more than half as many as rows, names rows: an identifier.
IDENTIFIER_DISTINCT = 50
IDENTIFIER_FRACTION = 0.5
#: Texts longer than this on average are prose.
FREE_TEXT_LENGTH = 50

_KINDS: dict[StoredType, FeatureKind] = {
    "Integer": "numeric",
    "Number": "numeric",
    "Boolean": "boolean",
    "String": "categorical",
    "Timestamp": "datetime",
}


def learn_schema(*, table: Table, profile: Profile, spec: PolicySpec, where: Where) -> FeatureSchema:
    """Features and their categories from the rows of `where` (training rows only: a holdout must teach nothing).

    Columns that spec.model.features.include names are taken as they are; others are left out, with the reason, when
    they identify rows, hold prose, are constant, or are of a type no model here can read.
    """
    features, excluded = [], []
    model = spec.model
    for name in table.columns:
        if name == model.target:
            excluded.append(Exclusion(name=name, reason="Target"))
        elif name == spec.data.time_column and name not in model.include:
            excluded.append(Exclusion(name=name, reason="TimeColumn"))
        elif name == spec.data.holdout.group_column and name not in model.include:
            excluded.append(Exclusion(name=name, reason="GroupColumn"))
        elif name in model.exclude or (model.include and name not in model.include):
            excluded.append(Exclusion(name=name, reason="Excluded"))
    for name in feature_candidates(table=table, spec=spec):
        column = profile.columns[name]
        reason = _unfit(column=column, rows=profile.rows, named=name in model.include)
        if reason is not None:
            excluded.append(Exclusion(name=name, reason=reason))
            continue
        kind = _KINDS[column.type]
        categories = _categories(table=table, name=name, where=where) if kind == "categorical" else ()
        features.append(Feature(name=name, kind=kind, categories=categories))
    return FeatureSchema(features=tuple(features), excluded=tuple(excluded))


def _unfit(*, column: ColumnProfile, rows: int, named: bool) -> str | None:
    if column.type not in _KINDS:
        return "UnusableType"
    if named:
        return None
    if column.distinct < 1 or (column.distinct == 1 and not column.nulls):
        return "Constant"
    if column.type == "String":
        if column.mean_length > FREE_TEXT_LENGTH:
            return "FreeText"
        present = rows - column.nulls
        if column.distinct > IDENTIFIER_DISTINCT and column.distinct > IDENTIFIER_FRACTION * present:
            return "Identifier"
    return None


def _categories(*, table: Table, name: str, where: Where) -> tuple[str, ...]:
    """The most frequent values, sorted by name; whatever else comes is coded as `other`."""
    column = quoted(name)
    rows = table.query(
        f"SELECT {column} AS value, count(*) AS times FROM data "  # noqa: S608 - names are quoted
        f"WHERE ({where.sql}) AND {column} IS NOT NULL GROUP BY 1 "
        f"ORDER BY 2 DESC, 1 LIMIT {MAX_CATEGORIES}",
        where.parameters,
    )
    return tuple(sorted(str(value) for value, _ in rows))


def read_samples(
    *,
    table: Table,
    schema: FeatureSchema,
    target: str,
    task: Task,
    time_column: str | None,
    where: Where,
    group_column: str | None = None,
) -> Samples:
    """The rows of `where` in matrix form, oldest first; without a time column shuffled by what they hold, so that the
    order of the files means nothing.
    """
    parts: list[str] = []
    parameters: list[object] = []
    names = schema.matrix_columns
    for feature in schema.features:
        expressions, values = _coded(feature)
        parts += expressions
        parameters += values
    kind: UnitKind = "group" if group_column is not None else "row" if time_column is None else "day"
    unit = {
        "group": f"dense_rank() OVER (ORDER BY md5(coalesce(CAST(data.{quoted(group_column or '')} AS VARCHAR), '')))",
        "day": f"CAST(data.{quoted(time_column or '')} AS DATE) - DATE '1970-01-01'",
        "row": "0",
    }[kind]
    columns = [f"{sql} AS c{index}" for index, sql in enumerate(parts)]
    value = quoted(target)
    label = f"CAST({value} AS DOUBLE)"
    if task == "Classification":
        label = label_text(value=value, stored=table.columns[target])
    sql = (
        f"SELECT {', '.join([*columns, f'{label} AS y', f'CAST({unit} AS BIGINT) AS unit'])} "  # noqa: S608
        f"FROM data WHERE {where.sql} ORDER BY {row_order(table=table, time_column=time_column)}"
    )
    arrays = table.arrays(sql, [*parameters, *where.parameters])
    rows = len(arrays["y"])
    matrix = np.empty((rows, len(names)), dtype=np.float64)
    for index in range(len(names)):
        matrix[:, index] = _filled(arrays[f"c{index}"])
    labels = np.ma.getdata(arrays["y"])
    y = np.asarray(labels, dtype=object) if task == "Classification" else _filled(arrays["y"])
    units = np.arange(rows) if kind == "row" else np.asarray(np.ma.getdata(arrays["unit"]))
    return Samples(X=matrix, y=y, unit=units.astype(np.int64), kind=kind)


def read_texts(*, table: Table, column: str, time_column: str | None, where: Where) -> NDArray[np.object_]:
    """The values of one column as text, in the order of `read_samples`; None where missing."""
    sql = (
        f"SELECT CAST(data.{quoted(column)} AS VARCHAR) AS v FROM data WHERE {where.sql} "  # noqa: S608
        f"ORDER BY {row_order(table=table, time_column=time_column)}"
    )
    values = np.ma.asarray(table.arrays(sql, where.parameters)["v"])
    texts = np.array(np.ma.getdata(values), dtype=object)
    texts[np.ma.getmaskarray(values)] = None
    return texts


def row_order(*, table: Table, time_column: str | None) -> str:
    """By time, then as the rows were read; else by a hash of the whole row. Rows that tie there are equal, so every
    reading has the same order. Where a column is called rowid, nobody else is.
    """
    hidden = any(name.casefold() == "rowid" for name in table.columns)
    if time_column is not None and not hidden:
        return f"data.{quoted(time_column)}, rowid"
    values = ", ".join(f"coalesce(CAST(data.{quoted(name)} AS VARCHAR), '')" for name in sorted(table.columns))
    order = f"md5(concat_ws(chr(31), 'order', {values}))"
    return order if time_column is None else f"data.{quoted(time_column)}, {order}"


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nulls as NaN: the data under a mask are arbitrary."""
    filled: NDArray[np.float64] = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return filled


def _coded(feature: Feature) -> tuple[list[str], list[object]]:
    column = quoted(feature.name)
    if feature.kind == "categorical":
        text, known = f"CAST({column} AS VARCHAR)", list(feature.categories)
        code = f"list_position(CAST(? AS VARCHAR[]), {text}) - 1"
        other = f"CASE WHEN NOT list_contains({listed(NULL_TEXTS)}, {text}) THEN {float(len(known))} END"
        return [f"CASE WHEN {column} IS NOT NULL THEN CAST(coalesce({code}, {other}) AS DOUBLE) END"], [known]
    if feature.kind == "datetime":
        parts = (f"month({column})", f"isodow({column})", f"hour({column})")
        return [f"CAST({part} AS DOUBLE)" for part in parts], []
    return [f"CAST({column} AS DOUBLE)"], []
