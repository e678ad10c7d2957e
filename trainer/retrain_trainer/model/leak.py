"""Does a score look too good? A column that is only known afterwards makes a model that is perfect until it is used.

Two signs, both cheap and neither a proof: one column alone tells the target almost perfectly on the holdout, or the
model makes less than half of the errors that the best version before it made. Either way a person is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from retrain_trainer.features import FeatureSchema, Samples
from retrain_trainer.model.evaluate import predict
from retrain_trainer.model.metrics import Metric, resolve_metric
from retrain_trainer.spec import Task

#: A column that alone has this AUC (or r2) is suspicious.
SUSPICIOUS_ALONE = 0.99
#: So is a model that removes more than this share of the error that was left.
SUSPICIOUS_GAIN = 0.5
#: Rows of training and of holdout that are looked at.
MAX_ROWS = 20_000
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What one matrix column tells alone, on rows it was not learned from."""

    column: str
    metric: str
    score: float


def most_telling(*, schema: FeatureSchema, training: Samples, holdout: Samples, task: Task) -> Telling | None:
    """The column from which a small decision tree predicts best; None where nothing can be told (one class only).

    A tree, so that codes of categories and relations that are not monotone are seen too. The score is AUC (its mean
    over classes where there are more than two), or r2.
    """
    train, judge = _some(training), _some(holdout)
    classes = tuple(str(label) for label in np.unique(train.y.astype(str))) if task == "Classification" else ()
    if task == "Classification" and (len(classes) < 2 or len(np.unique(judge.y.astype(str))) < 2):
        return None
    name = "r2" if task == "Regression" else "roc_auc" if len(classes) == 2 else "roc_auc_ovr"
    metric = resolve_metric(
        name=name, task=task, positive_class=classes[1] if len(classes) == 2 else None, classes=classes
    )
    # Trees work in 32 bits, and refuse what does not fit.
    seen, asked = (np.clip(rows.X, -_LARGEST, _LARGEST) for rows in (train, judge))
    best: Telling | None = None
    y = train.y.astype(str) if task == "Classification" else train.y.astype(np.float64)
    for index, column in enumerate(schema.matrix_columns):
        tree = DecisionTreeClassifier if task == "Classification" else DecisionTreeRegressor
        model = tree(max_leaf_nodes=64, min_samples_leaf=10, random_state=0).fit(seen[:, [index]], y)
        score = metric.score(y=judge.y, prediction=predict(model=model, X=asked[:, [index]], task=task))
        if np.isfinite(score) and (best is None or score > best.score):
            best = Telling(column=column, metric=name, score=score)
    return best


def suspicion(*, telling: Telling | None, metric: Metric, challenger: float, best_before: float | None) -> str:
    """Why the challenger's score looks too good; an empty text if it does not.

    best_before: the better one of the champion's score on this holdout and its score when it was promoted, in the same
    metric; None without a champion.
    """
    if telling is not None and telling.score >= SUSPICIOUS_ALONE:
        return (
            f"column {telling.column[:60]!r} alone has {telling.metric} {telling.score:.4g} on the holdout; is it "
            "known before the target is?"
        )
    if best_before is None:
        return ""
    perfect = 0.0 if not metric.greater_is_better or metric.sign < 0 else 1.0
    left, gained = abs(perfect - best_before), abs(perfect - best_before) - abs(perfect - challenger)
    if gained > SUSPICIOUS_GAIN * left:
        most = "" if telling is None else f" ({telling.column[:60]!r} tells most)"
        return (
            f"{metric.name} {challenger:.4g} after {best_before:.4g} removes {gained / left:.0%} of the error that was "
            f"left{most}; is a column known only afterwards?"
        )
    return ""


def better_of(*, metric: Metric, scores: list[float | None]) -> float | None:
    """The best of some scores; None where there is none."""
    known = [score for score in scores if score is not None and np.isfinite(score)]
    if not known:
        return None
    return max(known) if metric.greater_is_better else min(known)


def _some(samples: Samples) -> Samples:
    if samples.rows <= MAX_ROWS:
        return samples
    rows = np.sort(np.random.default_rng(0).choice(samples.rows, MAX_ROWS, replace=False))
    return Samples(X=samples.X[rows], y=samples.y[rows], unit=samples.unit[rows], kind=samples.kind)
