"""Settings of a bucket that obstore would panic at: named with what to write instead, and no secret is told."""

from __future__ import annotations

import pytest
from retrain_trainer.errors import DataUnavailable
from retrain_trainer.registry.aws import unusable
from retrain_trainer.registry.bucket import BucketStore

SET = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}

NO_ENDPOINTS = {
    "no scheme": "minio:9000",
    "no host": "https://",
    "a port alone": "https://:9000",
    "words": "not a url",
    "another scheme": "ftp://minio:9000",
    "no scheme but slashes": "//minio:9000",
    "a path alone": "https:///models",
    "a space in the host": "https://mi nio:9000",
    "a space behind": "https://minio:9000 ",
    "the end of a line": "https://minio:9000\n",
    "an umlaut": "https://mínio:9000",
    "a port too high": "https://minio:99999",
    "a port that is none": "https://minio:http",
    "a colon without a port": "https://minio:",
    "half an address": "https://[::1",
    "an IPv6 address that is none": "https://[::g]:9000",
    "an IPv4 address that is none": "https://256.1.1.1:9000",
    "a query": "https://minio:9000?region=x",
}


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"])
@pytest.mark.parametrize("value", NO_ENDPOINTS.values(), ids=NO_ENDPOINTS)
def test_what_is_no_endpoint_is_refused_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for variable, text in (SET | {name: value}).items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(DataUnavailable) as refused:
        BucketStore(bucket="models", prefix="team").read(key="salt.json")
    assert (refused.value.reason, refused.value.exit_code) == ("RegistryUnavailable", 66)
    assert refused.value.message.startswith(f"s3://models/team: {name}: ")
    assert "write https://<host>[:<port>]" in refused.value.message


@pytest.mark.parametrize(
    "value",
    [
        "https://minio:9000",
        "https://s3.eu-central-1.amazonaws.com",
        "HTTPS://minio.storage.svc:9000/",
        "https://minio_1:9000/base/path",
        "https://127.0.0.1:9000",
        "https://[::1]:9000",
        "",
    ],
)
def test_what_is_one_is_taken(value: str) -> None:
    assert unusable(SET | {"AWS_ENDPOINT_URL": value}) is None


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"])
@pytest.mark.parametrize("value", ["canary\n", "can ary", "cánary", "canary\r\n"])
def test_what_no_header_may_hold_is_refused_and_not_told(name: str, value: str) -> None:
    told = unusable(SET | {name: value})
    assert told is not None
    assert told.startswith(f"{name} holds a space, the end of a line")
    assert value.strip() not in told


def test_a_password_in_an_endpoint_is_not_told() -> None:
    told = unusable(SET | {"AWS_ENDPOINT_URL": "https://user:canary@minio:9000"})
    assert told is not None
    assert "canary" not in told
