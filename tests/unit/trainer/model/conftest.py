"""One thread per model: the tests fit hundreds of tiny ones, and threads that wait for each other cost seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    import retrain_trainer.model.train  # noqa: F401  # its thread pools must be there to be limited

    with threadpool_limits(limits=1):
        yield
