"""How labels are shared out among classes or bins, and how far newly delivered ones are from those a champion learned.

The shift is the total variation distance ½ Σ |p − q|: the share of rows that would have to change their label. A small
sample is never quite like the whole, so what chance alone is expected to give, ½ Σ √(2 p (1 − p) / (π n)) for n new
rows (the mean absolute deviation of a binomial share in its normal approximation), is taken off. Numbers are counted
in ten bins, between the deciles of the training rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrain_trainer.data.table import StoredType, Table, Where, quoted
from retrain_trainer.features import MAX_WHOLE
from retrain_trainer.learned import LabelShares, edges_of
from retrain_trainer.spec import Task

#: Fewer newly delivered labels than this tell nothing of their shares.
MIN_NEW_LABELS = 100
_BINS = 10


def label_text(*, value: str, stored: StoredType) -> str:
    """SQL for a label's text. That of a whole number is the integer's: one missing label turns 0 and 1 into 0.0 and 1.0
    in most data frames, and they are the same classes.
    """
    text = f"CAST({value} AS VARCHAR)"
    if stored != "Number":
        return text
    return f"CASE WHEN {is_whole(value=value)} THEN CAST(TRY_CAST({value} AS BIGINT) AS VARCHAR) ELSE {text} END"


def is_whole(*, value: str) -> str:
    """SQL: is a number whole, and is it told from its neighbours?"""
    return f"({value} = floor({value}) AND abs({value}) <= {MAX_WHOLE})"


def label_shift(*, before: Sequence[int], after: Sequence[int]) -> float:
    """From 0 (the same shares) to 1, from counts of the same classes or bins in the same order; neither is all zero."""
    whole, new = sum(before), sum(after)
    shares = [count / whole for count in before]
    distance = sum(abs(count / new - share) for count, share in zip(after, shares, strict=True)) / 2
    chance = sum(math.sqrt(2 * share * (1 - share) / (math.pi * new)) for share in shares) / 2
    return max(0.0, distance - chance)


def learn_labels(*, table: Table, target: str, task: Task, where: Where) -> LabelShares:
    """The shares among the labelled rows of `where`."""
    value = quoted(target)
    if task == "Classification":
        text = label_text(value=value, stored=table.columns[target])
        rows = table.query(
            f"SELECT {text}, count(*) FROM data WHERE ({where.sql}) AND {value} IS NOT NULL "  # noqa: S608
            "GROUP BY 1 ORDER BY 1",
            where.parameters,
        )
        return LabelShares(classes=tuple(str(name) for name, _ in rows), counts=tuple(int(count) for _, count in rows))
    deciles = [tenth / _BINS for tenth in range(1, _BINS)]
    [(found,)] = table.query(
        f"SELECT approx_quantile(CAST({value} AS DOUBLE), {deciles}) FROM data WHERE {where.sql}",  # noqa: S608
        where.parameters,
    )
    # Approximate quantiles differ from run to run: they make the edges, and rows are counted exactly.
    edges = edges_of(found or ())
    return LabelShares(edges=edges, counts=binned(table=table, target=target, edges=edges, where=where))


def binned(*, table: Table, target: str, edges: Sequence[float], where: Where) -> tuple[int, ...]:
    """Labelled rows of `where` in each bin; an edge belongs to the bin below it."""
    value = quoted(target)
    below = [f"count_if({value} <= ?)" for _ in edges]
    [counts] = table.query(
        f"SELECT {', '.join([*below, f'count({value})'])} FROM data WHERE {where.sql}",  # noqa: S608 - names are quoted
        [*edges, *where.parameters],
    )
    return tuple(int(upper) - int(lower) for lower, upper in zip((0, *counts), counts, strict=False))
