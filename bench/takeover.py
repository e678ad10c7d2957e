"""How long nobody acts when the leading replica goes: `python -m bench.takeover` (docs/availability.md).

Two replicas with the default times on a real API server; the leader is killed, or told to stop, and a policy that is
applied at that moment must become Ready.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from tests.cluster.envtest import api_server, find_programs
from tests.support.kubectl import Kubectl
from tests.support.operator import OperatorProcess
from tests.support.policies import a_policy, wait_for_condition
from tests.support.polling import eventually

REPOSITORY = Path(__file__).parents[1]


def measured(*, kubectl: Kubectl, folder: Path, how: str) -> float:
    """Seconds from the end of the leader to Ready of a policy that was applied then."""
    replicas = []
    for name in ("first", "second"):
        (folder / name).mkdir(parents=True)
        replica = OperatorProcess(
            kubeconfig=kubectl.kubeconfig,
            namespaces=("default",),
            folder=folder / name,
            leaderElection=True,
            leaseNamespace="default",
        )
        replica.start()
        replicas.append(replica)
        eventually("one leads", lambda: any("this replica leads" in each.log for each in replicas), seconds=30)
    began = time.monotonic()
    if how == "killed":
        replicas[0].kill()
    else:
        replicas[0].stop()
    kubectl.apply(a_policy(f"after-{folder.name}", schedule=None))
    wait_for_condition(kubectl, f"after-{folder.name}", "Ready", "True", seconds=60)
    seconds = time.monotonic() - began
    replicas[1].stop()
    return seconds


def main() -> int:
    """Prints a table and writes bench/results/takeover.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="of each kind; default 5")
    times = parser.parse_args().times
    programs, found = find_programs(), {}
    own = programs / "kubectl"
    binary = str(own) if own.exists() else shutil.which("kubectl") or "kubectl"
    with api_server(programs=programs) as server, tempfile.TemporaryDirectory() as folder:
        kubectl = Kubectl(binary=binary, kubeconfig=server.kubeconfig, namespace="default")
        kubectl("apply", "-k", str(REPOSITORY / "crds"))
        kubectl.await_kind("rtp")
        for how in ("killed", "told to stop"):
            found[how] = [
                measured(kubectl=kubectl, folder=Path(folder) / f"{how.replace(' ', '-')}-{number}", how=how)
                for number in range(times)
            ]
    print("| the leader is | times | median | longest |\n|---|---|---|---|")
    for how, seconds in found.items():
        print(f"| {how} | {times} | {statistics.median(seconds):.1f} s | {max(seconds):.1f} s |")
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "takeover.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
