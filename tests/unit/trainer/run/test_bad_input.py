"""What a data supplier, a storage system or a slip of the pen can do: the run says what, where and why, ends with the
code that tells whether to try again, and the champion is the one it was.

Each row goes through the real command on a copy of a registry that has a champion.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from retrain_trainer import load_champion, load_file
from retrain_trainer.cli import main
from retrain_trainer.errors import RegistryDamaged
from retrain_trainer.registry.documents import sealed

from tests.unit.trainer.run import places
from tests.unit.trainer.run.builders import HEADER, model, rows, write_csv
from tests.unit.trainer.run.schema import violations

NOW = "2013-03-02T00:00:00Z"
LATER = "2013-05-02T00:00:00Z"
DAYS = 60
SAMPLE = {"speed": [3.0, -3.0], "load": [0.0, 0.0], "site": ["A", "B"]}
SPEC: dict[str, Any] = {
    "schedule": "0 0 * * 0",
    "data": {"uri": "pvc://rows/in/*", "timeColumn": "time", "window": "21d", "holdout": {"window": "14d"}},
    "model": model(),
    "validation": {
        "maxAge": "30d",
        "maxDuplicateFraction": 0.1,
        "maxLabelShift": 0.2,
        "columns": [
            {"name": "load", "min": -9, "max": 9},
            {"name": "site", "pattern": "[A-Za-z0-9 .]*"},
            {"name": "speed", "max": 8, "severity": "Warning"},
        ],
    },
    "evaluation": {"metric": "roc_auc", "threshold": 0.75},
    "registry": {"uri": "pvc://models/kept"},
}
Rows = list[list[object]]
Change = Callable[["World"], None]


@dataclass
class World:
    """Claims `rows` and `models` in a folder, and one command on them."""

    root: Path
    spec: dict[str, Any] = field(default_factory=lambda: SPEC)
    name: str = "delays"
    runs: int = 0

    @property
    def inbox(self) -> Path:
        return self.root / "rows/in"

    @property
    def registry(self) -> Path:
        return self.root / "models/kept/team" / self.name

    def clear(self) -> None:
        for path in self.inbox.iterdir():
            path.unlink()

    def put(self, made: Rows, *, header: tuple[str, ...] = HEADER) -> None:
        """These rows and no others."""
        self.clear()
        write_csv(self.inbox / "a.csv", made, header=header)

    def environment(self, **changes: str) -> dict[str, str]:
        self.runs += 1
        (self.root / "scratch").mkdir(exist_ok=True)
        policy = {"name": self.name, "namespace": "team", "uid": "uid-1", "generation": 1, "spec": self.spec}
        job = f"{self.name}-{len(list(self.registry.glob('runs/*')))}"
        return {
            "RETRAIN_POLICY": json.dumps(policy),
            "RETRAIN_ACTION": "check",
            "RETRAIN_CAUSE": "Schedule",
            "RETRAIN_RUN_KEY": f"uid-1.{job}",
            "RETRAIN_JOB_UID": "job-uid",
            "RETRAIN_JOB_NAME": job,
            "RETRAIN_SCRATCH": str(self.root / "scratch"),
            "RETRAIN_CLAIMS": str(self.root),
            "RETRAIN_CPU_LIMIT": "1",
            "RETRAIN_MESSAGE": os.devnull,
            **changes,
        }

    def champion(self) -> dict[str, bytes]:
        """What must not change: the promotion log, and the manifest and model of the champion."""
        kept = [*self.registry.glob("promotions/*"), *self.registry.glob("versions/1/*")]
        digest = json.loads((self.root / "champion.json").read_text())["digest"]
        kept += [path for path in self.registry.glob("blobs/sha256/*") if path.name in digest]
        return {str(path.relative_to(self.registry)): path.read_bytes() for path in kept}

    def manifest(self, version: int) -> Any:
        return json.loads((self.registry / f"versions/{version}/manifest.json").read_bytes())


@dataclass(frozen=True)
class Ended:
    code: int
    body: dict[str, Any]
    log: str


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(world: World, *, now: str = NOW, **changes: str) -> Ended:
        for name in [name for name in os.environ if name.startswith("RETRAIN_")]:
            monkeypatch.delenv(name)
        for name, value in world.environment(**changes).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main(["run", "-o", "json", "--now", now])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        body = json.loads(told.out)
        assert violations(body) == []
        return Ended(code=code, body=body, log=told.err)

    return run


def graded() -> Rows:
    """Rows whose label is one of three words."""
    return [
        [time, speed, load, "low" if sum_ < -0.5 else "high" if sum_ > 0.5 else "middle"]
        for time, speed, load, *_ in usual()
        for sum_ in [float(str(speed)) + float(str(load))]  # one of the two alone does not tell it
    ]


GRADES = ("time", "speed", "load", "grade")
GRADED_SPEC: dict[str, Any] = {**SPEC, "model": model(target="grade"), "validation": {}, "evaluation": {}}


@pytest.fixture(scope="module")
def champions() -> Iterator[dict[str, World]]:
    """Two registries with a champion each, made once. Not in pytest's own folder, which is closed to other users."""
    root = Path(tempfile.mkdtemp(prefix="bad-input-"))
    root.chmod(0o755)
    worlds = {"late": World(root=root / "late"), "grade": World(root=root / "grade", spec=GRADED_SPEC, name="grades")}
    for name, world in worlds.items():
        (world.root / "models").mkdir(parents=True)
        world.inbox.mkdir(parents=True)
        world.put(*((usual(),) if name == "late" else (graded(),)), header=HEADER if name == "late" else GRADES)
        env = {**os.environ, **world.environment()}
        with pytest.MonkeyPatch.context() as patch:
            for key, value in env.items():
                patch.setenv(key, value)
            assert main(["run", "-o", "json", "--now", NOW]) == 0
        champion = world.manifest(1)
        (world.root / "champion.json").write_text(json.dumps({"digest": champion["model_digest"]}))
    yield worlds
    shutil.rmtree(root)


