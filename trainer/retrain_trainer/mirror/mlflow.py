"""The model registry of an MLflow server, through MLflow's own client, which is imported here and nowhere else.

The package `mlflow-skinny` is in the image `trainer-mlflow` only. Few retries and short timeouts: a server that hangs
must not hold up a run. Raises MirrorProblem.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from retrain_trainer.mirror.versions import Found, Wanted
from retrain_trainer.spec import MLflowSpec

_Answer = TypeVar("_Answer")

#: What MLflow's client reads when it asks; people may set others by spec.job.env. Its own are 120 s and 7 retries.
_ENVIRONMENT: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # The client would tell its makers about each call.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_MAX_WORDS: Final = 120
#: Versions an answer.
_PAGE = 1000
_ADVICE: Final = {
    "UNAUTHENTICATED": "refuses: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
    "by spec.job.env",
    "ENDPOINT_NOT_FOUND": "is no MLflow server: there is no api/2.0/mlflow below it",
}


class MirrorProblem(Exception):
    """Why the mirror is behind. `reason` is a documented CamelCase constant; the run goes on."""

    def __init__(self, *, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A registered model; `aliased`: the number of the version that bears the alias."""

    tags: Mapping[str, str]
    aliased: str | None


class ModelRegistry:
    """One registered model on one server."""

    def __init__(self, *, spec: MLflowSpec) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise MirrorProblem(
                reason="MLflowMissing",
                message="this image has no MLflow client; set spec.job.image to the image trainer-mlflow",
            ) from None
        self._spec = spec
        self._client: Any = MlflowClient(tracking_uri=spec.tracking_uri, registry_uri=spec.tracking_uri)

    def find(self) -> Registered | None:
        """None where there is no such model."""
        model = self._ask(lambda: self._client.get_registered_model(self._spec.name), unless="RESOURCE_DOES_NOT_EXIST")
        if model is None:
            return None
        if model.name != self._spec.name:
            raise self.not_mlflow()
        number = dict(model.aliases).get(self._spec.alias)
        return Registered(tags=dict(model.tags), aliased=None if number is None else str(number))

    def create(self, *, tags: Mapping[str, str], description: str) -> None:
        """Make the registered model; nothing where another run was first."""
        self._ask(
            lambda: self._client.create_registered_model(self._spec.name, tags=dict(tags), description=description),
            unless="RESOURCE_ALREADY_EXISTS",
        )

    def versions(self) -> list[Found]:
        """All its versions."""
        found: list[Found] = []
        token: str | None = None
        while True:
            page = self._ask(
                lambda token=token: self._client.search_model_versions(  # type: ignore[misc]
                    f"name='{self._spec.name}'", max_results=_PAGE, page_token=token
                )
            )
            found += [Found(number=str(each.version), tags=dict(each.tags)) for each in page or ()]
            if not (token := getattr(page, "token", None)):
                return found

    def add(self, wanted: Wanted) -> Found:
        """Register one version. The server does not look at its source."""
        made: Any = self._ask(
            lambda: self._client.create_model_version(
                self._spec.name,
                wanted.source,
                tags=dict(wanted.tags),
                description=wanted.description,
                await_creation_for=0,
            )
        )
        return Found(number=str(made.version), tags=wanted.tags)

    def mark(self, *, number: str, tag: str) -> None:
        """Set a tag of one version to `true`."""
        self._ask(lambda: self._client.set_model_version_tag(self._spec.name, number, tag, "true"))

    def alias(self, *, number: str) -> None:
        """Move the alias."""
        self._ask(lambda: self._client.set_registered_model_alias(self._spec.name, self._spec.alias, number))

    def _ask(self, request: Callable[[], _Answer], *, unless: str | None = None) -> _Answer | None:
        """The answer; None where the server refuses with the code `unless`."""
        from mlflow.exceptions import MlflowException, RestException
        from requests import ConnectionError as NoConnection
        from requests import Timeout

        try:
            return request()
        except MlflowException as error:
            if unless is not None and error.error_code == unless:
                return None
            for cause in _causes(error):
                if isinstance(cause, NoConnection | Timeout):  # the one wraps the other where it was tried again
                    raise self._unreachable(
                        "does not answer in time" if "timed out" in str(cause) else "cannot be reached"
                    ) from None
            if isinstance(error, RestException):
                words = f"refuses: {error.error_code}, {_cut(error.json.get('message'))}"
            elif error.error_code == "INTERNAL_ERROR":
                raise self.not_mlflow() from None
            else:  # the page of another server may hold anything: it is not repeated
                words = f"refuses: {error.error_code}"
            words = _ADVICE.get(error.error_code, words)
            raise MirrorProblem(reason="MLflowRefused", message=f"{self._spec.tracking_uri} {words}") from None

    def not_mlflow(self) -> MirrorProblem:
        """What answers there does not speak as MLflow does."""
        return MirrorProblem(
            reason="MLflowRefused",
            message=f"{self._spec.tracking_uri} gives no answer that MLflow's client understands",
        )

    def _unreachable(self, what: str) -> MirrorProblem:
        return MirrorProblem(reason="MLflowUnreachable", message=f"{self._spec.tracking_uri} {what}")


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _cut(text: object) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= _MAX_WORDS else words[: _MAX_WORDS - 1] + "…"
