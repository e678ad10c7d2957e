"""Every test of the registry that takes a `place` runs in a folder and in a bucket of a real S3 server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.s3 import BUCKET, S3Server
from tests.unit.trainer.registry.builders import Place


@pytest.fixture
def bucket_place(s3: S3Server) -> Place:
    """A prefix of its own in the bucket."""
    prefix = f"{uuid4().hex}/default/flights"
    return Place(kind="bucket", files=s3.folder / prefix, root=f"s3://{BUCKET}/{prefix}")


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A registry in each kind of store."""
    if request.param == "bucket":
        found: Place = request.getfixturevalue("bucket_place")
        return found
    return Place(kind="directory", files=tmp_path / "default/flights", root=str(tmp_path))
