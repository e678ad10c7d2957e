"""Do new rows look like those a version was trained on? Effect sizes per feature, never p-values.

At training the edges and counts of each feature are kept with the version; a check only counts new rows into the same
bins, exactly. Approximate quantiles make the edges and decide nothing, since they differ from run to run. On the
flights a KS test is "significant" (p < 0.001) for columns whose PSI is 0.00 to 0.03: with enough rows everything is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.data.table import StoredType, Table, Where, quoted
from retrain_trainer.features import FeatureSchema
from retrain_trainer.learned import FeatureShares, edges_of
from retrain_trainer.spec import DriftStatistic

#: Edges at the deciles (`edges_of`); at most so many categories by name, the rest is "other".
_DECILES: Final = [round(0.1 * step, 1) for step in range(1, 10)]
MAX_CATEGORIES: Final = 20

#: Added to every bin, so that an empty one is no division by zero.
_SMOOTHING: Final = 0.5


def learn_shares(*, table: Table, schema: FeatureSchema, where: Where) -> tuple[FeatureShares, ...]:
    """Edges or categories of each feature but datetimes (which move by themselves), and the rows of `where` in them."""
    drafts = [
        _categories(table=table, name=feature.name, where=where)
        if feature.kind == "categorical"
        else FeatureShares(name=feature.name, edges=(0.5,))
        if feature.kind == "boolean"
        else _edges(table=table, name=feature.name, where=where)
        for feature in schema.features
        if feature.kind != "datetime"
    ]
    return count_shares(table=table, features=drafts, where=where)


def count_shares(*, table: Table, features: Sequence[FeatureShares], where: Where) -> tuple[FeatureShares, ...]:
    """The same bins with the rows of `where` in them; one pass. Features that are no column any more are left out;
    where a column has changed its type, what cannot be read as it was learned is missing.
    """
    there = [feature for feature in features if feature.name in table.columns]
    if not there:
        return ()
    parts, parameters = ["count(*)"], []
    for feature in there:
        value, before = _value(feature, table.columns[feature.name])
        parts.append(f"histogram({value}, ?::DOUBLE[])")
        parameters += [*before, list(_bounds(feature))]
    [(rows, *found)] = table.query(
        f"SELECT {', '.join(parts)} FROM data WHERE {where.sql}",  # noqa: S608 - names are quoted
        [*parameters, *where.parameters],
    )
    return tuple(
        feature.with_counts(counts := _counts(each, _bounds(feature)), missing=int(rows) - sum(counts))
        for feature, each in zip(there, found, strict=True)
    )


def divergence(*, before: FeatureShares, now: FeatureShares, statistic: DriftStatistic) -> float:
    """How far the shares of two samples in the same bins lie apart; 0 where they differ no more than by chance.

    PSI: sum of (p - q) ln(p / q). JS: the Jensen-Shannon distance to base 2, the square root of the divergence, 0 to 1.
    From either the value expected of two samples of one population is taken: for PSI (bins - 1)(1/n + 1/m), the mean of
    its asymptotic chi-squared distribution; the JS divergence is an eighth of PSI to second order (in nats).
    """
    old, new = _shares(before), _shares(now)
    n, m = sum(before.counts), sum(now.counts)
    if n == 0 or m == 0:
        return 0.0
    chance = (len(before.counts) - 1) * (1 / n + 1 / m)
    if statistic == "PSI":
        return max(0.0, float(np.sum((new - old) * np.log(new / old))) - chance)
    middle = (old + new) / 2
    bits = float(np.sum(old * np.log2(old / middle)) + np.sum(new * np.log2(new / middle))) / 2
    return math.sqrt(max(0.0, bits - chance / (8 * math.log(2))))


def _shares(feature: FeatureShares) -> NDArray[np.float64]:
    counts = np.asarray(feature.counts, dtype=np.float64) + _SMOOTHING
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _edges(*, table: Table, name: str, where: Where) -> FeatureShares:
    column = f"CAST({quoted(name)} AS DOUBLE)"
    [(deciles,)] = table.query(
        f"SELECT approx_quantile({column}, {_DECILES}) FILTER (WHERE NOT isnan({column}) AND NOT isinf({column})) "  # noqa: S608
        f"FROM data WHERE {where.sql}",
        where.parameters,
    )
    return FeatureShares(name=name, edges=edges_of(deciles or ()))


def _categories(*, table: Table, name: str, where: Where) -> FeatureShares:
    column = quoted(name)
    rows = table.query(
        f"SELECT CAST({column} AS VARCHAR), count(*) FROM data WHERE ({where.sql}) AND {column} IS NOT NULL "  # noqa: S608
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MAX_CATEGORIES}",
        where.parameters,
    )
    return FeatureShares(name=name, categories=tuple(str(value) for value, _ in rows))


def _value(feature: FeatureShares, stored: StoredType) -> tuple[str, list[object]]:
    """The number that a row is binned by, with its parameters: of a category its place in the list, 0 for others."""
    column = quoted(feature.name)
    if not feature.categories and not feature.edges:  # without a value in training, of whatever kind: there, or missing
        return f"CASE WHEN {column} IS NULL THEN NULL ELSE 0.0::DOUBLE END", []
    if not feature.categories:
        numeric = stored in ("Integer", "Number", "Boolean")
        return f"{column}::DOUBLE" if numeric else f"TRY_CAST(CAST({column} AS VARCHAR) AS DOUBLE)", []
    place = f"coalesce(list_position(?::VARCHAR[], CAST({column} AS VARCHAR)), 0)"
    return f"CASE WHEN {column} IS NULL THEN NULL ELSE {place}::DOUBLE END", [list(feature.categories)]


def _bounds(feature: FeatureShares) -> tuple[float, ...]:
    """Upper ends (inclusive) of all bins but the last."""
    return tuple(place + 0.5 for place in range(len(feature.categories))) if feature.categories else feature.edges


def _counts(found: dict[float, int] | None, bounds: Sequence[float]) -> tuple[int, ...]:
    found = found or {}
    known = [int(found.get(bound, 0)) for bound in bounds]
    return (*known, sum(found.values()) - sum(known))
