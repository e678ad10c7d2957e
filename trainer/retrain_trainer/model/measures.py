"""Metrics as arithmetic that can leave out one block of rows at a time, which is all the jackknife needs.

Every measure returns its value on all rows and its value without each block, in one call. Sums are kept per block
and subtracted, so means, r2, F1 and their kin cost one pass however many blocks there are; AUC subtracts the pairs in
which the block takes part. Only what has no such form (average precision, medians) is computed again per block.
All values agree with scikit-learn's functions of the same name; where those raise or warn, the value is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.model.prediction import Prediction, labels_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Measure(Protocol):
    """`values(...)[0]` is the value on all rows, `values(...)[1 + g]` the one without block g; NaN where undefined."""

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats: ...


def block_sums(*, rows: Floats, block: Integers, blocks: int) -> Floats:
    """Sums of the columns of `rows` (n, q) per block: shape (blocks, q)."""
    return np.stack([np.bincount(block, weights=column, minlength=blocks) for column in rows.T], axis=1)


def _with_and_without(sums: Floats) -> Floats:
    """(blocks, q) → (1 + blocks, q): the total, then the total without each block."""
    total = sums.sum(axis=0)
    return np.vstack([total, total - sums])


@dataclass(frozen=True, slots=True)
class Additive:
    """A function of column sums: `statistics` gives (rows, q), `value` maps sums (m, q) to values (m,)."""

    statistics: Callable[[NDArray[Any], Prediction], Floats]
    value: Callable[[Floats], Floats]

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        with np.errstate(all="ignore"):
            sums = block_sums(rows=self.statistics(y, prediction), block=block, blocks=blocks)
            return self.value(_with_and_without(sums))


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of `loss` (rows,), passed through `shape` (identity, or the square root for RMSE)."""

    loss: Callable[[NDArray[Any], Prediction], Floats]
    shape: Callable[[Floats], Floats] | None = None

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        with np.errstate(all="ignore"):
            loss = self.loss(y, prediction)
            sums = block_sums(rows=np.column_stack([loss, np.ones_like(loss)]), block=block, blocks=blocks)
            both = _with_and_without(sums)
            means = both[:, 0] / both[:, 1]
            return means if self.shape is None else self.shape(means)


