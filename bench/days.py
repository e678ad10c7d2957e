"""How much does one day resemble the next? Measured on real flights: `python -m bench.days`.

The gate's confidence holds for days whose differences (challenger minus champion) do not resemble each other. Here
pairs of models are compared month by month, and the lag correlations of the daily contributions to the difference are
pooled over months. Two sorts of pairs: the same training months with other parameters (no true difference is expected),
and training months one month apart (the usual retraining).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from retrain_trainer.data.matrix import learn_schema, read_samples
from retrain_trainer.data.profile import profile_table
from retrain_trainer.data.source import open_source
from retrain_trainer.data.table import Table, Where, open_table
from retrain_trainer.features import FeatureSchema, Samples
from retrain_trainer.model.evaluate import predict
from retrain_trainer.model.metrics import resolve_metric
from retrain_trainer.model.prediction import Prediction
from retrain_trainer.model.train import train
from retrain_trainer.spec import DataSpec, ModelSpec, PolicySpec, RegistrySpec

from examples.flights.months import TARGET, flights_by_month

METRICS = ("log_loss", "accuracy", "roc_auc")
LAGS = (1, 2, 3, 7)
SPEC = PolicySpec(
    data=DataSpec(uri="pvc://flights/*.csv", time_column="time_hour"),
    model=ModelSpec(target=TARGET, exclude=("flight",), parameters={"max_iter": 50}),
    registry=RegistrySpec(uri="pvc://models"),
)
OTHER = ModelSpec(
    target=TARGET, exclude=("flight",), parameters={"max_iter": 80, "learning_rate": 0.05, "max_leaf_nodes": 15}
)


def months(*, first: int, last: int) -> Where:
    """Rows of some months of 2013."""
    start, end = datetime(2013, first, 1), datetime(2013 + (last == 12), last % 12 + 1, 1)  # noqa: DTZ001 - the table's
    return Where(sql='"time_hour" >= ? AND "time_hour" < ?', parameters=(start, end))


def contributions(*, name: str, samples: Samples, one: Prediction, other: Prediction) -> NDArray[np.float64]:
    """What each day adds to the difference, oldest first: the difference minus the difference without the day."""
    metric = resolve_metric(name=name, task="Classification", positive_class=None, classes=one.classes)
    days, block = np.unique(samples.unit, return_inverse=True)
    a, b = (metric.values(y=samples.y, prediction=each, block=block, blocks=len(days)) for each in (one, other))
    difference: NDArray[np.float64] = a - b
    without: NDArray[np.float64] = difference[1:]
    return np.asarray(difference[0] - without, dtype=np.float64)


def correlation(values: NDArray[np.float64], lag: int) -> float:
    """Lag correlation about the mean, corrected for the small number of days (Kendall's first-order bias)."""
    centred, n = values - values.mean(), len(values)
    raw = float(np.sum(centred[lag:] * centred[:-lag]) / np.sum(centred**2))
    return (raw + 1 / n) / (1 - 4 / n) if lag == 1 else raw + 1 / n


def measured(table: Table) -> Iterator[tuple[str, int, str, NDArray[np.float64]]]:
    """(sort of pair, month, metric, contributions of its days)."""
    profile = profile_table(table=table, spec=SPEC, now=datetime(2014, 1, 2, tzinfo=UTC))

    def read(schema: FeatureSchema, where: Where) -> Samples:
        return read_samples(
            table=table, schema=schema, target=TARGET, task="Classification", time_column="time_hour", where=where
        )

    def model(first: int, spec: ModelSpec) -> tuple[FeatureSchema, Any]:
        where = months(first=first, last=first + 1)
        schema = learn_schema(table=table, profile=profile, spec=SPEC, where=where)
        return schema, train(spec=spec, task="Classification", schema=schema, samples=read(schema, where)).pipeline

    models = {first: model(first, SPEC.model) for first in range(1, 11)}
    for month in range(3, 13):
        newer = models[month - 2]
        pairs: Mapping[str, Any] = {"other parameters": model(month - 2, OTHER)}
        if month > 3:
            pairs = {**pairs, "a month older": models[month - 3]}
        for sort, older in pairs.items():
            answers = []
            for schema, pipeline in (newer, older):
                samples = read(schema, months(first=month, last=month))
                answers.append(predict(model=pipeline, X=samples.X, task="Classification"))
            for metric in METRICS:
                yield sort, month, metric, contributions(name=metric, samples=samples, one=answers[0], other=answers[1])


def main() -> None:
    """Prints the table and writes bench/results/days.json."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "flights").mkdir()
        (root / "scratch").mkdir()
        for month, text in flights_by_month().items():
            (root / f"flights/{month:02d}.csv").write_text(text)
        source = open_source(uri=SPEC.data.uri, claims={}, default=root)
        with open_table(source=source, memory_limit_bytes=None, threads=2, scratch=root / "scratch") as table:
            found = list(measured(table))
    report = []
    print(f"{'pair':<18}{'metric':<10}" + "".join(f"{f'lag {lag}':>16}" for lag in LAGS) + f"{'months':>8}")
    for sort in ("other parameters", "a month older"):
        for metric in METRICS:
            series = [values for kind, _, name, values in found if (kind, name) == (sort, metric)]
            cells = []
            for lag in LAGS:
                each = np.array([correlation(values, lag) for values in series])
                cells.append((float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))))
            report.append(
                {
                    "pair": sort,
                    "metric": metric,
                    "months": len(series),
                    "lags": dict(zip(LAGS, cells, strict=True)),
                    "contributions": [v.tolist() for v in series],
                }
            )
            print(
                f"{sort:<18}{metric:<10}"
                + "".join(f"{mean:>9.2f} ±{error:.2f}" for mean, error in cells)
                + f"{len(series):>8}"
            )
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "days.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
