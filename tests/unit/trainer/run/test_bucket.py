"""Whole runs with the registry in a bucket: the same outcomes, few requests, and no credential anywhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from retrain_trainer import load_champion
from retrain_trainer.errors import EXIT_PASSING, RunError, SpecError
from retrain_trainer.message import encode

from tests.support.s3 import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.support.s3_faults import Fault, faulty
from tests.unit.trainer.run.builders import Site, spec


@pytest.fixture
def uri(s3: S3Server) -> str:
    return f"s3://{BUCKET}/{uuid4().hex}"


def _asked(s3: S3Server, site: Site, uri: str, **changes: Any) -> tuple[dict[str, Any], Counter[str]]:
    before = len(s3.requests())
    body = site.run(spec=spec(registry={"uri": uri}), **changes)
    return body, Counter(s3.requests()[before:])


def test_runs_do_the_same_in_a_bucket_as_on_a_claim(s3: S3Server, uri: str, tmp_path: Path) -> None:
    bodies: dict[str, list[dict[str, Any]]] = {}
    for where in (uri, "pvc://models/kept"):
        site = Site(root=tmp_path / where[:3])
        for days, relation in ((40, "usual"), (30, "reversed")):
            site.add(days=days, relation=relation)  # type: ignore[arg-type]
            bodies.setdefault(where[:3], []).append(site.run(spec=spec(registry={"uri": where})))
    for bucket, claim in zip(bodies["s3:"], bodies["pvc"], strict=True):
        for body in (bucket, claim):
            if body["champion"] is not None:
                del body["champion"]["digest"], body["champion"]["uri"]  # bytes differ from dump to dump
        assert bucket == claim
    assert [body["outcome"] for body in bodies["s3:"]] == ["Promoted", "Promoted"]


def test_the_champion_in_a_bucket_predicts(s3: S3Server, uri: str, tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=40)
    body, _ = _asked(s3, site, uri)
    rows = {"speed": [-2.0, 2.0], "load": [0.0, 0.0], "site": ["A", "B"]}
    assert body["champion"]["uri"] == f"{uri}/team/delays/versions/1"
    for place in (f"{uri}/team/delays", body["champion"]["uri"]):
        assert np.asarray(load_champion(place).predict(rows)).astype(str).tolist() == ["false", "true"]


def test_a_store_that_is_away_before_the_promotion_is_tried_again_and_the_better_version_promoted(
    s3: S3Server, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain_trainer.registry.bucket._PAUSES", (0.01, 0.01, 0.01))
    site, away = Site(root=tmp_path), True
    site.add(days=40)

    def choose(_number: int, method: str, path: str) -> Fault:
        return "busy" if away and method == "PUT" and "/promotions/" in path else "none"

    with faulty(upstream=s3.port, choose=choose) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(RunError) as caught:
            site.run(key="uid-1.slot", spec=spec(registry={"uri": uri}))
        assert (caught.value.reason, caught.value.exit_code) == ("RegistryUnavailable", EXIT_PASSING)
        away = False
        body = site.run(key="uid-1.slot", spec=spec(registry={"uri": uri}))
    assert (body["outcome"], body["champion"]["version"], body["counters"]["trainings"]) == ("Promoted", 1, 1)


def test_a_store_that_is_away_when_a_person_goes_back_is_tried_again_and_nothing_is_refused(
    s3: S3Server, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain_trainer.registry.bucket._PAUSES", (0.01, 0.01, 0.01))
    site, away = Site(root=tmp_path), True
    site.add(days=40)
    for said in ({"action": "check"}, {"action": "train"}, {"action": "approve", "cause": "Request", "request": "2"}):
        body, _ = _asked(s3, site, uri, **said)
    assert body["champion"]["version"] == 2

    def choose(_number: int, method: str, path: str) -> Fault:
        return "busy" if away and method == "GET" and "/blobs/" in path else "none"

    back = {"key": "uid-1.back", "action": "rollback", "cause": "Request", "request": "1"}
    with faulty(upstream=s3.port, choose=choose) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(RunError) as caught:
            site.run(spec=spec(registry={"uri": uri}), **back)
        assert (caught.value.reason, caught.value.exit_code) == ("RegistryUnavailable", EXIT_PASSING)
        away = False
        body = site.run(spec=spec(registry={"uri": uri}), **back)
    assert (body["outcome"], body["champion"]["version"]) == ("RolledBack", 1)


#: What a run asks of the store, whatever it comes to, as long as 1,000 objects hold what a listing looks through.
MAX_PUTS, MAX_GETS, MAX_LISTS = 10, 40, 18


def test_a_run_makes_few_requests_and_history_adds_lists_only(s3: S3Server, uri: str, tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=40)
    told = {}
    for name, action in (("first", "check"), ("trained", "train"), ("kept", "check"), ("again", "check")):
        if name == "trained":
            site.add(days=20)
        _, asked = _asked(s3, site, uri, action=action)
        told[name] = asked
        assert asked["s3_PutObject"] <= MAX_PUTS, told
        assert asked["s3_GetObject"] <= MAX_GETS, told
        assert asked["s3_ListObjectsV2"] <= MAX_LISTS, told
        assert sum(asked.values()) == sum(asked[name] for name in ("s3_PutObject", "s3_GetObject", "s3_ListObjectsV2"))
    # 1,500 runs later: the same, but for the pages of the listings of runs.
    folder = s3.folder / uri.removeprefix(f"s3://{BUCKET}/") / "team/delays/runs"
    kept = max(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for number in range(1500):
        (folder / f"old-{number}").mkdir()
        for name in ("started.json", "result.json"):
            (folder / f"old-{number}" / name).write_bytes((kept / name).read_bytes())
    _, asked = _asked(s3, site, uri)
    more_pages = 3
    assert asked["s3_ListObjectsV2"] <= MAX_LISTS + 3 * more_pages, asked
    assert asked["s3_GetObject"] <= MAX_GETS, asked


def test_what_a_person_says_reads_the_log_besides(s3: S3Server, uri: str, tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=40)
    for action in ("check", "train"):
        _asked(s3, site, uri, action=action)
    body, _ = _asked(s3, site, uri, action="approve", cause="Request", request="2")
    for number in range(10):
        said: dict[str, Any] = {"action": "rollback", "cause": "Request", "request": f"{1 + number % 2}@{number}"}
        body, asked = _asked(s3, site, uri, **said)
        assert body["outcome"] == "RolledBack"
        assert asked["s3_GetObject"] <= MAX_GETS + body["counters"]["promotions"], asked
        assert asked["s3_ListObjectsV2"] <= MAX_LISTS, asked
    assert asked["s3_GetObject"] > body["counters"]["promotions"] > 10


def test_no_credential_is_in_message_progress_or_registry(s3: S3Server, uri: str, tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=40)
    body, _ = _asked(s3, site, uri)
    folder = s3.folder / uri.removeprefix(f"s3://{BUCKET}/")
    told = [encode(body=body), "\n".join(site.lines).encode(), json.dumps(body).encode()]
    told += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(told) > 8
    for text in told:
        assert ACCESS_KEY.encode() not in text
        assert SECRET_KEY.encode() not in text


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKCANARY:canary-secret@models/x",
        "s3://models/x?secret=canary-secret",
        "s3://AKCANARY@models",
        "pvc://user:canary-secret@models/x",
    ],
)
def test_credentials_in_the_uri_are_refused_and_not_repeated(uri: str, tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    with pytest.raises(SpecError, match=r"spec\.registry\.uri") as caught:
        site.run(spec=spec(registry={"uri": uri}))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidURI", 64)
    assert "canary" not in str(caught.value).lower()


@pytest.mark.parametrize(
    "uri",
    ["s3://", "s3://ab", "s3://Models/x", "s3://models/a//b", "s3://models/../x", "s3://models/a b", "gs://models"],
)
def test_a_place_that_cannot_be_is_refused_naming_the_field(uri: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"spec\.registry\.uri") as caught:
        Site(root=tmp_path).run(spec=spec(registry={"uri": uri}))
    assert caught.value.reason == "InvalidURI"
