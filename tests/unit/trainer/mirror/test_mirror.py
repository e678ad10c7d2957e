"""The mirror against a real MLflow server with passwords: what stands there after a run, as its own client tells."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest
from retrain_trainer.mirror import mirror as mirror_module
from retrain_trainer.mirror.level import answered
from retrain_trainer.mirror.mirror import in_a_process
from retrain_trainer.mirror.order import Answer, Order
from retrain_trainer.mirror.versions import DIGEST, POLICY
from retrain_trainer.registry.bucket import BucketStore
from retrain_trainer.registry.registry import Registry
from retrain_trainer.spec import MLflowSpec

from tests.support.mlflow import PASSWORD
from tests.support.s3 import BUCKET, S3Server, free_port
from tests.unit.trainer.mirror.conftest import Shelf


def test_without_a_champion_mlflow_is_not_even_asked(shelf: Shelf) -> None:
    shelf.publish(promote=False)
    before = len(shelf.server.requests())
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "")
    assert len(shelf.server.requests()) == before


def test_a_champion_stands_with_its_numbers_and_its_place(shelf: Shelf) -> None:
    shelf.publish()
    assert shelf.level().version == 1
    found = shelf.server.client().get_model_version_by_alias(shelf.spec.name, "champion")
    manifest = shelf.registry.versions.manifest(version=1)
    assert found.source == "pvc://models/team/delays/versions/1"
    assert found.status == "READY"
    assert {name.removeprefix("retrain.dev/"): value for name, value in found.tags.items()} == {
        "policy": "team/delays",
        "version": "1",
        "digest": manifest.model_digest,
        "run": "run-1",
        "trigger": "NoChampion",
        "task": "Classification",
        "metric": "roc_auc",
        "score": "0.7",
        "trained-rows": "1000",
    }
    assert "roc_auc 0.7" in found.description


def test_each_champion_gets_a_version_and_a_rollback_moves_the_alias_alone(shelf: Shelf) -> None:
    shelf.publish()
    shelf.level()
    shelf.publish(promote=False)  # a loser: models:/…/latest must not be a rejected model
    shelf.level()
    shelf.publish()
    assert shelf.level().version == 3
    assert (shelf.stands(), shelf.champion()) == ([("1", 1), ("2", 3)], 3)
    shelf.promote(1)
    assert shelf.level().version == 1
    assert (shelf.stands(), shelf.champion()) == ([("1", 1), ("2", 3)], 1)


def test_the_ordinary_run_makes_two_requests_and_no_write(shelf: Shelf) -> None:
    shelf.publish()
    shelf.level()
    before = len(shelf.server.requests())
    assert shelf.level().version == 1
    assert shelf.server.requests()[before:] == ["GET registered-models/get", "GET model-versions/search"]
    assert shelf.lines == []


def test_what_was_missed_is_made_up_for_in_order(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    there, away = shelf.spec, replace(shelf.spec, tracking_uri=f"http://127.0.0.1:{free_port()}")
    shelf.spec = away
    for _ in range(3):
        shelf.publish()
        facts = shelf.level()
        assert (facts.version, facts.reason) == (None, "MLflowUnreachable")
        assert facts.message == f"{away.tracking_uri} cannot be reached"
    shelf.promote(2)
    shelf.spec = there
    assert shelf.level().version == 2
    assert (shelf.stands(), shelf.champion()) == ([("1", 1), ("2", 2), ("3", 3)], 2)


def test_of_a_long_history_the_newest_promotions_are_mirrored(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "MAX_PROMOTIONS", 2)
    for _ in range(4):
        shelf.publish()
    shelf.level()
    assert shelf.stands() == [("1", 3), ("2", 4)]


def test_more_versions_than_a_page_holds_are_found(shelf: Shelf) -> None:
    shelf.ask = lambda order: answered(replace(order, page=2))
    for _ in range(5):
        shelf.publish()
    for _ in range(2):
        shelf.level()
        assert [version for _, version in shelf.stands()] == [1, 2, 3, 4, 5]


def test_what_people_do_in_mlflow_is_put_right(shelf: Shelf) -> None:
    for _ in range(2):
        shelf.publish()
    shelf.level()
    client, name = shelf.server.client(), shelf.spec.name
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "mine", "1")
    shelf.level()
    assert shelf.champion() == 2
    client.delete_registered_model_alias(name, "champion")
    shelf.level()
    assert shelf.champion() == 2
    client.delete_model_version(name, "2")
    shelf.level()
    assert (shelf.stands(), shelf.champion()) == ([("1", 1), ("3", 2)], 2)
    assert client.get_model_version_by_alias(name, "mine").version == "1"
    client.delete_registered_model(name)
    shelf.level()
    assert (len(shelf.stands()), shelf.champion()) == (2, 2)


def test_of_two_that_were_made_at_once_the_lower_number_is_taken(shelf: Shelf) -> None:
    shelf.publish()
    shelf.level()
    client, name = shelf.server.client(), shelf.spec.name
    tags = dict(client.get_model_version(name, "1").tags)
    client.create_model_version(name, client.get_model_version(name, "1").source, tags=tags, await_creation_for=0)
    client.set_registered_model_alias(name, "champion", "2")
    shelf.level()
    assert len(shelf.stands()) == 2
    assert client.get_model_version_by_alias(name, "champion").version == "1"


def test_another_model_under_the_same_number_is_no_version_of_ours(shelf: Shelf) -> None:
    """Two clusters with a policy of the same name, or a registry that was begun anew."""
    shelf.publish()
    shelf.level()
    client, name = shelf.server.client(), shelf.spec.name
    client.set_model_version_tag(name, "1", DIGEST, "sha256:" + 64 * "0")
    shelf.level()
    assert client.get_model_version_by_alias(name, "champion").version == "2"


def test_a_registered_model_of_somebody_else_is_left_alone(shelf: Shelf) -> None:
    shelf.publish()
    client, name = shelf.server.client(), shelf.spec.name
    client.create_registered_model(name)
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "NameConflict")
    assert name in facts.message
    assert "nobody's" in facts.message
    client.set_registered_model_tag(name, POLICY, "other/policy")
    assert "another's" in shelf.level().message
    assert shelf.stands() == []
    assert client.get_registered_model(name).aliases == {}
    # As the message says.
    client.set_registered_model_tag(name, POLICY, "team/delays")
    assert shelf.level().version == 1


def test_versions_whose_models_are_given_up_are_not_made(shelf: Shelf) -> None:
    shelf.publish()
    shelf.level()
    for _ in range(4):
        shelf.publish()
    shelf.give_up()
    shelf.level()
    assert [version for _, version in shelf.stands()] == [1, 4, 5]


def test_a_wrong_password_is_told_and_not_shown(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.publish()
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name)
    for password in (None, f"wrong-{PASSWORD}"):
        if password:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "retrain")
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        facts = shelf.level()
        assert (facts.version, facts.reason) == (None, "MLflowRefused")
        assert "set MLFLOW_TRACKING_TOKEN" in facts.message
        assert PASSWORD not in facts.message + "".join(shelf.lines)


def test_a_user_who_may_only_read_is_told_in_the_servers_words(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.publish()
    shelf.level()
    shelf.server.add_user(name="reader", password="a-long-password-0")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a-long-password-0")
    shelf.publish()
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowRefused")
    assert "PERMISSION_DENIED" in facts.message


def test_a_server_that_never_answers_does_not_hold_up_a_run(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.publish()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        shelf.spec = replace(shelf.spec, tracking_uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowUnreachable")
    assert "does not answer in time" in facts.message


def test_an_answer_that_trickles_in_does_not_hold_up_a_run(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "BUDGET", 4.0)
    shelf.ask = in_a_process
    shelf.publish()
    with _answering(200, b"{" + 100_000 * b" ", pause=0.05) as uri:
        shelf.spec = replace(shelf.spec, tracking_uri=uri)
        facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowUnreachable")
    assert facts.message == f"{uri} is too slow: it took more than 4 s"


class _Page(BaseHTTPRequestHandler):
    """Answers everything with one page, whole or a byte at a time."""

    status, body, pause = 200, b"", 0.0
    over: threading.Event
    more: Mapping[str, str]

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        for name, value in self.more.items():
            self.send_header(name, value)
        self.end_headers()
        if not self.pause:
            with suppress(ConnectionError):
                self.wfile.write(self.body)
            return
        for byte in self.body:
            with suppress(ConnectionError):
                self.wfile.write(bytes([byte]))
            if self.over.wait(self.pause):
                return

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def _answering(
    status: int, body: bytes, *, pause: float = 0.0, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    over = threading.Event()
    given = {"status": status, "body": body, "pause": pause, "over": over, "more": headers}
    handler = type("Handler", (_Page,), given)
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "status, body, told",
    [
        (200, b"<html>canary</html>", "gives no answer that MLflow's client understands"),
        (200, b"", "gives no answer that MLflow's client understands"),
        (200, b"[1, 2]", "gives no answer that MLflow's client understands"),
        (200, b'{"registered_model": {"name": 3, "canary": true}}', "client gives up (ParseError)"),
        (404, b"canary", "is no MLflow server"),
        (403, b"canary", "refuses: PERMISSION_DENIED"),
        (400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no such\\nthing"}', "no such thing"),
        (418, b"canary", "no answer that"),
        (301, b"canary", "redirects"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "PASSWORD\\u001b[31m has no rights"}', "… [31m has no"),
        (403, b'{"error_code": "CANARY\\nforged", "message": "canary"}', "no answer that"),
    ],
)
def test_what_is_no_mlflow_is_told_in_our_words(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, told: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.publish()
    with _answering(status, body.replace(b"PASSWORD", PASSWORD.encode())) as uri:
        shelf.spec = replace(shelf.spec, tracking_uri=uri)
        facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowRefused"), facts
    assert told in facts.message
    assert "canary" not in (facts.message + "".join(shelf.lines)).lower()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_is_not_well_is_no_wrong_one(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    shelf.publish()
    with _answering(status, b"", headers={"Retry-After": "86400"}) as uri:
        shelf.spec = replace(shelf.spec, tracking_uri=uri)
        facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowUnreachable"), facts
    assert "answers with errors" in facts.message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MLFLOW_TRACKING_TOKEN", "canary\n", "MLFLOW_TRACKING_TOKEN of spec.job.env has a character"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "10s", "MLFLOW_… variables of spec.job.env"),
    ],
)
def test_a_variable_that_cannot_be_is_told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    for each in shelf.server.environment:
        monkeypatch.delenv(each)
    monkeypatch.setenv(name, value)
    shelf.publish()
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowRefused"), facts
    assert told in facts.message
    assert "canary" not in facts.message


def test_a_server_whose_pages_have_no_end_is_left(shelf: Shelf) -> None:
    shelf.publish()
    model = {"registered_model": {"name": shelf.spec.name, "tags": [{"key": POLICY, "value": "team/delays"}]}}
    page = {"next_page_token": "again", "model_versions": []}
    with _answering(200, json.dumps({**model, **page}).encode()) as uri:
        shelf.spec = replace(shelf.spec, tracking_uri=uri)
        facts = shelf.level()
    assert (facts.reason, facts.message) == ("MLflowRefused", f"{uri} gives no answer that MLflow's client understands")


def test_a_server_that_sends_too_much_costs_its_process_alone(shelf: Shelf) -> None:
    shelf.ask = in_a_process
    shelf.publish()
    with _answering(200, b'{"registered_model": {"name": "' + 300 * 2**20 * b"x" + b'"}}') as uri:
        shelf.spec = replace(shelf.spec, tracking_uri=uri)
        facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowRefused"), facts
    assert "sends more than can be read" in facts.message


def test_a_process_that_dies_is_told(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _instead_of_mlflow("import os; os._exit(3)", shelf, monkeypatch, tmp_path)
    shelf.publish()
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowRefused")
    assert "ended without an answer" in facts.message


def test_a_rollback_that_looked_before_the_alias_was_moved_is_not_lost(shelf: Shelf) -> None:
    """This run is about to give version 2 the alias when another makes 1 the champion, and sees that 1 bears it."""
    shelf.publish()
    shelf.level()
    shelf.publish()

    def overtaken(order: Order) -> Answer:
        shelf.promote(1)
        shelf.ask = answered
        return answered(order)

    shelf.ask = overtaken
    facts = shelf.level(ask=lambda order: shelf.ask(order))
    assert (facts.version, shelf.champion()) == (1, 1)


def test_history_that_is_refused_does_not_keep_the_alias_back(shelf: Shelf) -> None:
    shelf.publish()
    shelf.publish()

    def refuses_the_first(order: Order) -> Answer:
        first, *rest = order.wanted
        too_long = {**first.tags, "retrain.dev/run": 200_000 * "x"}  # more than MLflow takes
        return answered(replace(order, wanted=(replace(first, tags=too_long), *rest)))

    shelf.ask = refuses_the_first
    facts = shelf.level()
    assert (facts.reason, shelf.champion()) == ("MLflowRefused", 2)
    shelf.ask = answered
    assert shelf.level().version == 2
    assert [version for _, version in shelf.stands()] == [2, 1]


def test_a_registry_that_was_moved_makes_versions_with_the_new_place(shelf: Shelf) -> None:
    shelf.publish()
    shelf.level()
    facts = shelf.level(source=lambda version: f"s3://models/{version}")
    found = shelf.server.client().get_model_version_by_alias(shelf.spec.name, "champion")
    assert (facts.version, found.version, found.source) == (1, "2", "s3://models/1")


def test_an_earlier_promotion_that_is_damaged_does_not_keep_the_champion_back(shelf: Shelf, tmp_path: Path) -> None:
    for _ in range(3):
        shelf.publish()
    first = next(tmp_path.rglob("promotions/*1.json"))
    first.chmod(0o644)
    first.write_text("{")
    assert shelf.level().version == 3
    assert [version for _, version in shelf.stands()] == [2, 3]


def _instead_of_mlflow(code: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The process of the mirror imports this."""
    (folder / "mlflow.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.pathsep.join(sys.path)}")
    shelf.ask = in_a_process


