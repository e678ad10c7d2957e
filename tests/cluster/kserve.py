"""KServe's own CRD of InferenceService, out of its Go module: fetched once, never committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.cluster.command import run
from tests.cluster.console import ClusterError, step
from tests.cluster.golang import find_go
from tests.cluster.state import State

_MODULE: Final = "github.com/kserve/kserve@v0.15.2"
_CRD: Final = Path("config/crd/full/serving.kserve.io_inferenceservices.yaml")


def inference_service_crd(*, state: State) -> Path:
    """The file, to be applied server-side: it is too long for the annotation of `kubectl apply`."""
    found = state.root / "kserve" / "inferenceservices.yaml"
    with state.locked():
        if not found.exists():
            with step("fetch KServe's CRD"):
                told = run([find_go(state=state), "mod", "download", "-json", _MODULE], cwd=state.root)
                source = Path(json.loads(told)["Dir"]) / _CRD
                if not source.exists():
                    raise ClusterError(f"{_MODULE} has no {_CRD}")
                found.parent.mkdir(parents=True, exist_ok=True)
                found.write_bytes(source.read_bytes())
    return found
