"""Data is mounted read-only wherever it can be, and a URI reaches nothing but its claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.planning.claims import Location, parse_location, parse_registry, volumes_and_mounts
from retrain_operator.planning.problem import SpecProblem

READ = {
    "a wildcard": (
        "pvc://flights/incoming/*.parquet",
        Location(claim="flights", path="incoming/*.parquet"),
        "incoming",
    ),
    "a file": ("pvc://flights/a/b/c.csv", Location(claim="flights", path="a/b/c.csv"), "a/b"),
    "a wildcard in a folder": ("pvc://flights/2026-*/x/*.csv", Location(claim="flights", path="2026-*/x/*.csv"), ""),
    "the claim alone": ("pvc://models", Location(claim="models", path=""), ""),
    "a slash at the end": ("pvc://models/a/", Location(claim="models", path="a"), ""),
    "dots inside names": ("pvc://my.claim/v1.2/a..b.csv", Location(claim="my.claim", path="v1.2/a..b.csv"), "v1.2"),
}


@pytest.mark.parametrize(("uri", "location", "folder"), READ.values(), ids=READ)
def test_read(uri: str, location: Location, folder: str) -> None:
    assert parse_location(uri=uri, field="f") == location
    assert location.folder == folder


REFUSED = {
    "another scheme": "s3://bucket/x",
    "a host path": "/etc/passwd",
    "nothing": "",
    "no claim": "pvc:///x",
    "a claim in capitals": "pvc://Flights/x",
    "a claim with a line end": "pvc://flights\n/x",
    "credentials": "pvc://user:secret@flights/x",
    "up": "pvc://flights/../other/x",
    "here": "pvc://flights/./x",
    "an empty folder": "pvc://flights/a//b",
    "a backslash": "pvc://flights/a\\b",
    "percent": "pvc://flights/%2e%2e/x",
    "a control character": "pvc://flights/a\x00b",
    "a claim too long": "pvc://" + "x" * 254 + "/y",
}


@pytest.mark.parametrize("uri", REFUSED.values(), ids=REFUSED)
def test_refused_naming_the_field(uri: str) -> None:
    with pytest.raises(SpecProblem) as caught:
        parse_location(uri=uri, field="spec.data.uri")
    assert caught.value.reason == "InvalidURI"
    assert caught.value.message.startswith("spec.data.uri: ")
    assert len(caught.value.message) < 400


ROOT = "/mnt/claims"

MOUNTS = {
    "two claims: data read-only, registry writable": (
        "pvc://flights/incoming/*.parquet",
        "pvc://models",
        [(f"{ROOT}/models", None, False), (f"{ROOT}/flights", None, True)],
    ),
    "one claim: the data folder read-only over it": (
        "pvc://all/incoming/*.parquet",
        "pvc://all/models",
        [(f"{ROOT}/all", None, False), (f"{ROOT}/all/incoming", "incoming", True)],
    ),
    "one claim, the registry at its root": (
        "pvc://all/incoming/*.parquet",
        "pvc://all",
        [(f"{ROOT}/all", None, False), (f"{ROOT}/all/incoming", "incoming", True)],
    ),
    "one claim, the registry inside the data folder": (
        "pvc://all/incoming/*.parquet",
        "pvc://all/incoming/models",
        [(f"{ROOT}/all", None, False)],
    ),
    "one claim, the registry is the data folder": (
        "pvc://all/incoming/*.parquet",
        "pvc://all/incoming",
        [(f"{ROOT}/all", None, False)],
    ),
    "one claim, a name that only begins alike": (
        "pvc://all/in/*.parquet",
        "pvc://all/incoming",
        [(f"{ROOT}/all", None, False), (f"{ROOT}/all/in", "in", True)],
    ),
    "a registry in a bucket: no volume for it": (
        "pvc://flights/incoming/*.parquet",
        "s3://models/team",
        [(f"{ROOT}/flights", None, True)],
    ),
    "one claim, data at its root": ("pvc://all/*.parquet", "pvc://all/models", [(f"{ROOT}/all", None, False)]),
}


@pytest.mark.parametrize(("data", "registry", "mounts"), MOUNTS.values(), ids=MOUNTS)
def test_mounts(data: str, registry: str, mounts: list[tuple[str, str | None, bool]]) -> None:
    volumes, found = volumes_and_mounts(data=parse_location(uri=data, field="d"), registry=parse_registry(uri=registry))
    assert [(one["mountPath"], one.get("subPath"), one.get("readOnly", False)) for one in found] == mounts
    assert {one["name"] for one in found} == {one["name"] for one in volumes}
    claims = [one["persistentVolumeClaim"]["claimName"] for one in volumes]
    assert len(claims) == len(set(claims))


@pytest.mark.parametrize(
    "uri", ["s3://models", "s3://models/", "s3://my.models-1/a/b_c/v1.2", "s3://models/a/"], ids=lambda uri: uri
)
def test_a_registry_in_a_bucket_is_on_no_claim(uri: str) -> None:
    assert parse_registry(uri=uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "s3://",
        "s3://ab",
        "s3://Models",
        "s3://models/../x",
        "s3://models//x",
        "s3://models/a b",
        "s3://models/x?y",
        "gs://x",
    ],
)
def test_a_bucket_that_cannot_be_is_refused(uri: str) -> None:
    with pytest.raises(SpecProblem, match=r"spec\.registry\.uri") as caught:
        parse_registry(uri=uri)
    assert caught.value.reason == "InvalidURI"


@pytest.mark.parametrize("uri", ["s3://AKCANARY:canary@models/x", "pvc://user:canary@models", "s3://canary@models"])
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(SpecProblem, match="credentials") as caught:
        parse_registry(uri=uri)
    assert "canary" not in caught.value.message.lower()


@given(st.one_of(st.text(), st.text().map("pvc://a/".__add__), st.text().map("pvc://".__add__)))
def test_any_text_is_a_place_on_one_claim_or_a_problem(uri: str) -> None:
    try:
        location = parse_location(uri=uri, field="f")
    except SpecProblem:
        return
    assert "/" not in location.claim
    assert not {"", ".", ".."} & set(location.path.split("/")) or location.path == ""
    assert location.path.isprintable()
