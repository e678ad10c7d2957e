"""A real Kubernetes for the demo and the tests: no mock stands in for it.

`ensure_up()` chooses a cluster (the user's own when asked for, kind, or one node from upstream Kubernetes), brings it
up or repairs it, and returns it. On the command line: `python -m tests.cluster up`.
"""

from tests.cluster.cluster import Cluster, ensure_up
from tests.cluster.console import ClusterError

__all__ = ["Cluster", "ClusterError", "ensure_up"]
