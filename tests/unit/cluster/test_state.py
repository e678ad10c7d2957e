"""The state folder, and what the cluster recognises as its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.console import ClusterError
from tests.cluster.daemon import Daemon
from tests.cluster.pods import mount_points
from tests.cluster.state import State, default_state
from tests.cluster.volumes import empty


def test_the_state_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETRAIN_CACHE", str(tmp_path))
    assert default_state().root == tmp_path.resolve()
    monkeypatch.delenv("RETRAIN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state().root == tmp_path.resolve() / ".cache" / "retrain-operator"


def test_a_path_too_long_for_sockets_is_refused_before_anything_is_made() -> None:
    state = State(root=Path("/", "x" * 80))
    with pytest.raises(ClusterError, match="RETRAIN_CACHE"):
        state.prepare()
    assert not state.root.exists()


def test_mounts_are_found_under_the_folder_only_and_unescaped(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "1 2 0:1 / /state rw - ext4 x rw\n"
        "3 2 0:1 / /state/a rw - ext4 x rw\n"
        "4 2 0:1 / /state/a/b\\040c rw - ext4 x rw\n"
        "5 2 0:1 / /state-of-another/a rw - ext4 x rw\n"
    )
    assert mount_points(table=table, folder=Path("/state")) == ["/state/a", "/state/a/b c"]


def test_a_daemon_is_known_by_its_command_line_and_replaced_when_that_changes(tmp_path: Path) -> None:
    def daemon(config: str) -> Daemon:
        program = "import sys, time; time.sleep(60)"
        argv = (sys.executable, "-c", program, f"{tmp_path}/run/{config}")
        return Daemon(
            name="sleeper", argv=argv, log=tmp_path / "logs" / "sleeper.log", healthy=lambda: bool(found(argv))
        )

    def found(argv: tuple[str, ...]) -> list[int]:
        return [
            pid for pid in daemon("old").pids() if Path(f"/proc/{pid}/cmdline").read_bytes().count(argv[3].encode())
        ]

    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", f"{tmp_path}-not/run/old"])
    try:
        daemon("old").start()
        assert daemon("old").runs()
        assert not daemon("new").runs()
        daemon("new").replace()
        assert daemon("new").runs()
        assert len(daemon("old").pids()) == 1
        daemon("new").stop()
        assert daemon("old").pids() == []
        assert stranger.poll() is None
    finally:
        daemon("old").stop()
        stranger.kill()
        stranger.wait()


def test_a_daemon_that_ends_at_once_names_its_log(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "print('what went wrong')", f"{tmp_path}/x")
    daemon = Daemon(name="brief", argv=argv, log=tmp_path / "logs" / "brief.log", healthy=lambda: False)
    with pytest.raises(ClusterError, match=r"(?s)brief ended with exit code 0.*brief\.log.*what went wrong"):
        daemon.start()


def test_emptying_a_volume_follows_no_link_out_of_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    volume = tmp_path / "volume"
    (volume / "folder").mkdir(parents=True)
    (volume / "folder" / "file").write_text("")
    (volume / "link").symlink_to(outside)
    # Only root may give a folder back to root, which comes last; what matters here holds for everybody.
    with suppress(PermissionError):
        empty(volume)
    assert list(volume.iterdir()) == []
    assert (outside / "kept").exists()
