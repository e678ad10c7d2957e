"""A whole back-test, on rows whose relation turns round at a known day."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from retrain_trainer.backtest.backtest import Asked, Found, back_test
from retrain_trainer.backtest.document import document, text
from retrain_trainer.backtest.progress import Shown
from retrain_trainer.backtest.report import report
from retrain_trainer.backtest.settings import combinations, read_settings
from retrain_trainer.cli import main

from tests.unit.trainer.run import schema
from tests.unit.trainer.run.builders import ROWS_A_DAY, START, Site, rows, spec, write_csv

SCHEMA = json.loads((Path(__file__).parents[4] / "docs/backtest.schema.json").read_text())
DAY = timedelta(days=1)
#: The relation turns on this day; checks come every six days from day 30.
TURN, DAYS, BEGIN, EVERY = 42, 84, 30, 6
Policy = dict[str, Any]


def policy(**changes: Any) -> Policy:
    """A policy that follows a turn within two weeks."""
    data = {
        "uri": "pvc://rows/in/*.csv",
        "timeColumn": "time",
        "window": "14d",
        "holdout": {"window": "6d", "minRows": 300},
    }
    model = {"target": "late", "parameters": {"max_iter": 5}}
    triggers = {"newRows": {"enabled": False}}  # the turn is to be found by the score
    return spec(data={**data, **changes.pop("data", {})}, model=model, triggers=triggers, **changes)


def replayed(site: Site, *, of: Policy | None = None, scratch: Path, **asked: Any) -> Found:
    scratch.mkdir()
    run = site.description(spec=of or policy(), scratch=scratch)
    asked = {"every": EVERY * DAY, "begin": START + BEGIN * DAY, **asked}
    return back_test(run=run, asked=Asked(**asked), now=site.now, begun=Shown(stream=io.StringIO()).of)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(root=tmp_path_factory.mktemp("site"))
    made.add(days=TURN)
    made.add(days=DAYS - TURN, relation="reversed")
    return made


@pytest.fixture(scope="module")
def found(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return replayed(site, scratch=tmp_path_factory.mktemp("found") / "scratch")


def test_the_policy_finds_the_turn_and_never_does_not(found: Found) -> None:
    last = found.rows[-1].marks
    assert last.never < 0.3
    assert last.policy > 0.8
    assert last.always > 0.8
    assert found.summary.conclusion == "GainAvailable"
    assert found.summary.recovered is not None
    assert found.summary.recovered.estimate > 0.5
    promotions = [row.period.start for row in found.rows if row.checked.promoted]
    assert promotions[0] == START + BEGIN * DAY
    assert all(time > START + TURN * DAY for time in promotions[1:])


def test_the_policy_trains_less_than_always(found: Found) -> None:
    assert found.summary.never.trainings == 1
    assert found.summary.always.trainings == len(found.rows) == (DAYS - BEGIN) // EVERY
    assert 1 < found.summary.policy.trainings < found.summary.always.trainings


def test_a_check_is_held_against_the_rows_after_it(found: Found) -> None:
    first = found.rows[0]
    assert first.checked.rows == BEGIN * ROWS_A_DAY + 1  # the one of its own moment
    assert [row.marks.rows for row in found.rows[:-1]] == [EVERY * ROWS_A_DAY] * (len(found.rows) - 1)
    assert first.checked.trained is not None
    assert first.marks.never == first.marks.policy == first.marks.always


def past(found: Found) -> list[dict[str, Any]]:
    """All that each check knew, and its marks; without the time that fitting took."""
    return [{name: value for name, value in check.items() if name != "seconds"} for check in document(found)["checks"]]


def test_another_future_leaves_the_past_as_it_was(site: Site, found: Found, tmp_path: Path) -> None:
    cut = 60
    other = Site(root=tmp_path)
    made = rows(first_day=0, days=TURN) + rows(first_day=TURN, days=cut - TURN, relation="reversed")
    write_csv(tmp_path / "rows/in/b.csv", made)
    # Later rows stand in an earlier file, shuffled, many more, with another relation and another site.
    future = [[*row[:3], "Z", row[4]] for row in rows(first_day=cut, days=60, relation="noise")]
    write_csv(tmp_path / "rows/in/a.csv", sorted(future, key=lambda row: str(row[1])))
    other.days = cut + 60
    again = replayed(other, scratch=tmp_path / "scratch")
    known = (cut - BEGIN) // EVERY - 1  # the last period of the past holds the row of its last moment
    assert past(again)[:known] == past(found)[:known]
    assert past(again)[known + 3] != past(found)[known + 3]


def test_labels_younger_than_their_delay_neither_train_nor_judge(site: Site, tmp_path: Path) -> None:
    delay = 12
    late = replayed(site, of=policy(data={"labelDelay": f"{delay}d"}), scratch=tmp_path / "scratch")
    for row in late.rows:
        if row.checked.trained is not None:
            assert row.checked.trained.holdout_end is not None
            assert row.checked.trained.holdout_end <= row.period.start - delay * DAY
    unsettled = delay // EVERY
    assert all(row.marks.rows for row in late.rows[:-unsettled])
    assert [row.marks.rows for row in late.rows[-unsettled + 1 :]] == [0] * (unsettled - 1)
    assert late.summary.periods <= len(late.rows) - unsettled + 1


def test_settings_are_chosen_on_the_first_half_and_told_on_the_second(site: Site, found: Found, tmp_path: Path) -> None:
    asked = combinations(read_settings(["triggers.belowThreshold.enabled=false,true", "promotion.confidence=0.9"]))
    made = replayed(site, scratch=tmp_path / "scratch", settings=asked)
    choice, half = made.choice, len(made.rows) // 2
    assert choice is not None
    assert choice.half == made.rows[half].period.start
    assert [dict(tried.values) for tried in choice.tried] == [{}, *(dict(values) for values in asked)]
    assert {tried.summary.periods for tried in choice.tried} == {half}
    assert choice.tried[1].summary.policy.trainings == 1
    assert choice.second.periods == choice.current.periods == len(made.rows) - half
    assert choice.second.never.score == choice.current.never.score
    assert past(made) == past(found)
    assert schema.violations(document(made), schema=SCHEMA) == []
    assert "chosen: triggers.belowThreshold.enabled=" in text(made)
    assert "Settings, chosen on the first half" in report(made)


def test_what_waits_for_a_person_is_promoted_in_a_replay_and_said_so(site: Site, found: Found, tmp_path: Path) -> None:
    manual = replayed(site, of=policy(promotion={"mode": "Manual", "pinnedVersion": 1}), scratch=tmp_path / "scratch")
    assert past(manual) == past(found)
    assert any("nobody to ask" in note for note in manual.notes)
    assert not any("nobody to ask" in note for note in found.notes)


def test_the_document_keeps_to_its_schema_and_the_text_to_the_document(found: Found) -> None:
    made = document(found)
    assert schema.violations(made, schema=SCHEMA) == []
    json.dumps(made, allow_nan=False)
    told = text(found)
    assert f"{made['summary']['policy']['score']:.4f}" in told
    assert "The policy recovers" in told
    assert "cannot know of late arrivals" in told


def test_the_report_is_one_sound_page_with_three_lines_and_a_mark_for_each_training(found: Found) -> None:
    page = report(found)
    picture = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    assert len(picture.findall("path")) == 3
    assert "threshold 0.75" in [told.text for told in picture.findall("text")]
    marks = [mark for mark in picture.findall("circle") if mark.find("title") is not None]
    assert len(marks) == found.summary.policy.trainings
    assert "http" not in page


def as_file(site: Site, folder: Path, *, name: str = "delays", **changes: Any) -> list[str]:
    written = folder / "policy.yaml"
    written.write_text(yaml.safe_dump({"kind": "RetrainPolicy", "metadata": {"name": name}, "spec": policy(**changes)}))
    return ["backtest", str(written), "--mount", f"rows={site.root / 'rows'}"]


def test_a_person_starts_it_from_a_file(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    options = ["--every", "9d", "--from", "2013-02-01", "-o", "json", "--report", str(page)]
    assert main([*as_file(site, tmp_path), *options]) == 0
    told = capsys.readouterr()
    made = json.loads(told.out)
    assert schema.violations(made, schema=SCHEMA) == []
    assert [check["time"] for check in made["checks"][:2]] == ["2013-02-01T00:00:00Z", "2013-02-10T00:00:00Z"]
    assert told.err.splitlines()[0] == f"check 1 of {len(made['checks'])}: 2013-02-01 Promoted"
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    "options, code, reason, named",
    [
        (["--every", "1y"], 64, "InvalidSpec", "--every: '1y' is no duration"),
        (["--every", "70d"], 64, "InvalidBacktest", "choose at most"),
        (["--set", "triggers.dorp.by=0.1"], 64, "InvalidSetting", "spec.triggers.dorp is not a field"),
        (["--set", "evaluation.threshold"], 64, "InvalidSetting", "must be FIELD=VALUE"),
        (
            ["--from", "2013-01-02", "--until", "2013-01-05", "--every", "1d"],
            66,
            "NoFirstModel",
            "DataRejected (TooFew",
        ),
        (["--mount", "rows=/nowhere"], 66, "ClaimMissing", "'rows' is not mounted"),
        (["--report", "/nowhere/page.html"], 66, "FolderMissing", "/nowhere"),
    ],
    ids=["no duration", "too long", "no field", "no value", "too few rows", "no data", "no folder for the report"],
)
def test_what_cannot_be_replayed_is_explained_and_has_the_code_of_a_run(
    site: Site,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    reason: str,
    named: str,
) -> None:
    assert main([*as_file(site, tmp_path), *options]) == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"{reason}: ")
    assert named in told


def test_a_spec_that_cannot_work_is_told_as_a_run_tells_it(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = as_file(site, tmp_path, evaluation={"metric": "rocauc"})
    assert main([*arguments, "--every", "20d"]) == 64
    assert "rocauc" in capsys.readouterr().err.splitlines()[-1]


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    lines, bar = io.StringIO(), Terminal()
    for stream in (lines, bar):
        with Shown(stream=stream) as shown:
            progress = shown.of(2)
            progress.step("day one")
            progress.step("day two")
    assert lines.getvalue() == "check 1 of 2: day one\ncheck 2 of 2: day two\n"
    assert "100%" in bar.getvalue()
    assert "day two" in bar.getvalue()
