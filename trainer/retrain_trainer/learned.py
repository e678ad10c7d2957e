"""What a version's training rows were like, as far as later data are held against it: part of its manifest.

Where a spec gives no rules, these are the rules: a column that had values and has none, a type that changed, a class
that nobody has seen, classes whose shares are others than they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from retrain_trainer.features import FeatureSchema, whole_texts


def edges_of(deciles: Sequence[float]) -> tuple[float, ...]:
    """Upper ends of all bins but the last. A value that several deciles share has a bin of its own: else what lies
    below it would be counted with it, and nobody would see all rows of it fall.
    """
    ordered = sorted(float(decile) for decile in deciles)
    repeated = {low for low, high in pairwise(ordered) if low == high}
    return tuple(sorted({*ordered, *(math.nextafter(value, -math.inf) for value in repeated)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShares:
    """Labelled training rows by class, or, for numbers, by bin.

    classes: names, empty for numbers. edges: upper ends (inclusive) of all bins but the last. counts: rows of each
    class or bin; there is one bin more than edges.
    """

    counts: tuple[int, ...]
    classes: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShares:
    """Training rows by bin of one feature: `edges` are upper ends (inclusive) of all bins but the last, or `categories`
    have a bin each after that of "other". counts: rows of each bin; the last are those without a value.
    """

    name: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    def with_counts(self, counts: tuple[int, ...], *, missing: int) -> FeatureShares:
        """The same bins with other rows in them."""
        return replace(self, counts=(*counts, missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """columns: the stored type of each feature and of the target. empty: features without any value even then.
    features: for drift; none in versions of before.
    """

    columns: Mapping[str, str]
    empty: tuple[str, ...]
    labels: LabelShares
    features: tuple[FeatureShares, ...] = ()

    @staticmethod
    def from_json(value: Mapping[str, Any] | None) -> Learned | None:
        """What `dataclasses.asdict` made of it. KeyError, TypeError or ValueError for anything else."""
        if value is None:
            return None
        labels = value["labels"]
        return Learned(
            columns=dict(value["columns"]),
            empty=tuple(value["empty"]),
            labels=LabelShares(
                counts=tuple(int(count) for count in labels["counts"]),
                classes=tuple(str(name) for name in labels["classes"]),
                edges=tuple(float(edge) for edge in labels["edges"]),
            ),
            features=tuple(
                FeatureShares(
                    name=str(item["name"]),
                    edges=tuple(float(edge) for edge in item["edges"]),
                    categories=tuple(str(name) for name in item["categories"]),
                    counts=tuple(int(count) for count in item["counts"]),
                )
                for item in value.get("features", ())
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The champion as new data are held against it: only while its spec is the present one, which may else have given a
    column up. since: rows later than this are newly delivered; None: nobody can tell.
    """

    schema: FeatureSchema
    classes: tuple[str, ...]
    learned: Learned | None
    since: datetime | None

    def of_numbers(self) -> Reference:
        """For labels that are numbers now: a champion of before may know 1 as `1.0`."""
        return replace(self, classes=whole_texts(self.classes))
