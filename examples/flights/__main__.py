"""`make demo`: the main job on real data, from nothing. The table is what the data give."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.flights.months import flights_by_month
from tests.cluster import Cluster, ClusterError, ensure_up
from tests.support.claims import Claims
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.polling import eventually

REPOSITORY = Path(__file__).parents[2]
VERSION = "0.1.0"
NAMESPACE = "flights"
POLICY = "flight-delays"
MONTHS = ("", *"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())


@contextmanager
def step(what: str) -> Iterator[None]:
    """One progress line with its time."""
    print(f"  {what} …", end="", flush=True)
    begun = time.monotonic()
    yield
    print(f" {time.monotonic() - begun:.1f} s", flush=True)


def main() -> int:
    """Exit code 0: the story was told to its end."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description=__doc__)
    parser.add_argument("--down", action="store_true", help="remove what the demo made")
    parser.add_argument("--months", type=int, default=12, metavar="N", help="deliver the year up to this month (3-12)")
    chosen = parser.parse_args()
    try:
        if chosen.down:
            return _down()
        _demo(months=max(3, min(12, chosen.months)))
    except (ClusterError, KubectlError, AssertionError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


def _demo(*, months: int) -> None:
    begun = time.monotonic()
    cluster = ensure_up()
    for target in ("operator", "trainer"):
        cluster.build(target, tag=VERSION)
    kubectl = Kubectl(binary=cluster.kubectl, kubeconfig=cluster.kubeconfig)
    with step("install: kubectl apply -k manifests/"):
        kubectl("apply", "-k", str(REPOSITORY / "manifests"))
        kubectl("rollout", "restart", "deployment/retrain-operator", "-n=retrain-system")
        kubectl("rollout", "status", "deployment/retrain-operator", "-n=retrain-system", "--timeout=120s", timeout=130)
    here = Kubectl(binary=cluster.kubectl, kubeconfig=cluster.kubeconfig, namespace=NAMESPACE)
    with step("namespace, two claims and a pod to write files with"):
        _remove_namespace(kubectl, cluster)
        kubectl("create", "namespace", NAMESPACE)
        kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        claims = Claims(kubectl=here, image=f"retrain-trainer:{VERSION}")
        claims.create("flights", "models")
    with step("read the flights and the weather of 2013"):
        texts = flights_by_month()
    _tell(here=here, claims=claims, texts=texts, months=months)
    print(f"\ndone in {time.monotonic() - begun:.0f} s. To go on:\n")
    print(f"  export KUBECONFIG={cluster.kubeconfig}")
    print(f"  kubectl -n {NAMESPACE} get rtp -o wide")
    print(f"  kubectl -n {NAMESPACE} describe rtp {POLICY}")
    print(f'  kubectl -n {NAMESPACE} annotate rtp {POLICY} retrain.dev/train="$(date)" --overwrite')
    print("  make demo-down")


def _tell(*, here: Kubectl, claims: Claims, texts: dict[int, str], months: int) -> None:
    with step("deliver January and February"):
        for month in (1, 2):
            claims.write(_file(month), texts[month])
    answer = here("apply", "-f", str(Path(__file__).with_name("policy.yaml")))
    print(f"\n$ kubectl apply -f examples/flights/policy.yaml\n{answer}\n")
    print(f"{'delivered':<14}{'outcome':<14}{'trigger':<16}{'champion':<10}{'score':<8}{'accuracy':<10}{'took':<7}why")
    last = _row("Jan, Feb", here, after="")
    for month in range(3, months + 1):
        claims.write(_file(month), texts[month])
        last = _check(MONTHS[month], here, after=last)
        if month == 6:
            claims.write("flights/incoming/2013-07-broken.csv", _broken(texts[7]))
            last = _check("Jul, broken", here, after=last)
            claims.remove("flights/incoming/2013-07-broken.csv")
    if (before := _status(here).get("previousVersion")) is not None:
        _ask(f"back to v{before}", "rollback", str(before), here, after=last)
    print(f"\n$ kubectl get rtp\n{here('get', 'rtp')}")
    print(f"\n$ kubectl get rtp -o wide\n{here('get', 'rtp', '-o', 'wide')}")


def _file(month: int) -> str:
    return f"flights/incoming/2013-{month:02d}.csv"


def _broken(text: str) -> str:
    """A delivery in which hours are written as 24 to 47: somebody counted from noon of the day before."""
    header, *lines = text.splitlines()
    place = header.split(",").index("hour")
    broken = []
    for line in lines[:5000]:
        values = line.split(",")
        values[place] = str(int(values[place]) + 24)
        broken.append(",".join(values))
    return "\n".join([header, *broken]) + "\n"


def _check(delivered: str, here: Kubectl, *, after: str) -> str:
    return _ask(delivered, "check", delivered, here, after=after)


def _ask(label: str, action: str, text: str, here: Kubectl, *, after: str) -> str:
    """A person's request by annotation, and the row of its run."""
    here("annotate", "rtp", POLICY, f"retrain.dev/{action}={text}", "--overwrite")
    return _row(label, here, after=after)


def _status(here: Kubectl) -> dict[str, Any]:
    status: dict[str, Any] = (here.get("rtp", POLICY) or {}).get("status") or {}
    return status


def _row(delivered: str, here: Kubectl, *, after: str) -> str:
    """Prints the run that follows Job `after`, once it is recorded; returns its Job."""
    begun = time.monotonic()

    def recorded() -> dict[str, Any] | None:
        status = _status(here)
        runs = status.get("runs") or [{"job": ""}]
        return status if runs[0]["job"] != after else None

    def described() -> str:
        return here("describe", "rtp", POLICY)

    status = eventually(f"the run for {delivered}", recorded, seconds=300, every=0.3, describe=described)
    run = status["runs"][0]
    version = f"v{status['modelVersion']}" if "modelVersion" in status else "-"
    print(
        f"{delivered:<14}{run['outcome']:<14}{run.get('trigger', '-'):<16}{version:<10}{status.get('score', '-'):<8}"
        f"{status.get('accuracy', '-'):<10}{time.monotonic() - begun:<7.1f}{run.get('message', '')}",
        flush=True,
    )
    return str(run["job"])


def _remove_namespace(kubectl: Kubectl, cluster: Cluster) -> None:
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=180)
    cluster.recycle_volumes()


def _down() -> int:
    cluster = ensure_up()
    kubectl = Kubectl(binary=cluster.kubectl, kubeconfig=cluster.kubeconfig)
    _remove_namespace(kubectl, cluster)
    kubectl("delete", "-k", str(REPOSITORY / "manifests"), "--ignore-not-found", timeout=180)
    return 0


if __name__ == "__main__":
    sys.exit(main())
