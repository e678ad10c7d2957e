"""A registry in a bucket: what the server says, what the line loses, and that no credential is ever told."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from retrain_trainer.errors import DataUnavailable, RunError
from retrain_trainer.registry.bucket import BucketStore
from retrain_trainer.registry.registry import Registry
from retrain_trainer.registry.s3 import Patience

from tests.support.s3 import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, environment, free_port
from tests.support.s3_faults import Fault, faulty, overwriting
from tests.unit.trainer.registry.builders import Place, publish_and_promote

#: So that a test of a store that does not answer takes no minute.
HASTY = Patience(connect=0.5, read=0.5, retries=1, total=2)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_trainer.registry.bucket._PAUSES", (0.01, 0.01, 0.01))


def _complaint(store: BucketStore, *, write: bool) -> RunError:
    key = "versions/1/manifest.json"
    use = partial(store.create, key=key, data=b"x") if write else partial(store.read, key=key)
    with pytest.raises(RunError) as caught:
        use()
    told = "".join(traceback.format_exception(caught.value)) + str(vars(caught.value))
    for secret in (ACCESS_KEY, SECRET_KEY, "AKOTHER", "other-secret", "StringToSign"):
        assert secret not in told
    assert len(caught.value.message) < 600
    return caught.value


BAD = {
    "a wrong secret": ({"AWS_SECRET_ACCESS_KEY": "other-secret"}, BUCKET, "RegistryDenied", "SignatureDoesNotMatch"),
    "an unknown key": ({"AWS_ACCESS_KEY_ID": "AKOTHER"}, BUCKET, "RegistryDenied", "s3:PutObject"),
    "no credentials": (
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        BUCKET,
        "CredentialsMissing",
        "spec.job.env",
    ),
    "no such bucket": ({}, "nobody", "BucketMissing", "s3://nobody/team"),
    "another region": ({"AWS_REGION": "eu-west-1"}, BUCKET, "RegistryUnavailable", "set AWS_REGION"),
    "nobody at the endpoint": (
        {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"},
        BUCKET,
        "RegistryUnavailable",
        "did not answer",
    ),
}


@pytest.mark.parametrize("write", [True, False], ids=["writing", "reading"])
@pytest.mark.parametrize(("changes", "bucket", "reason", "text"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_with_what_to_do(
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None],
    bucket: str,
    reason: str,
    text: str,
    write: bool,
) -> None:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    error = _complaint(BucketStore(bucket=bucket, prefix="team", patience=HASTY), write=write)
    # Nobody at the endpoint may be somebody in a minute; the rest is for a person to mend.
    assert (error.reason, error.exit_code) == (reason, 75 if "did not answer" in text else 66)
    assert f"s3://{bucket}/team/" in error.message
    assert text in error.message


def test_plain_http_is_refused_unless_it_is_meant(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(DataUnavailable, match="AWS_ALLOW_HTTP"):
        BucketStore(bucket=BUCKET)


def test_a_store_that_overwrites_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with overwriting() as port:
        for name, value in environment(port=port).items():
            monkeypatch.setenv(name, value)
        store = BucketStore(bucket=BUCKET, prefix="team", patience=HASTY)
        error = _complaint(store, write=True)
        assert (error.reason, error.exit_code) == ("StoreUnsafe", 66)
        assert "conditional writes" in error.message
        assert store.read(key="versions/1/manifest.json") is None


@pytest.fixture
def trouble(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Fault]]:
    """Faults of the next writes, in order; the server is reached through a proxy that makes them happen."""
    faults: list[Fault] = []

    def choose(_number: int, method: str, path: str) -> Fault:
        return faults.pop(0) if faults and method == "PUT" and "create-if-absent" not in path else "none"

    with faulty(upstream=s3.port, choose=choose) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        yield faults


@pytest.mark.parametrize("fault", ["busy", "reply lost", "reply garbled", "silent"])
def test_a_write_whose_answer_was_lost_is_ours_if_we_made_it(
    trouble: list[Fault], bucket_place: Place, tmp_path: Path, fault: Fault
) -> None:
    prefix = bucket_place.root.removeprefix(f"s3://{BUCKET}/")
    store = BucketStore(bucket=BUCKET, prefix=prefix, patience=HASTY)
    trouble.append(fault)
    assert store.create(key="promotions/1.json", data=b"mine")
    assert trouble == []
    # The same bytes by another writer are another's: only the mark of the writer tells.
    trouble.append("busy")
    assert not BucketStore(bucket=BUCKET, prefix=prefix, patience=HASTY).create(key="promotions/1.json", data=b"mine")
    assert store.read(key="promotions/1.json") == b"mine"


def test_a_store_that_stays_busy_is_given_up_after_four_attempts(trouble: list[Fault], bucket_place: Place) -> None:
    prefix = bucket_place.root.removeprefix(f"s3://{BUCKET}/")
    trouble.extend(["busy"] * 5)
    error = _complaint(BucketStore(bucket=BUCKET, prefix=prefix, patience=HASTY), write=True)
    assert (error.reason, error.exit_code) == ("RegistryUnavailable", 75)
    assert "503 SlowDown" in error.message
    assert trouble == ["busy"]


@pytest.mark.parametrize("fault", ["busy", "reply lost", "reply garbled"])
def test_a_whole_run_survives_a_fault_at_each_of_its_writes(
    trouble: list[Fault], bucket_place: Place, fault: Fault
) -> None:
    prefix = bucket_place.root.removeprefix(f"s3://{BUCKET}/")
    registry = Registry(store=BucketStore(bucket=BUCKET, prefix=prefix, patience=HASTY))
    writes = 6  # started, model, number, manifest, promotion, result
    for number in range(writes):
        before: list[Fault] = ["none"] * number
        trouble.extend([*before, fault])
        model = f"model {number}".encode()
        assert publish_and_promote(registry=registry, run=f"run-{number}", model=model)
        assert trouble == []
        champion = registry.champion()
        assert champion is not None
        assert (champion.manifest.version, registry.versions.model(manifest=champion.manifest)) == (number + 1, model)
    assert registry.counters().promotions == writes