@pytest.fixture
def world(champions: dict[str, World], request: pytest.FixtureRequest) -> Iterator[World]:
    """A copy of one of them."""
    template = champions[getattr(request, "param", "late")]
    root = Path(tempfile.mkdtemp(prefix="bad-input-"))
    root.chmod(0o755)
    shutil.copytree(template.root, root, dirs_exist_ok=True)
    yield World(root=root, spec=template.spec, name=template.name)
    shutil.rmtree(root)


# --- the ways to go wrong --------------------------------------------------------------------------------------------


def usual() -> Rows:
    return rows(first_day=0, days=DAYS)


def cells(column: str, value: object, *, first: int = 0, count: int | None = None) -> Change:
    """`count` rows from `first` on hold `value` in one column; a function is given the row's number."""
    place = HEADER.index(column)

    def change(world: World) -> None:
        made = usual()
        for number, row in enumerate(made[first : None if count is None else first + count]):
            row[place] = value(number) if callable(value) else value
        world.put(made)

    return change


def without(column: str) -> Change:
    place = HEADER.index(column)

    def change(world: World) -> None:
        world.put([row[:place] + row[place + 1 :] for row in usual()], header=HEADER[:place] + HEADER[place + 1 :])

    return change


def file(name: str, content: bytes | Callable[[], bytes]) -> Change:
    def change(world: World) -> None:
        world.clear()
        (world.inbox / name).write_bytes(content() if callable(content) else content)

    return change


def text(edit: Callable[[str], str]) -> Change:
    """The usual file, edited as text."""

    def change(world: World) -> None:
        path = world.inbox / "a.csv"
        path.write_text(edit(path.read_text()))

    return change