def test_an_image_without_the_client_says_which_one_has_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _instead_of_mlflow("raise ImportError", shelf, monkeypatch, tmp_path)
    shelf.publish()
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "MLflowMissing")
    assert "trainer-mlflow" in facts.message


def test_a_damaged_registry_is_told_and_nothing_is_written(shelf: Shelf, tmp_path: Path) -> None:
    shelf.publish()
    next(tmp_path.rglob("manifest.json")).write_text("{")
    facts = shelf.level()
    assert (facts.version, facts.reason) == (None, "ManifestDamaged")
    assert shelf.stands() == []


def _told(shelf: Shelf) -> tuple[int | None, str]:
    facts = shelf.level()
    return facts.version, facts.message


def test_two_runs_at_once_end_with_one_alias_on_the_champion(shelf: Shelf) -> None:
    shelf.ask = in_a_process
    for _ in range(3):
        shelf.publish()
    facts: list[tuple[int | None, str]] = []
    threads = [threading.Thread(target=lambda: facts.append(_told(shelf))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert facts == 2 * [(3, "")]
    assert {version for _, version in shelf.stands()} == {1, 2, 3}
    shelf.level()
    number = shelf.server.client().get_model_version_by_alias(shelf.spec.name, "champion").version
    assert number == str(min(int(number) for number, version in shelf.stands() if version == 3))


def test_other_names_and_aliases_are_other_targets() -> None:
    base = MLflowSpec(tracking_uri="http://mlflow", name="a")
    others = (replace(base, tracking_uri="http://other"), replace(base, name="b"), replace(base, alias="live"))
    assert len({each.target for each in (base, *others)}) == 4


def test_a_mirror_reads_little_of_a_registry_in_a_bucket(shelf: Shelf, s3: S3Server) -> None:
    """What docs/registry.md says: at most 20 reads and 3 listings, however long the history is."""
    shelf.registry = Registry(store=BucketStore(bucket=BUCKET, prefix=f"mirror/{shelf.spec.name}"))
    for _ in range(14):
        shelf.publish()
    before = len(s3.requests())
    assert shelf.level(ask=lambda _: Answer()).version == 14
    asked = Counter(s3.requests()[before:])
    assert 10 < asked["s3_GetObject"] <= 20, asked
    assert asked["s3_ListObjectsV2"] <= 3, asked
    assert set(asked) == {"s3_GetObject", "s3_ListObjectsV2"}
