"""Real servers: S3 for registries in a bucket, MLflow for mirrors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mlflow import MLflowServer, mlflow_server
from tests.support.s3 import S3Server, s3_server


@pytest.fixture(scope="session")
def s3_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests; each has a prefix of its own."""
    with s3_server(folder=tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_session: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with the environment set for it."""
    for name, value in s3_session.environment.items():
        monkeypatch.setenv(name, value)
    return s3_session


@pytest.fixture(scope="session")
def mlflow_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    """One server for all tests; each has a registered model of its own."""
    with mlflow_server(folder=tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def mlflow(mlflow_session: MLflowServer, monkeypatch: pytest.MonkeyPatch) -> MLflowServer:
    """The server, with the environment set for it."""
    for name, value in mlflow_session.environment.items():
        monkeypatch.setenv(name, value)
    return mlflow_session