@dataclass(frozen=True, slots=True)
class ByLabel:
    """A function of per-class counts (hits, predicted, true), each (m, classes), over the union of all classes."""

    value: Callable[[Floats, Floats, Floats, tuple[str, ...]], Floats]

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        with np.errstate(all="ignore"):
            return self.value(*self._counts(y=y, prediction=prediction, block=block, blocks=blocks))

    def by_chance(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        """`values` of the same answers dealt out to the rows at random: hits = predicted x true / rows, as expected."""
        with np.errstate(all="ignore"):
            _, predicted, true, classes = self._counts(y=y, prediction=prediction, block=block, blocks=blocks)
            return self.value(predicted * true / true.sum(axis=1, keepdims=True), predicted, true, classes)

    def of_constants(self, *, classes: tuple[str, ...], counts: Integers) -> Floats:
        """The value of answering each class always, on rows with these counts per class: shape (classes,)."""
        true = np.tile(counts.astype(np.float64), (len(counts), 1))
        with np.errstate(all="ignore"):
            return self.value(np.diag(true[0]), np.eye(len(counts)) * true[0].sum(), true, classes)

    def _counts(
        self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int
    ) -> tuple[Floats, Floats, Floats, tuple[str, ...]]:
        classes, codes = np.unique(np.concatenate([y.astype(str), labels_of(prediction)]), return_inverse=True)
        true, guess = codes[: len(y)], codes[len(y) :]
        width = len(classes)

        def counts(of: Integers, rows: NDArray[np.bool_] | slice) -> Floats:
            flat = np.bincount(block[rows] * width + of[rows], minlength=blocks * width)
            return _with_and_without(flat.reshape(blocks, width).astype(np.float64))

        hits, everything = counts(true, true == guess), slice(None)
        return hits, counts(guess, everything), counts(true, everything), tuple(map(str, classes))


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Any function of rows (truth, prediction, rows kept), computed again without each block: O(blocks x rows)."""

    function: Callable[[NDArray[Any], Prediction], Callable[[NDArray[np.bool_]], float]]

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        with np.errstate(all="ignore"):
            value = self.function(y, prediction)
            return np.array([value(np.ones(len(y), dtype=bool)), *(value(block != g) for g in range(blocks))])


def auc_values(*, positive: NDArray[np.bool_], score: Floats, block: Integers, blocks: int) -> Floats:
    """Area under the ROC curve on all rows and without each block, shape (1 + blocks,), exact, ties counted half.

    AUC is the share of (positive, negative) pairs in the right order (the Mann-Whitney statistic). Leaving out a block
    removes the pairs of its positives and those of its negatives; pairs inside the block are then removed twice and are
    added back. Three sorts for all blocks together: O(n log n), not O(blocks x n log n).
    """
    up, down = score[positive], score[~positive]
    up_block, down_block = block[positive], block[~positive]
    of_up = np.bincount(up_block, weights=_beaten(up, np.sort(down)), minlength=blocks)
    of_down = np.bincount(down_block, weights=len(up) - _beaten(down, np.sort(up)), minlength=blocks)
    inside = np.zeros(blocks)
    by_up, by_down = np.lexsort((up, up_block)), np.lexsort((down, down_block))
    edges = np.arange(blocks + 1)
    ups, downs = np.searchsorted(up_block[by_up], edges), np.searchsorted(down_block[by_down], edges)
    for g in range(blocks):
        inside[g] = _beaten(up[by_up[ups[g] : ups[g + 1]]], down[by_down[downs[g] : downs[g + 1]]]).sum()
    wins = np.concatenate([[of_up.sum()], of_up.sum() - of_up - of_down + inside])
    pairs = np.concatenate([[len(up)], len(up) - np.diff(ups)]) * np.concatenate(
        [[len(down)], len(down) - np.diff(downs)]
    )
    with np.errstate(all="ignore"):
        return np.where(pairs > 0, wins / pairs, np.nan)


def _beaten(scores: Floats, ordered: Floats) -> Floats:
    """For each score: how many of `ordered` (ascending) lie below it, ties counted half."""
    return (np.searchsorted(ordered, scores, side="left") + np.searchsorted(ordered, scores, side="right")) / 2


@dataclass(frozen=True, slots=True)
class BinaryAuc:
    """AUC of one class against all others."""

    positive_class: str

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        score = prediction.ranking_of(self.positive_class)
        if not np.isfinite(score).all():
            return np.full(1 + blocks, np.nan)
        return auc_values(positive=y == self.positive_class, score=score, block=block, blocks=blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyClassAuc:
    """Mean AUC over classes against the rest, or over pairs of classes (Hand & Till 2001); classes without rows are
    left out of the mean. `weighted`: by the rows of the class, or of the pair.
    """

    pairs: bool
    weighted: bool

    def values(self, *, y: NDArray[Any], prediction: Prediction, block: Integers, blocks: int) -> Floats:
        classes = [str(label) for label in np.unique(y.astype(str))]
        rows = np.ones(len(y), dtype=bool)
        terms = (
            [(a, (y == a) | (y == b)) for a in classes for b in classes if a != b]
            if self.pairs
            else [(a, rows) for a in classes]
        )
        areas, weights = [], []
        for label, kept in terms:
            positive, score, own = y[kept] == label, prediction.probability_of(label)[kept], block[kept]
            areas.append(auc_values(positive=positive, score=score, block=own, blocks=blocks))
            counted = np.ones(len(own)) if self.pairs else positive.astype(np.float64)
            weights.append(_with_and_without(block_sums(rows=counted[:, None], block=own, blocks=blocks))[:, 0])
        area = np.array(areas)
        weight = np.where(np.isnan(area), 0.0, np.array(weights) if self.weighted else 1.0)
        with np.errstate(all="ignore"):
            return np.asarray((np.nan_to_num(area) * weight).sum(axis=0) / weight.sum(axis=0))