def put(made: Callable[[], Rows], *, header: tuple[str, ...] = HEADER) -> Change:
    return lambda world: world.put(made(), header=header)


def nothing(_: World) -> None:
    """The files stay."""


def parquet(sql: str) -> Callable[[], bytes]:
    def made() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.parquet"
            duckdb.sql(f"COPY ({sql}) TO '{path}' (ROW_GROUP_SIZE 1000000)")
            return path.read_bytes()

    return made


def torn_parquet() -> bytes:
    whole = parquet("SELECT range AS speed, hash(range) AS load FROM range(50000)")()
    return whole[:2000] + bytes(40000) + whole[42000:]


def bomb() -> bytes:
    part = b"2013-01-01T00:00:00Z,1,1,A,true\n" * 32768
    return gzip.compress(b"time,speed,load,site,late\n" + 200 * part, compresslevel=1)


def dangling(world: World) -> None:
    (world.inbox / "a.csv").unlink()
    (world.inbox / "a.csv").symlink_to(world.root / "rows/gone.csv")


def outside(world: World) -> None:
    (world.inbox / "a.csv").rename(world.root / "elsewhere.csv")
    (world.inbox / "a.csv").symlink_to(world.root / "elsewhere.csv")


def closed(world: World) -> None:
    places.give_away(world.root)
    if os.geteuid() == 0:
        os.chown(world.inbox / "a.csv", 0, 0)
    (world.inbox / "a.csv").chmod(0o000 if os.geteuid() else 0o600)


def spec(section: str, **fields: Any) -> Change:
    def change(world: World) -> None:
        world.spec = {**world.spec, section: {**world.spec[section], **fields}}

    return change


def damaged_manifest(world: World) -> None:
    (path,) = world.registry.glob("versions/1/manifest.json")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def two_kinds(world: World) -> None:
    (world.inbox / "b.parquet").write_bytes(b"PAR1")


def folder(world: World) -> None:
    world.clear()
    (world.inbox / "a.csv").mkdir()


def newer(world: World) -> None:
    """Ten days more, for a run ten days later."""
    write_csv(world.inbox / "b.csv", rows(first_day=DAYS, days=10))


def damaged_blob(world: World) -> None:
    newer(world)
    (path,) = world.registry.glob("blobs/sha256/*")
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def gone_blob(world: World) -> None:
    newer(world)
    (path,) = world.registry.glob("blobs/sha256/*")
    path.unlink()


def forged(**changes: Any) -> Change:
    """A second entry of the log, as somebody who knows the format would write it."""

    def change(world: World) -> None:
        (first,) = world.registry.glob("promotions/*")
        body = json.loads(first.read_bytes())
        body = {name: value for name, value in body.items() if name not in ("format", "checksum")}
        (first.parent / f"{2:020d}.json").write_bytes(sealed({**body, "number": 2, **changes}))

    return change


