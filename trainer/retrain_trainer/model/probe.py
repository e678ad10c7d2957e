"""Run as `python -m retrain_trainer.model.probe`: loads the model on stdin and predicts, in a process that may die.

Status 0: sound. 3: refused, with reason and message as JSON on stdout. Anything else: the model did it.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.features import FeatureSchema
from retrain_trainer.model.persist import check_archive, parse

REFUSED = 3


def probe_rows(*, schema: FeatureSchema, rows: int = 256) -> NDArray[np.float64]:
    """Made-up rows that wander through a model: all missing, all zero, small and large numbers, every sort of code."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(rows, len(schema.matrix_columns))) * 10.0 ** draw.integers(-1, 5, size=(rows, 1))
    for index, is_code in enumerate(schema.categorical_mask):
        if is_code:
            X[:, index] = draw.integers(0, 255, size=rows)
    X[draw.random(X.shape) < 0.1] = np.nan
    X[0], X[1] = np.nan, 0.0
    return X


def probe(model: Pipeline) -> None:
    """Predicts for made-up rows. An exception is an answer too (some models refuse far-off rows)."""
    X = probe_rows(schema=model.steps[0][1].schema)
    calls: list[Any] = [getattr(model, name, None) for name in ("predict", "predict_proba", "decision_function")]
    for call in calls:
        if call is not None:
            try:
                call(X)
            except Exception:  # noqa: S112
                continue


def main() -> int:
    """Reads stdin; argument 1: library versions of the manifest as JSON; 2, if given: those of the file may differ."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    data = sys.stdin.buffer.read()
    try:
        check_archive(data)
        probe(parse(data, versions=json.loads(sys.argv[1]), any_version=len(sys.argv) > 2))
    except RegistryDamaged as error:
        sys.stdout.write(json.dumps({"reason": error.reason, "message": error.message}))
        return REFUSED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
