"""`retrain-trainer registry`: what people see of a registry, in a folder and in a bucket."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from retrain_trainer.cli import main

from tests.unit.trainer.registry.builders import NOW, Place, draft, promotion


def _location(place: Place) -> str:
    return place.root if place.kind == "bucket" else str(place.files)


def _fill(place: Place) -> None:
    registry = place.registry()
    for number in range(1, 4):
        model = f"model {number}".encode()
        registry.versions.publish(draft=draft(run=f"run-{number}", model=model), model=model)
        registry.log.append(
            promotion=promotion(number=number, version=number, run=f"run-{number}", previous_version=number - 1 or None)
        )
    registry.retain(keep=1, now=NOW, run="run-3")


@pytest.mark.parametrize("what", ["list", "verify"])
def test_a_whole_registry_is_shown(place: Place, capsys: pytest.CaptureFixture[str], what: str) -> None:
    _fill(place)
    assert main(["registry", what, _location(place)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    lines = told.out.splitlines()
    assert [line.split()[2] for line in lines[:3]] == ["given", "Better", "champion"]
    assert sum(line.startswith("promotion") for line in lines) == 3
    assert ("everything is whole" in lines) == (what == "verify")


def test_damage_is_told_by_file_and_code(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _fill(place)
    (place.files / "versions/2/manifest.json").write_bytes(b"{")
    for blob in (place.files / "blobs/sha256").iterdir():
        if blob.read_bytes() == b"model 3":
            blob.write_bytes(b"model 4")
    assert main(["registry", "verify", _location(place)]) == 65
    told = capsys.readouterr()
    assert "versions/2/manifest.json" in told.err
    assert "ChampionCorrupt" in told.err
    assert "everything is whole" not in told.out


def test_a_promotion_that_is_gone_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _fill(place)
    (place.files / f"promotions/{1:020d}.json").unlink()
    assert main(["registry", "verify", _location(place)]) == 65
    told = capsys.readouterr()
    name = place.store().name_of(f"promotions/{1:020d}.json")
    assert told.err.splitlines() == [f"PromotionDamaged: {name} is missing; restore it from a backup"]
    assert "everything is whole" not in told.out


def test_a_log_that_jumps_far_ahead_is_told_in_a_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _fill(place)
    (place.files / f"promotions/{3:020d}.json").rename(place.files / f"promotions/{10**20 - 1}.json")
    assert main(["registry", "verify", _location(place)]) == 65
    assert f"promotions/{3:020d}.json and every entry up to {10**20 - 2} are missing" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["list", "verify"])
@pytest.mark.parametrize("below", ["", "/nowhere"], ids=["nothing is there yet", "no such folder"])
def test_a_place_without_a_registry_is_named(
    place: Place, capsys: pytest.CaptureFixture[str], what: str, below: str
) -> None:
    place.files.mkdir(parents=True)
    location = _location(place) + below
    assert main(["registry", what, location]) == 66
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"RegistryMissing: {location} holds no registry")
    assert "<registry>/<namespace>/<policy>" in told.err


def test_a_champion_that_its_gate_refused_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    _fill(place)
    registry = place.registry()
    lost = draft(run="lost", model=b"lost")
    registry.versions.publish(draft=replace(lost, gate=replace(lost.gate, verdict="NotBetter")), model=b"lost")
    registry.log.append(promotion=promotion(number=4, version=4, run="lost", previous_version=3))
    assert main(["registry", "list", _location(place)]) == 65
    assert "promotion 4 makes version 4 the champion, which its own run found NotBetter" in capsys.readouterr().err


def test_a_number_that_no_run_finished_is_no_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(kind="directory", files=tmp_path / "default/flights", root=str(tmp_path))
    _fill(place)
    (place.files / "versions/4").mkdir()
    assert main(["registry", "verify", _location(place)]) == 0
    assert "never finished" in capsys.readouterr().out


def test_what_a_killed_writer_left_is_told_and_is_no_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(kind="directory", files=tmp_path / "default/flights", root=str(tmp_path))
    _fill(place)
    left = place.files / "blobs/sha256/.new-0123456789abcdef"
    left.write_bytes(b"half a model")
    os.utime(left, (NOW.timestamp(), NOW.timestamp()))
    (place.files / "blobs/.newest").write_bytes(b"somebody's own")
    assert main(["registry", "verify", _location(place)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-2:] == [
        f"left over   {left}, 12 bytes of 2013-03-01 12:00: its writer was killed; remove it, "
        "unless a run is under way",
        "everything is whole",
    ]
    assert main(["registry", "list", _location(place)]) == 0
    assert "left over" not in capsys.readouterr().out
    assert left.exists()


def test_a_place_that_cannot_be_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", "list", "s3://key:secret@models"]) == 64
    assert "secret" not in capsys.readouterr().err
