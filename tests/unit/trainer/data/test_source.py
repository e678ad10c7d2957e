"""Which files a URI means: hidden ones only by name, and none twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from retrain_trainer.data.source import Source, open_source
from retrain_trainer.errors import DataUnavailable


def source_of(claim: Path, path: str) -> Source:
    """The files of `path` on a claim."""
    return open_source(uri=f"pvc://data/{path}", claims={"data": claim})


def _files(*names: str) -> Callable[[Path], None]:
    def make(claim: Path) -> None:
        for name in names:
            (claim / name).parent.mkdir(parents=True, exist_ok=True)
            (claim / name).write_text("x\n1\n")

    return make


def _newest(claim: Path) -> None:
    _files("2013.csv", "2014.csv")(claim)
    (claim / "2000-newest.csv").symlink_to("2014.csv")


def _hard(claim: Path) -> None:
    _files("a.csv")(claim)
    os.link(claim / "a.csv", claim / "b.csv")
    (claim / "c.csv").symlink_to("b.csv")


def _folder(claim: Path) -> None:
    _files("v2/a.csv", "v2/b.csv")(claim)
    (claim / "current").symlink_to("v2")


def _config_map(claim: Path) -> None:
    """As the kubelet mounts a ConfigMap or a Secret."""
    _files("..2024_06_01/a.csv", "..2024_06_01/b.csv")(claim)
    (claim / "..data").symlink_to("..2024_06_01")
    for name in ("a.csv", "b.csv"):
        (claim / name).symlink_to(f"..data/{name}")


@pytest.mark.parametrize(
    ("make", "path", "read"),
    [
        pytest.param(_files("a.csv", ".a.csv"), "*.csv", ["a.csv"], id="a hidden file is left out"),
        pytest.param(
            _files("a.csv", ".ipynb_checkpoints/a.csv", "in/.b/c/d.csv"),
            "**/*.csv",
            ["a.csv"],
            id="and a hidden folder",
        ),
        pytest.param(_files("a.csv", ".a.csv"), ".*.csv", [".a.csv"], id="unless the pattern names the dot of a file"),
        pytest.param(_files(".in/a.csv", ".in/.b.csv"), ".in/*.csv", [".in/a.csv"], id="or of a folder"),
        pytest.param(_files(".in/.b/a.csv", ".in/c/a.csv"), ".in/**/*.csv", [".in/c/a.csv"], id="that one alone"),
        pytest.param(_files(".in/a.csv"), ".in/a.csv", [".in/a.csv"], id="or a path without wildcards"),
        pytest.param(_newest, "*.csv", ["2013.csv", "2014.csv"], id="a link to a file beside it is that file"),
        pytest.param(_newest, "2000*.csv", ["2000-newest.csv"], id="a link alone is read"),
        pytest.param(_hard, "*.csv", ["a.csv"], id="a file with several names is one file"),
        pytest.param(_folder, "*/*.csv", ["v2/a.csv", "v2/b.csv"], id="a link to a folder"),
        pytest.param(_config_map, "*.csv", ["a.csv", "b.csv"], id="a mounted ConfigMap"),
        pytest.param(_config_map, "**/*.csv", ["a.csv", "b.csv"], id="a mounted ConfigMap and what is below"),
    ],
)
def test_a_uri_means_each_file_once(tmp_path: Path, make: Callable[[Path], None], path: str, read: list[str]) -> None:
    make(tmp_path)
    source = source_of(tmp_path, path)
    assert [str(file.relative_to(tmp_path)) for file in source.files] == read
    assert source.size == 4 * len(read)


def test_a_file_that_is_left_out_as_another_one_again_is_told(tmp_path: Path) -> None:
    _files("2014.csv")(tmp_path)
    before = source_of(tmp_path, "*.csv")
    (tmp_path / "2000-newest.csv").symlink_to("2014.csv")
    source = source_of(tmp_path, "*.csv")
    assert source.fingerprint == before.fingerprint
    assert before.told == f"1 file(s), 4 bytes, {before.fingerprint[:19]}"
    assert source.told == f"{before.told}; '2000-newest.csv' is '2014.csv' again and is read once"
    (tmp_path / "2000-second.csv").symlink_to("2014.csv")
    assert source_of(tmp_path, "*.csv").told == f"{source.told}, as are 1 more"


def test_where_all_files_are_hidden_the_message_says_so(tmp_path: Path) -> None:
    _files(".a.csv")(tmp_path)
    with pytest.raises(
        DataUnavailable, match=r"holds \.a\.csv; names that begin with a dot are read only if"
    ) as refused:
        source_of(tmp_path, "*.csv")
    assert refused.value.reason == "DataMissing"
