"""`spec.publish`: of the places where a champion is named, the one that a run itself writes to."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from retrain_trainer.errors import SpecError
from retrain_trainer.spec.reading import Reader

_URI = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
#: MLflow means its own versions by these.
_TAKEN = re.compile(r"latest|v[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MLflowSpec:
    """A registered model on an MLflow server, and the alias that names the champion among its versions."""

    tracking_uri: str
    name: str
    alias: str = "champion"

    @property
    def target(self) -> str:
        """Twelve hex digits that stand for all three, in the answer of a run (docs/contract.md)."""
        return hashlib.sha256(f"{self.tracking_uri}\n{self.name}\n{self.alias}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSpec:
    """What a run publishes itself; ConfigMaps and InferenceServices are the operator's."""

    mlflow: MLflowSpec | None = None


def read_publish(reader: Reader) -> PublishSpec:
    """Raises SpecError naming the field. A URI is not repeated: what is wrong with it may be a password in it."""
    mlflow = _mlflow(reader.section("mlflow")) if reader.has("mlflow") else None
    reader.finish(ignore=("configMap", "inferenceService"))
    return PublishSpec(mlflow=mlflow)


def _mlflow(reader: Reader) -> MLflowSpec:
    uri, name = reader.required_text("trackingURI"), reader.required_text("name")
    alias = reader.text("alias") or "champion"
    reader.finish()
    if not _URI.fullmatch(uri):
        raise _invalid(
            f"{reader.path}.trackingURI is not valid; write http(s)://<host>[:<port>][/<path>] without user, password "
            "or query, and set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, by spec.job.env"
        )
    if not _NAME.fullmatch(name):
        raise _invalid(f"{reader.path}.name: {name[:60]!r} is not valid; write letters, digits, '.', '_' and '-'")
    if not _ALIAS.fullmatch(alias) or _TAKEN.fullmatch(alias):
        raise _invalid(
            f"{reader.path}.alias: {alias[:60]!r} is not valid; write letters, digits, '_' and '-', and neither latest "
            "nor v1, which MLflow keeps for itself"
        )
    return MLflowSpec(tracking_uri=uri, name=name, alias=alias)


def _invalid(message: str) -> SpecError:
    return SpecError(reason="InvalidSpec", message=message)
