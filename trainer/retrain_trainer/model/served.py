"""The pipeline as those who serve it get it: for no rows it has no answers, where scikit-learn has an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from retrain_trainer.model.encoder import RowEncoder


def _has(method: str) -> Any:
    """Is the method there only where the estimator has it, as in scikit-learn?"""
    return available_if(lambda self: hasattr(self.steps[-1][1], method))


class ServedPipeline(Pipeline):  # type: ignore[misc]  # scikit-learn has no types
    """The same steps; an empty list or frame is answered with an empty array of the shape that other rows have."""

    @staticmethod
    def of(model: Pipeline) -> ServedPipeline:
        """A model that was loaded, to be served."""
        return ServedPipeline(model.steps)

    def predict(self, X: Any, **parameters: Any) -> NDArray[Any]:
        """Labels or values, shape (rows,)."""
        rows, some = self._rows(X)
        if some:
            return np.asarray(super().predict(rows, **parameters))
        return np.empty(0, dtype=self.classes_.dtype if hasattr(self, "classes_") else np.float64)

    @_has("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, **parameters: Any) -> NDArray[np.float64]:
        """Probabilities, shape (rows, classes)."""
        rows, some = self._rows(X)
        if some:
            return np.asarray(super().predict_proba(rows, **parameters))
        return np.empty((0, len(self.classes_)))

    @_has("predict_log_proba")  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any, **parameters: Any) -> NDArray[np.float64]:
        """Their logarithms, shape (rows, classes)."""
        rows, some = self._rows(X)
        if some:
            return np.asarray(super().predict_log_proba(rows, **parameters))
        return np.empty((0, len(self.classes_)))

    @_has("decision_function")  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any, **parameters: Any) -> NDArray[np.float64]:
        """Margins, shape (rows,) for two classes, else (rows, classes)."""
        rows, some = self._rows(X)
        if some:
            return np.asarray(super().decision_function(rows, **parameters))
        return np.empty(0 if len(self.classes_) == 2 else (0, len(self.classes_)))

    def _rows(self, X: Any) -> tuple[Any, bool]:
        """Rows as the encoder codes them (a matrix passes it once more unchanged), and whether there are any.

        A part of the pipeline, which does not begin with the encoder, answers as in scikit-learn.
        """
        encoder = self.steps[0][1]
        if not isinstance(encoder, RowEncoder):
            return X, True
        matrix = np.asarray(encoder.transform(X))
        return matrix, len(matrix) > 0
