"""examples/serve, started for real on this machine: predictions by name, health, a new champion without a restart."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml

from tests.support.polling import eventually
from tests.unit.trainer.run.builders import Site

REPOSITORY = Path(__file__).parents[3]
ROWS = [{"speed": 2.5, "load": 0.0, "site": "A"}, {"speed": -2.5, "load": 0.0, "site": "B"}]


@contextmanager
def _service(location: str, log: Path) -> Iterator[str]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, REPOSITORY / "examples/serve/serve.py", location, "--port", "0", "--every", "0.2"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "trainer")},
        )
    try:
        found = eventually(
            "the service listens",
            lambda: re.search(r"listening on (http://127\.0\.0\.1:[0-9]+)", log.read_text()),
            seconds=60,
            describe=log.read_text,
        )
        yield found[1]
    finally:
        process.kill()
        process.wait(timeout=30)


def _asked(url: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(Request(url, data=body), timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_the_champion_is_served_and_a_new_one_picked_up(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    site.add(days=40)
    log = tmp_path / "serve.log"
    with _service(str(site.registry), log) as url:
        status, told = _asked(f"{url}/healthz")
        assert (status, told["version"]) == (503, None)
        assert "has no champion" in told["problem"]
        assert _asked(f"{url}/predict", b"{}")[0] == 503

        assert site.run()["outcome"] == "Promoted"
        eventually("version 1 is served", lambda: _asked(f"{url}/healthz")[0] == 200, seconds=60)
        body = json.dumps({"rows": ROWS}).encode()
        assert _asked(f"{url}/predict", body) == (200, {"version": 1, "predictions": ["true", "false"]})

        site.add(days=30, relation="reversed")
        assert site.run()["outcome"] == "Promoted"
        eventually("version 2 is served", lambda: _asked(f"{url}/healthz")[1]["version"] == 2, seconds=60)
        assert _asked(f"{url}/predict", body) == (200, {"version": 2, "predictions": ["false", "true"]})

        for bad in (b"", b"[]", b"{", b'{"rows": []}', b'{"rows": [1]}', b'{"rows": [{"speed": 1.0}]}'):
            status, told = _asked(f"{url}/predict", bad)
            assert status == 400, told
            assert "rows" in told["error"]
        assert _asked(f"{url}/nothing")[0] == 404

        # A champion that cannot be loaded is told, and the one before goes on.
        (site.registry / f"promotions/{2:020d}.json").write_bytes(b"{")
        eventually("the damage is told", lambda: "promotions" in _asked(f"{url}/healthz")[1]["problem"], seconds=60)
        assert _asked(f"{url}/predict", body)[1]["version"] == 2


def test_the_manifest_in_the_readme_is_yaml_that_names_what_is_there() -> None:
    text = (REPOSITORY / "examples/serve/README.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    container = yaml.safe_load(block)["spec"]["template"]["spec"]["containers"][0]
    assert Path(container["command"][1]).name == "serve.py"
    assert (REPOSITORY / "examples/serve/serve.py").exists()
