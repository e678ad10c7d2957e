"""`publish.mlflow` in whole runs: the answer, and what people then load by MLflow's alias."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from retrain_trainer import load_champion
from retrain_trainer.errors import DataUnavailable, SpecError
from retrain_trainer.message import encode
from retrain_trainer.run import failure
from retrain_trainer.spec import MLflowSpec, parse_spec

from tests.support.mlflow import PASSWORD, MLflowServer
from tests.support.s3 import free_port
from tests.unit.trainer.run.builders import Site, spec
from tests.unit.trainer.run.schema import violations


def _published(uri: str, **changes: Any) -> dict[str, Any]:
    return spec(publish={"mlflow": {"trackingURI": uri, **changes}, "configMap": {"name": "champion"}})


def test_a_promotion_and_a_rollback_are_mirrored_and_the_alias_leads_to_a_model(
    mlflow: MLflowServer, tmp_path: Path
) -> None:
    name = f"delays-{uuid4().hex[:12]}"
    published = _published(mlflow.uri, name=name)
    site = Site(root=tmp_path)

    site.add(days=40)
    first = site.run(spec=published)
    site.add(days=30, relation="reversed")
    second = site.run(spec=published)
    again = site.run(spec=published, key=second["run"])  # the pod was lost, and its Job made another
    back = site.run(spec=published, action="rollback", cause="Request", request="1")

    target = MLflowSpec(tracking_uri=mlflow.uri, name=name).target
    for body, version in ((first, 1), (second, 2), (again, 2), (back, 1)):
        assert body["mirror"] == {"target": target, "version": version, "reason": "", "message": ""}, site.lines
        assert violations(json.loads(encode(body=body))) == []
        assert PASSWORD.encode() not in encode(body=body)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in site.registry.rglob("*.json"))
    client = mlflow.client()
    assert len(client.search_model_versions(f"name='{name}'")) == 2
    found = client.get_model_version_by_alias(name, "champion")
    model = load_champion(found.source, mounts={"models": tmp_path / "models"})
    rows = {"speed": [-2.0, 2.0], "load": [0.0, 0.0], "site": ["A", "B"]}
    assert np.asarray(model.predict(rows)).astype(str).tolist() == ["false", "true"]


def test_a_run_that_fails_gives_mlflow_the_champion_all_the_same(mlflow: MLflowServer, tmp_path: Path) -> None:
    name = f"delays-{uuid4().hex[:12]}"
    published = _published(mlflow.uri, name=name)
    site = Site(root=tmp_path)
    site.add(days=40)
    site.run()  # no word of MLflow yet
    for path in (tmp_path / "rows/in").iterdir():
        path.unlink()
    with pytest.raises(DataUnavailable) as caught:
        site.run(spec=published)
    run = site.description(spec=published)
    body = failure(run=run, error=caught.value, now=site.now, say=site.lines.append)
    assert (body["outcome"], body["mirror"]["version"], body["mirror"]["reason"]) == ("Failed", 1, "")
    assert violations(json.loads(encode(body=body))) == []
    assert mlflow.client().get_model_version_by_alias(name, "champion").tags["retrain.dev/version"] == "1"


def test_a_run_whose_mlflow_is_away_keeps_its_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = f"http://127.0.0.1:{free_port()}"
    site = Site(root=tmp_path)
    site.add(days=40)
    body = site.run(spec=_published(uri, name="delays"))
    assert (body["outcome"], body["champion"]["version"]) == ("Promoted", 1)
    assert (body["mirror"]["version"], body["mirror"]["reason"]) == (None, "MLflowUnreachable")
    assert violations(json.loads(encode(body=body))) == []
    assert site.lines[-1] == f"mlflow: MLflowUnreachable: {uri} cannot be reached"


def test_a_run_without_a_mirror_does_not_speak_of_it_and_one_on_a_laptop_s_registry_makes_none(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=2)
    strict = {"minRows": 10**6}
    assert "mirror" not in site.run(spec=spec(validation=strict))
    published = {**_published("http://127.0.0.1:9", name="x"), "validation": strict}
    assert "mirror" not in site.run(spec=published, registry=tmp_path / "mine")
    assert site.lines[-1].startswith("mlflow: nothing is mirrored")


def test_where_a_champion_is_published_is_no_other_spec() -> None:
    assert parse_spec(spec()).digest == parse_spec(_published("http://mlflow", name="x")).digest


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"trackingURI": "http://user:canary@mlflow"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "http://mlflow/?token=canary"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "http://mlflow/#canary"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "sqlite:////canary.db"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "canary"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "http://mlflow/a b"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": "http://mlflow\n"}, "spec.publish.mlflow.trackingURI is not valid"),
        ({"trackingURI": None}, "spec.publish.mlflow.trackingURI"),
        ({"name": None}, "spec.publish.mlflow.name"),
        ({"name": "a'b"}, "spec.publish.mlflow.name"),
        ({"name": "a/b"}, "spec.publish.mlflow.name"),
        ({"name": 129 * "a"}, "spec.publish.mlflow.name"),
        ({"alias": "latest"}, "spec.publish.mlflow.alias"),
        ({"alias": "V12"}, "spec.publish.mlflow.alias"),
        ({"alias": "a b"}, "spec.publish.mlflow.alias"),
        ({"token": "canary"}, "spec.publish.mlflow.token is not a field"),
    ],
    ids=str,
)
def test_a_place_that_cannot_be_is_refused_naming_the_field(changes: dict[str, Any], named: str) -> None:
    section = {"trackingURI": "http://mlflow:5000/base", "name": "delays", **changes}
    with pytest.raises(SpecError) as caught:
        parse_spec(spec(publish={"mlflow": section}))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidSpec", 64)
    assert named in caught.value.message
    assert "canary" not in caught.value.message
