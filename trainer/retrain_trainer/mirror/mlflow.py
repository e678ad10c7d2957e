"""The model registry of an MLflow server, through MLflow's own client, which is imported here and nowhere else.

The package `mlflow-skinny` is in the image `trainer-mlflow` only. Raises MirrorProblem; whatever else its client raises
is the caller's to catch.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from retrain_trainer.mirror.versions import DIGEST, VERSION, Found, Wanted
from retrain_trainer.spec import MLflowSpec

_Answer = TypeVar("_Answer")

_RETRIES: Final = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"

#: What MLflow's client reads when it asks; people may set others by spec.job.env. Its own are 120 s and 7 retries.
_ENVIRONMENT: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    _RETRIES: "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # It would wait for as long as a server says, up to six hours.
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    # A POST that is redirected becomes a GET, and credentials would go to the first server too.
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    # The client would tell its makers about each call.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_SECRETS: Final = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_USERNAME")
_MAX_WORDS: Final = 120
#: Versions that are looked through at the most.
_MAX_VERSIONS: Final = 20_000
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
    aliased: int | None


class ModelRegistry:
    """One registered model on one server; `page`: versions an answer."""

    def __init__(self, *, spec: MLflowSpec, page: int) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise MirrorProblem(
                reason="MLflowMissing",
                message="this image has no MLflow client; set spec.job.image to the image trainer-mlflow",
            ) from None
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # it repeats what servers say
        self._spec = spec
        self._page = page
        self._client: Any = MlflowClient(tracking_uri=spec.tracking_uri, registry_uri=spec.tracking_uri)

    def find(self) -> Registered | None:
        """None where there is no such model."""
        model = self._ask(lambda: self._client.get_registered_model(self._spec.name), unless="RESOURCE_DOES_NOT_EXIST")
        if model is None:
            return None
        if model.name != self._spec.name:
            raise self._strange()
        number = dict(model.aliases).get(self._spec.alias)
        return Registered(tags=dict(model.tags), aliased=None if number is None else int(number))

    def create(self, *, tags: Mapping[str, str], description: str) -> None:
        """Make the registered model; nothing where another run was first."""
        self._ask(
            lambda: self._client.create_registered_model(self._spec.name, tags=dict(tags), description=description),
            unless="RESOURCE_ALREADY_EXISTS",
        )

    def versions(self) -> list[Found]:
        """All its versions."""
        found: list[Found] = []
        token, seen = None, set()
        while True:
            page = self._ask(
                lambda token=token: self._client.search_model_versions(  # type: ignore[misc]
                    f"name='{self._spec.name}'", max_results=self._page, page_token=token
                )
            )
            found += [_found(each) for each in page or ()]
            token = getattr(page, "token", None)
            if not token:
                return found
            if token in seen or len(found) > _MAX_VERSIONS:
                raise self._strange()
            seen.add(token)

    def add(self, wanted: Wanted) -> int:
        """Register one version; its number. The server does not look at its source.

        It is not tried again by the client: that would make a second one where only the answer was lost.
        """

        def create() -> Any:
            return self._client.create_model_version(
                self._spec.name,
                wanted.source,
                tags=dict(wanted.tags),
                description=wanted.description,
                await_creation_for=0,
            )

        with _once():
            made: Any = self._ask(create)
        return int(made.version)

    def alias(self, *, number: int) -> None:
        """Move the alias."""
        self._ask(lambda: self._client.set_registered_model_alias(self._spec.name, self._spec.alias, str(number)))

    def _ask(self, request: Callable[[], _Answer], *, unless: str | None = None) -> _Answer | None:
        """The answer; None where the server refuses with the code `unless`."""
        from mlflow.exceptions import MlflowException, RestException

        try:
            return request()
        except MlflowException as error:
            if unless is not None and error.error_code == unless:
                return None
            self._raise_for_connection(error)
            if isinstance(error, RestException) and error.error_code == error.json.get("error_code"):
                words = f"refuses: {error.error_code}, {_shown(error.json.get('message'))}"
            elif error.error_code == "INTERNAL_ERROR":
                raise self._strange() from None
            else:  # the page of another server may hold anything: it is not repeated
                words = f"refuses: {error.error_code}"
            words = _ADVICE.get(error.error_code, words)
            raise MirrorProblem(reason="MLflowRefused", message=f"{self._spec.tracking_uri} {words}") from None

    def _raise_for_connection(self, error: Exception) -> None:
        """Where no answer came, or none of an MLflow that is well."""
        from requests import ConnectionError as NoConnection
        from requests import Timeout
        from requests.exceptions import InvalidHeader, RetryError

        if re.search(r"error code 3\d\d\b", str(error)):
            raise MirrorProblem(
                reason="MLflowRefused",
                message=f"{self._spec.tracking_uri} redirects; write the URI that it redirects to",
            ) from None
        for cause in _causes(error):
            if isinstance(cause, InvalidHeader):
                raise MirrorProblem(
                    reason="MLflowRefused",
                    message="MLFLOW_TRACKING_TOKEN of spec.job.env has a character that no header may have, perhaps a "
                    "newline at its end",
                ) from None
            if isinstance(cause, MemoryError):
                raise MirrorProblem(
                    reason="MLflowRefused", message=f"{self._spec.tracking_uri} sends more than can be read"
                ) from None
            if isinstance(cause, RetryError):
                raise self._unreachable("answers with errors (5xx or 429)") from None
            if isinstance(cause, NoConnection | Timeout):  # the one wraps the other where it was tried again
                late = "timed out" in str(cause)
                raise self._unreachable("does not answer in time" if late else "cannot be reached") from None

    def _strange(self) -> MirrorProblem:
        return MirrorProblem(
            reason="MLflowRefused",
            message=f"{self._spec.tracking_uri} gives no answer that MLflow's client understands",
        )

    def _unreachable(self, what: str) -> MirrorProblem:
        return MirrorProblem(reason="MLflowUnreachable", message=f"{self._spec.tracking_uri} {what}")


def _found(version: Any) -> Found:
    tags = version.tags
    return Found(
        number=int(version.version),
        version=tags.get(VERSION),
        digest=tags.get(DIGEST),
        source=str(version.source),
    )


@contextmanager
def _once() -> Iterator[None]:
    """Without retries of the client."""
    before = os.environ.get(_RETRIES)
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_RETRIES]
        else:
            os.environ[_RETRIES] = before


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _shown(text: object) -> str:
    """Words of a server, without credentials that it might repeat, and short."""
    words = " ".join(str(text).split())
    for secret in filter(None, map(os.environ.get, _SECRETS)):
        words = words.replace(secret, "…")
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    return words if len(words) <= _MAX_WORDS else words[: _MAX_WORDS - 1] + "…"
