"""`python -m tests.cluster`: the cluster of the demo and the tests from the command line."""

from __future__ import annotations

import argparse
import sys
import time

from tests.cluster import embedded, kind, loading, store
from tests.cluster.choice import choose, this_machine
from tests.cluster.cluster import Cluster, ensure_up, find
from tests.cluster.console import ClusterError, say
from tests.cluster.settings import TAG, TARGETS
from tests.cluster.state import default_state


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "up":
        begun = time.monotonic()
        cluster = ensure_up()
        say(f"up in {time.monotonic() - begun:.1f} s; export KUBECONFIG={cluster.kubeconfig}")
        return 0
    chosen, _ = choose(this_machine())
    state = default_state()
    if arguments.command == "down":
        if chosen == "kind":
            kind.down(state=state)
        elif chosen == "embedded":
            with state.locked():
                embedded.down(state=state, purge=arguments.purge)
        return 0
    cluster = find(chosen=chosen, state=state)
    if not cluster.kubeconfig.exists() and arguments.command != "build":
        raise ClusterError("not up; start it with: python -m tests.cluster up")
    if arguments.command == "kubeconfig":
        print(cluster.kubeconfig)
    elif arguments.command == "load":
        for image in arguments.images:
            cluster.load(image)
    elif arguments.command == "build":
        for target in arguments.targets or TARGETS:
            print(cluster.build(target, tag=arguments.tag))
    elif arguments.command == "images":
        _print_images(cluster=cluster)
    else:
        return _print_status(cluster=cluster)
    return 0


def _print_images(*, cluster: Cluster) -> None:
    if cluster.kind != "embedded":
        raise ClusterError(f"images are listed for the embedded cluster only, this is {cluster.kind}")
    print("built:")
    print(store.buildah(state=cluster.state, words=["images"]), end="")
    print("loaded:")
    for name, digest in sorted(loading.loaded_images(state=cluster.state).items()):
        if not name.startswith("sha256:"):
            print(f"{name}  {digest}")


def _print_status(*, cluster: Cluster) -> int:
    if cluster.kind != "embedded":
        print(f"{cluster.kind}: {cluster.kubeconfig}")
        return 0
    rows = embedded.status(state=cluster.state)
    for row in rows:
        print(f"{row.name:<24}{row.pid or '-':>8}  {'healthy' if row.healthy else 'DOWN':<8}{row.memory:>6} MiB")
    ready = embedded.node_ready(state=cluster.state)
    print(f"{'node':<24}{'':>8}  {'Ready' if ready else 'not Ready'}")
    return 0 if ready and all(row.healthy for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the cluster, or repair it")
    down = commands.add_parser("down", help="stop it; programs and images built stay")
    down.add_argument("--purge", action="store_true", help="remove those too")
    commands.add_parser("status", help="components with process, health and memory")
    commands.add_parser("kubeconfig", help="print the path of its kubeconfig")
    load = commands.add_parser("load", help="make built images known to the node")
    load.add_argument("images", nargs="+", metavar="IMAGE")
    build = commands.add_parser("build", help="build images from the Dockerfile and load them")
    build.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: {' '.join(TARGETS)}")
    build.add_argument("--tag", default=TAG)
    commands.add_parser("images", help="what is built, what is loaded")
    return parser


if __name__ == "__main__":
    sys.exit(main())