def edited_promotion(world: World) -> None:
    (first,) = world.registry.glob("promotions/*")
    first.write_bytes(first.read_bytes().replace(b'"version": 1', b'"version": 2'))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of bad input and what comes of it. `told`: parts of the message. `place`: where the command runs."""

    change: Change
    reason: str
    told: tuple[str, ...]
    code: int = 0
    now: str = NOW
    env: tuple[tuple[str, str], ...] = ()
    place: Callable[[World], AbstractContextManager[None]] = lambda _: nullcontext()


TINY = (("RETRAIN_MEMORY_LIMIT", str(2**27)), ("RETRAIN_SCRATCH_LIMIT", str(2**26)))
TEN_DAYS_LATER = "2013-03-12T00:00:00Z"


def rejected(change: Change, reason: str, *told: str, **more: Any) -> Row:
    """The data are at fault: an outcome, exit code 0."""
    return Row(change=change, reason=reason, told=told, **more)


def unreadable(change: Change, reason: str, *told: str, **more: Any) -> Row:
    """Data or registry cannot be read or written at all: exit code 66."""
    return Row(change=change, reason=reason, told=told, code=66, **more)


BAD = {
    # --- files
    "the files are missing": unreadable(World.clear, "DataMissing", "pvc://rows/in/*", "'rows' is empty"),
    "a file is empty": unreadable(file("a.csv", b""), "DataUnreadable", "'a.csv'", "is empty"),
    "a file is truncated": unreadable(text(lambda old: old[:-9]), "DataUnreadable", "'a.csv'", "Line: 4321"),
    "a file is UTF-16": unreadable(
        file("a.csv", "time,late\n2013-01-01,true\n".encode("utf-16")), "DataUnreadable", "'a.csv'", "is not UTF-8"
    ),
    "a file is UTF-16 without a mark": unreadable(
        file("a.csv", "time,late\n2013-01-01,true\n".encode("utf-16-le")), "DataUnreadable", "'a.csv'", "is not UTF-8"
    ),
    "a value is Latin-1": unreadable(
        file("a.csv", b"time,site,late\n" + b"2013-01-01,caf\xe9,true\n" * 99), "DataUnreadable", "'a.csv'", "UTF-8"
    ),
    "values are parted by tildes": rejected(
        text(lambda old: old.replace(",", "~")), "TargetMissing", "'late'", "time~speed"
    ),
    "a column is there twice": unreadable(
        text(lambda old: old.replace("load", "speed", 1)), "DataUnreadable", "'a.csv'", "'speed' twice"
    ),
    "there is a header and nothing else": rejected(put(list), "TooFewRows", "0 rows", "minRows"),
    "a row has a value too many": unreadable(
        text(lambda old: old.replace("\n2013-01-01T00:20", ",9\n2013-01-01T00:20", 1)), "DataUnreadable", "Line: 2"
    ),
    "a row has a value too few": unreadable(
        text(lambda old: f"{old}2013-03-01T00:00:00Z,1\n"), "DataUnreadable", "'a.csv'", "Line: 4322"
    ),
    "a quote is never closed": unreadable(
        text(lambda old: old.replace("\n2013", '\n"2013', 1)), "DataUnreadable", "'a.csv'"
    ),
    "a header is three megabytes long": unreadable(
        file("a.csv", b"a" * 3_000_000 + b"\n1\n"), "DataUnreadable", "'a.csv'", "2,000,000"
    ),
    "a second file has other columns": unreadable(
        lambda world: write_csv(world.inbox / "b.csv", [[1, 2]], header=("time", "late")),
        "DataUnreadable",
        "'b.csv'",
        "lacks column 'speed'",
    ),
    "files are of two kinds": unreadable(two_kinds, "DataUnreadable", "one kind"),
    "a Parquet file is torn": unreadable(file("a.parquet", torn_parquet), "DataUnreadable", "'a.parquet'"),
    "a Parquet file is none": unreadable(file("a.parquet", b"PAR1 and PAR1"), "DataUnreadable", "'a.parquet'"),
    "a gzip is cut off": unreadable(
        file("a.csv.gz", lambda: gzip.compress(b"time,late\n" + os.urandom(9999).hex().encode())[:5000]),
        "DataUnreadable",
        "'a.csv.gz'",
    ),
    "a gzip is none": unreadable(file("a.csv.gz", b"time,late\n"), "DataUnreadable", "'a.csv.gz'"),
    "a small gzip holds two hundred megabytes": unreadable(
        file("a.csv.gz", bomb), "DataTooLarge", "'a.csv.gz'", "128.0 MiB", "limits.memory", env=TINY
    ),
    "a small Parquet file holds nine million rows": unreadable(
        file("a.parquet", parquet("SELECT 1::BIGINT AS a, 2.5 AS b, now() AS c, 4 AS d FROM range(9000000)")),
        "DataTooLarge",
        "9,000,000 rows of about 36 bytes need 309.0 MiB",
        "64.0 MiB of memory and 64.0 MiB of scratch",
        env=TINY,
    ),
    "a link leads nowhere": unreadable(dangling, "DataUnreadable", "'a.csv'", "leads nowhere"),
    "a link leads out of the claim": unreadable(outside, "DataUnreadable", "'a.csv'", "out of the claim"),
    "a file may not be read": unreadable(
        closed, "PermissionDenied", "'a.csv'", "may not be read", place=lambda _: places.as_nobody()
    ),
    "a folder stands where a file should": unreadable(folder, "DataMissing", "pvc://rows/in/*"),
    # --- URIs
    "the URI climbs out of the claim": Row(
        change=spec("data", uri="pvc://rows/../models/x.csv"),
        code=64,
        reason="InvalidURI",
        told=("spec.data.uri", ".."),
    ),
    "the registry's URI climbs out of the claim": Row(
        change=spec("registry", uri="pvc://models/../rows"),
        code=64,
        reason="InvalidURI",
        told=("spec.registry.uri", ".."),
    ),
    "the URI carries credentials": Row(
        change=spec("data", uri="pvc://me:s3cr3t@rows/in/*"),
        code=64,
        reason="InvalidURI",
        told=("spec.data.uri", "no user, password or port"),
    ),
    "the claim is not there": unreadable(spec("data", uri="pvc://elsewhere/*"), "ClaimMissing", "'elsewhere'"),
    # --- columns
    "the target is missing": rejected(without("late"), "TargetMissing", "'late'", "time, speed, load, site"),
    "the time column is missing": rejected(without("time"), "TimeColumnMissing", "'time'"),
    "a feature of the champion is missing": rejected(without("speed"), "ColumnMissing", "'speed'", "champion"),
    "a column has another name": rejected(
        text(lambda old: old.replace("speed", "velocity", 1)), "ColumnMissing", "'speed'", "champion"
    ),
    "numbers became words": rejected(
        cells("speed", "fast"), "TypeMismatch", "'speed'", "4,320 of 4,320", "learned numbers"
    ),
    "three words stand among numbers": rejected(
        cells("speed", "fast", first=9, count=3), "TypeMismatch", "'speed'", "3 of 4,320", "(e.g. fast)"
    ),
    "labels are of another type": rejected(
        cells("late", "maybe", count=5), "TypeMismatch", "'late'", "5 of 4,320", "(e.g. maybe)"
    ),
    "a feature has no value any more": rejected(cells("load", ""), "TooManyNulls", "'load'", "maxNullFraction"),
    "no row has a label": rejected(cells("late", ""), "TargetAllNull", "'late'"),
    "all labels are the same": rejected(cells("late", "true"), "OneClass", "'late'", "(e.g. true)"),
    # --- values
    "some values are infinite": rejected(cells("speed", "inf", count=7), "InfiniteValues", "'speed'", "7 of 4,320"),
    "a value is out of its bounds": rejected(
        cells("load", "99", count=2), "OutOfRange", "'load'", "2 of 4,320", "max 9", "(e.g. 99.0)"
    ),
    "a text has an odd character": rejected(cells("site", "A;B", count=2), "PatternMismatch", "'site'", "(e.g. A;B)"),
    "a day does not exist": rejected(
        cells("time", "2013-02-30T00:00:00Z", count=1), "TimeColumnNotTime", "'time'", "1 of 4,320", "2013-02-30"
    ),
    "a year lacks a digit": rejected(
        cells("time", "0213-01-01T00:00:00Z", count=1), "TimeOutOfRange", "'time'", "1 of 4,320", "0213-01-01"
    ),
    "a year is beyond all calendars": rejected(
        cells("time", "290000-01-01T00:00:00Z", count=1), "FutureRows", "'time'", "1 of 4,320"
    ),
    "a row is of the future": rejected(
        cells("time", "2099-01-01T00:00:00Z", count=1), "FutureRows", "'time'", "1 of 4,320", "2099-01-01"
    ),
    "a cell holds more than a megabyte": rejected(
        cells("site", "x" * 1_500_000, count=1), "CellTooLarge", "'site'", "1 of 4,320", "1,000,000 bytes"
    ),
    "a cell holds three megabytes": unreadable(
        cells("site", "x" * 3_000_000, count=1), "DataUnreadable", "'a.csv'", "line"
    ),
    "a fifth of the rows is there twice": rejected(
        put(lambda: usual() + usual()[:1080]), "DuplicateRows", "1,080 of 5,400", "maxDuplicateFraction"
    ),
    "the new labels lean to one side": rejected(
        lambda world: write_csv(world.inbox / "b.csv", [[*row[:4], "true"] for row in rows(first_day=DAYS, days=10)]),
        "LabelShift",
        "'late'",
        "720 new labels",
        now=TEN_DAYS_LATER,
    ),
    # --- amounts and ages
    "there are too few rows": rejected(put(lambda: usual()[-50:]), "TooFewRows", "50 rows", "minRows"),
    "there are too few days": rejected(
        put(lambda: rows(first_day=DAYS - 5, days=5)), "TooFewTrainingRows", "0 labelled rows", "spec.data.holdout"
    ),
    "unchanged data became too old": rejected(nothing, "TooOld", "2013-03-01T23:40:00Z", "maxAge", now=LATER),
    "several things are wrong at once": rejected(
        cells("load", lambda number: "inf" if number else "99"), "InfiniteValues", "'load'", "; and 1 more failed check"
    ),
    # --- the registry
    "the registry is read-only": unreadable(
        nothing,
        "RegistryReadOnly",
        "models/kept",
        "cannot be written",
        place=lambda world: places.read_only(world.root / "models"),
    ),
    "the registry's disk is full": unreadable(
        nothing, "RegistryFull", "models/kept", "enlarge", place=lambda world: places.full(world.root / "models")
    ),
}

#: The champion itself was damaged: it is refused by name, by the run and by whoever loads it.
DAMAGED = {
    "the champion's manifest is damaged": (
        damaged_manifest,
        "ManifestDamaged",
        "manifest.json",
        NOW,
    ),
    "the champion's model is damaged": (damaged_blob, "ChampionCorrupt", "sha256", TEN_DAYS_LATER),
    "the champion's model is gone": (gone_blob, "ChampionMissing", "sha256", TEN_DAYS_LATER),
    "a promotion was edited": (edited_promotion, "PromotionDamaged", "promotions", NOW),
    "a promotion names a version that never was": (forged(version=99), "ManifestMissing", "versions/99", NOW),
}


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in BAD.items()])
def test_bad_input_is_named_and_the_champion_stays(world: World, command: Command, row: Row) -> None:
    row.change(world)
    before = world.champion()
    with row.place(world):
        ended = command(world, now=row.now, **dict(row.env))
    body = ended.body
    assert (ended.code, body["reason"]) == (row.code, row.reason), body["message"]
    assert body["outcome"] == ("Failed" if row.code else "DataRejected")
    for told in row.told:
        assert told in body["message"]
    assert "s3cr3t" not in ended.log + json.dumps(body)
    assert world.champion() == before
    if row.code != 64:
        assert body["champion"]["version"] == 1
    if not row.code:
        assert (body["data"]["valid"], body["data"]["reason"]) == (False, row.reason)
        [report] = world.registry.glob(f"runs/{body['run']}/validation.json")
        assert json.loads(report.read_bytes())["passed"] is (row.reason == "TooFewTrainingRows")


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_champion_is_refused_by_name(world: World, command: Command, name: str) -> None:
    change, reason, told, now = DAMAGED[name]
    change(world)
    before = world.champion()
    ended = command(world, now=now)
    assert (ended.code, ended.body["outcome"], ended.body["reason"]) == (65, "Failed", reason), ended.body["message"]
    assert told in ended.body["message"]
    assert world.champion() == before
    with pytest.raises(RegistryDamaged, match=reason):
        load_champion(world.registry)


@pytest.mark.parametrize(
    "name",
    [
        "a file is truncated",
        "a small gzip holds two hundred megabytes",
        "three words stand among numbers",
        "the registry is read-only",
        "the registry's disk is full",
    ],
)
def test_the_champion_predicts_as_before(world: World, command: Command, name: str) -> None:
    expected = list(load_champion(world.registry).predict(SAMPLE))
    assert expected == ["true", "false"]
    row = BAD[name]
    row.change(world)
    with row.place(world):
        assert command(world, now=row.now, **dict(row.env)).code == row.code
        assert list(load_champion(world.registry).predict(SAMPLE)) == expected
    assert list(load_champion(world.registry).predict(SAMPLE)) == expected


def test_a_model_file_is_loaded_as_a_serving_system_gets_it(world: World, tmp_path: Path) -> None:
    expected = list(load_champion(world.registry).predict(SAMPLE))
    [file] = (world.registry / "blobs" / "sha256").iterdir()
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / file.name).symlink_to(file)
    renamed = tmp_path / "mounted"
    shutil.copy(file, renamed)
    for place in (file, folder, renamed):
        assert list(load_file(place).predict(SAMPLE)) == expected

    (folder / file.name).unlink()
    with pytest.raises(RegistryDamaged, match="has 0 files named by a sha256"):
        load_file(folder)
    changed = folder / file.name
    changed.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(RegistryDamaged, match="its manifest says"):
        load_file(folder)
    renamed.write_bytes(b"pickle")
    with pytest.raises(RegistryDamaged, match="no skops file"):
        load_file(renamed)


# --- what looks bad and is not ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        pytest.param(cells("site", "A"), ("site", "Constant"), id="a column is constant"),
        pytest.param(cells("site", lambda number: f"id{number}"), ("site", "Identifier"), id="a column names rows"),
        pytest.param(
            cells("site", lambda number: f"{number % 9} has been waiting here for quite a while now. And that is all."),
            ("site", "FreeText"),
            id="a column is prose",
        ),
    ],
)
def test_a_column_that_teaches_nothing_is_left_out_with_its_reason(
    world: World, command: Command, change: Change, left_out: tuple[str, str]
) -> None:
    change(world)
    before = world.champion()
    ended = command(world, RETRAIN_ACTION="train", RETRAIN_CAUSE="Request")
    assert (ended.code, ended.body["outcome"]) == (0, "NotPromoted"), ended.body["message"]
    excluded = [(each["name"], each["reason"]) for each in world.manifest(2)["schema"]["excluded"]]
    assert left_out in excluded
    assert world.champion() == before


def test_of_too_many_categories_the_frequent_ones_are_learned(world: World, command: Command) -> None:
    cells("site", lambda number: f"S{number % 400}")(world)
    ended = command(world, RETRAIN_ACTION="train", RETRAIN_CAUSE="Request")
    assert (ended.code, ended.body["outcome"]) == (0, "NotPromoted"), ended.body["message"]
    [site] = [each for each in world.manifest(2)["schema"]["features"] if each["name"] == "site"]
    assert len(site["categories"]) == 254


@pytest.mark.parametrize(
    ("change", "reason", "warning"),
    [
        pytest.param(nothing, "DataUnchanged", "", id="no row is new"),
        pytest.param(
            lambda world: text(lambda old: old.replace("+00:00", "Z"))(world), "TooFewFreshRows", "", id="Z for +00:00"
        ),
        pytest.param(
            put(
                lambda: [
                    [f"2013-03-02T{int(str(row[0])[11:13]) + 2 - 24:02d}{str(row[0])[13:19]}+02:00", *row[1:]]
                    if str(row[0])[:13] in ("2013-03-01T22", "2013-03-01T23")
                    else row
                    for row in usual()
                ]
            ),
            "TooFewFreshRows",
            "",
            id="times of two zones: read by the wall clock the newest would be of the future",
        ),
        pytest.param(
            cells("speed", "8.5", count=4),
            "TooFewFreshRows",
            "'speed': 4 of 4,320 rows are above",
            id="a warning",
        ),
        pytest.param(cells("site", "never seen"), "TooFewFreshRows", "", id="a category nobody knows"),
    ],
)
def test_what_is_unusual_only_keeps_the_champion(
    world: World, command: Command, change: Change, reason: str, warning: str
) -> None:
    change(world)
    before = world.champion()
    ended = command(world)
    assert (ended.code, ended.body["outcome"], ended.body["reason"]) == (0, "Kept", reason), ended.body["message"]
    assert ended.body["data"]["valid"] is True
    assert warning in ended.body["data"]["message"]
    assert (not warning) == (not ended.body["data"]["message"])
    assert world.champion() == before


@pytest.mark.parametrize("world", ["grade"], indirect=True)
def test_an_unseen_class_is_told_and_the_champion_is_scored_on(world: World, command: Command) -> None:
    made = graded()
    for row in made[:3]:
        row[3] = "extreme"
    world.put(made, header=GRADES)
    ended = command(world)
    assert (ended.code, ended.body["outcome"]) == (0, "Kept"), ended.body["message"]
    assert "1 warning: the target 'grade': 3 of 4,320" in ended.body["data"]["message"]
    assert "(e.g. extreme)" in ended.body["data"]["message"]
    assert "UnseenClass" in ended.log


def test_a_third_class_is_bad_data_where_the_metric_is_for_two(world: World, command: Command) -> None:
    world.spec = {**GRADED_SPEC, "evaluation": {"metric": "roc_auc"}}
    world.name = "pairs"
    two = [[*row[:3], "high" if row[3] == "high" else "low"] for row in graded()]
    world.put(two, header=GRADES)
    first = command(world)
    assert first.body["outcome"] == "Promoted", first.body["message"]
    two[0][3] = "extreme"
    world.put(two, header=GRADES)
    ended = command(world)
    assert (ended.code, ended.body["outcome"], ended.body["reason"]) == (0, "DataRejected", "UnseenClass")
    assert "'grade': 1 of 4,320" in ended.body["message"]
    assert "roc_auc is for two classes" in ended.body["message"]
    assert ended.body["champion"]["version"] == 1


def test_every_failure_is_shown_as_a_table(world: World, command: Command) -> None:
    made = usual()
    for number, row in enumerate(made[:40]):
        row[HEADER.index("load")] = "99"
        row[HEADER.index("site")] = "A;B"
        row[HEADER.index("speed")] = "8.5" if number < 5 else row[HEADER.index("speed")]
    world.put(made)
    ended = command(world)
    assert ended.body["message"].endswith("; and 1 more failed check")
    table = ended.log[ended.log.index("validation:") :]
    for told in ("2 failed, 1 warned", "OutOfRange", "PatternMismatch", "0.93%", "Warning", "max 8"):
        assert told in table


@pytest.mark.parametrize("shown", [True, False])
def test_no_value_is_quoted_where_the_spec_forbids_it(world: World, command: Command, shown: bool) -> None:
    spec("validation", showExamples=shown)(world)
    made = usual()
    for place, value in enumerate(["c4n4ry-time", "c4n4ry-speed", "c4n4ry", "c4n4ry;", "c4n4ry-late"]):
        made[place][place] = value
    world.put(made)
    ended = command(world)
    assert (ended.code, ended.body["outcome"]) == (0, "DataRejected")
    [report] = world.registry.glob(f"runs/{ended.body['run']}/validation.json")
    assert ("c4n4ry" in ended.log + json.dumps(ended.body)) is shown
    assert ("c4n4ry" in report.read_text()) is shown
