"""The remains of pods: containers that outlive their supervisors, mounts, and control groups."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.cluster.command import run, succeeds
from tests.cluster.console import ClusterError
from tests.cluster.daemon import children, processes, stop_processes
from tests.cluster.node import ctr
from tests.cluster.state import State


def shims(*, state: State) -> list[int]:
    """containerd's supervisors of our pods: they live on when containerd does not, and so do the containers."""
    socket = str(state.containerd_socket)
    return [pid for pid, argv in processes() if "containerd-shim" in argv[0] and socket in argv]


def remove_containers(*, state: State) -> None:
    """Remove all containers in the orderly way, so that nothing stays in containerd's books; as far as it answers."""
    with suppress(ClusterError):
        for kind, remove in (("tasks", ["delete", "--force"]), ("containers", ["delete"])):
            found = run(ctr(state=state, words=[kind, "list", "--quiet"]), timeout=30).split()
            if found:
                run(ctr(state=state, words=[kind, *remove, *found]), timeout=120)


def kill_pods(*, state: State) -> None:
    """End every container of ours. The containers first: without its supervisor a container just goes on."""
    found = shims(state=state)
    stop_processes(children(found), seconds=0)
    stop_processes([pid for pid in found if Path(f"/proc/{pid}").exists()], seconds=0)


def unmount(*, folder: Path) -> None:
    """Undo all mounts under a folder, the innermost first."""
    for target in reversed(mount_points(folder=folder)):
        succeeds(["umount", "--lazy", target])
    left = mount_points(folder=folder)
    if left:  # whoever empties the folder next would empty what is mounted there
        raise ClusterError(f"cannot unmount {', '.join(left)}")


def mount_points(*, folder: Path, table: Path = Path("/proc/self/mountinfo")) -> list[str]:
    """The mounts under a folder, oldest first."""
    found = []
    for line in table.read_text().splitlines():
        target = line.split()[4]
        for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\134", "\\")):
            target = target.replace(code, character)
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found


def remove_control_groups() -> None:
    """Remove `kubepods` where no process is left in it; the kernel refuses the others."""
    for top in (*Path("/sys/fs/cgroup").glob("*/kubepods"), Path("/sys/fs/cgroup/kubepods")):
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()


def remove_log_links(*, state: State) -> None:
    """The kubelet links every container's log from a fixed folder; ours point into the state folder."""
    for link in Path("/var/log/containers").glob("*.log"):
        with suppress(OSError):
            if link.is_symlink() and str(link.readlink()).startswith(f"{state.root}/"):
                link.unlink()
