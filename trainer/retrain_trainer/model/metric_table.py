"""Every metric name there is, what it is computed by and what it needs; and the names that are refused, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrain_trainer.model import formulas as f
from retrain_trainer.model.measures import Additive, BinaryAuc, ByLabel, ManyClassAuc, Mean, Measure, Recomputed
from retrain_trainer.spec import Task

Needs = Literal["labels", "probabilities", "values"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the tables below. `make`: the measure, or for metrics about one class the measure of a class."""

    make: Measure | Callable[[str], Measure]
    needs: Needs
    rankable: bool = False
    constant: Literal["mean", "median"] = "mean"
    error: bool = False


_PARTS: tuple[f.Part, ...] = ("precision", "recall", "f1", "jaccard")
_AVERAGES: tuple[f.Average, ...] = ("macro", "micro", "weighted")


def _of_class(part: f.Part) -> Callable[[str], Measure]:
    return lambda label: ByLabel(f.of_class(part, label))


CLASSIFICATION: dict[str, Entry] = {
    "accuracy": Entry(Mean(f.hit), "labels"),
    "balanced_accuracy": Entry(ByLabel(f.balanced_accuracy), "labels"),
    "matthews_corrcoef": Entry(ByLabel(f.matthews), "labels"),
    **{part: Entry(_of_class(part), "labels") for part in _PARTS},
    **{
        f"{part}_{average}": Entry(ByLabel(f.averaged(part, average)), "labels")
        for part in _PARTS
        for average in _AVERAGES
    },
    "roc_auc": Entry(BinaryAuc, "probabilities", rankable=True),
    "roc_auc_ovr": Entry(ManyClassAuc(pairs=False, weighted=False), "probabilities"),
    "roc_auc_ovr_weighted": Entry(ManyClassAuc(pairs=False, weighted=True), "probabilities"),
    "roc_auc_ovo": Entry(ManyClassAuc(pairs=True, weighted=False), "probabilities"),
    "roc_auc_ovo_weighted": Entry(ManyClassAuc(pairs=True, weighted=True), "probabilities"),
    "average_precision": Entry(
        lambda label: Recomputed(f.average_precision(label)),
        "probabilities",
        rankable=True,
    ),
    "log_loss": Entry(Mean(f.log_loss), "probabilities", error=True),
    "brier_score": Entry(Mean(f.half_squared_probability_error), "probabilities", error=True),
    "d2_log_loss_score": Entry(Additive(f.with_class_counts(f.log_loss), f.d2_log_loss), "probabilities"),
    "d2_brier_score": Entry(Additive(f.with_class_counts(f.squared_probability_error), f.d2_brier), "probabilities"),
    "top_k_accuracy": Entry(Mean(f.in_top_two), "probabilities"),
}

REGRESSION: dict[str, Entry] = {
    "r2": Entry(Additive(f.moments, f.r2), "values"),
    "explained_variance": Entry(Additive(f.moments, f.explained_variance), "values"),
    "d2_absolute_error_score": Entry(Recomputed(f.d2_absolute_error), "values", constant="median"),
    "mean_absolute_error": Entry(Mean(f.absolute_error), "values", constant="median", error=True),
    "mean_absolute_percentage_error": Entry(Mean(f.absolute_percentage_error), "values", constant="median", error=True),
    "median_absolute_error": Entry(Recomputed(f.median_absolute_error), "values", constant="median", error=True),
    "mean_squared_error": Entry(Mean(f.squared_error), "values", error=True),
    "root_mean_squared_error": Entry(Mean(f.squared_error, np.sqrt), "values", error=True),
    "mean_squared_log_error": Entry(Mean(f.squared_log_error), "values", error=True),
    "root_mean_squared_log_error": Entry(Mean(f.squared_log_error, np.sqrt), "values", error=True),
    "mean_poisson_deviance": Entry(Mean(f.poisson_deviance), "values", error=True),
    "mean_gamma_deviance": Entry(Mean(f.gamma_deviance), "values", error=True),
}

_CLUSTERING = "compares clusterings, which have no right answer per row; use balanced_accuracy or roc_auc"
_SAMPLES = "is for rows with several labels at once; use the _macro or _weighted form"
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        (
            "adjusted_mutual_info_score",
            "adjusted_rand_score",
            "completeness_score",
            "fowlkes_mallows_score",
            "homogeneity_score",
            "mutual_info_score",
            "normalized_mutual_info_score",
            "rand_score",
            "v_measure_score",
        ),
        _CLUSTERING,
    ),
    **dict.fromkeys((f"{part}_samples" for part in _PARTS), _SAMPLES),
    **dict.fromkeys(
        ("positive_likelihood_ratio", "negative_likelihood_ratio", "neg_negative_likelihood_ratio"),
        "is undefined for a model that gives one answer, so no model can be shown to beat that; use balanced_accuracy",
    ),
    **dict.fromkeys(
        ("max_error", "neg_max_error"),
        "is decided by one single row, so no interval tells luck from skill; use mean_absolute_error",
    ),
}

TABLES: dict[Task, dict[str, Entry]] = {"Classification": CLASSIFICATION, "Regression": REGRESSION}
