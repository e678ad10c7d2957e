"""What it costs to hear of every CronJob and Job: kopf as the pump, against the operator's own list and watch.

python -m bench.watching [--policies 1000] [--jobs 3]

A real API server holds the policies, a CronJob each, and Jobs of each. A process of its own starts, fills its cache and
then hears of one change of every Job. kopf watches the policies in both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kopf
from kubernetes.aio import client
from retrain_operator.api import names
from retrain_operator.api.admin import AdminSettings
from retrain_operator.api.policy import policy_view
from retrain_operator.cache import Cache
from retrain_operator.kube.client import KubeApi
from retrain_operator.lists import CRONJOBS, JOBS, list_everything
from retrain_operator.planning.children import desired_cronjob, desired_job
from retrain_operator.planning.digests import digests_of
from retrain_operator.planning.requests import Request
from retrain_operator.planning.schedule import read_schedule
from retrain_operator.queue import WorkQueue
from retrain_operator.reflector import Reflector
from retrain_operator.settings import Settings
from retrain_operator.watch import event_registry, operator_settings

from tests.faults.operator.server import Api, Server, ready_server
from tests.support.policies import a_policy

RESULTS = Path(__file__).parent / "results" / "watching.json"
NAMESPACE = "watched"
ADMIN = AdminSettings(trainer_image="retrain-trainer:0.1.0")
#: The change of a Job: any label that the selector does not look at.
CHANGED = "bench/changed"
PUMPS = ("kopf", "own")


class _Counting(Cache):
    """The cache, and how many Jobs have told of their change."""

    changed = 0

    def hear_job(self, body: Mapping[str, Any], *, deleted: bool) -> str:
        self.changed += CHANGED in body["metadata"]["labels"]
        return super().hear_job(body, deleted=deleted)


def _usage(*, began: float) -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / 1024
    return {"seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "peak_mib": peak}


async def _child(*, pump: str, server: Server, policies: int, jobs: int) -> None:
    """Prints what it took to fill the cache, then what it took to hear of every change."""
    logging.disable(logging.CRITICAL)
    configuration = client.Configuration(host=server.url)
    configuration.ssl_ca_cert = server.ca
    configuration.api_key["authorization"] = server.operator_token
    configuration.api_key_prefix["authorization"] = "Bearer"
    began = time.monotonic()
    api, cache, queue = KubeApi(configuration=configuration), _Counting(), WorkQueue()
    versions = await list_everything(api=api, cache=cache, namespaces=(NAMESPACE,))
    registry = event_registry(api=api, cache=cache, queue=queue, watches=lambda: None)
    settings = operator_settings(inactivity_seconds=90)
    tasks = []
    heard = {"cronjobs": 0, "jobs": 0}
    if pump == "kopf":
        settings.watching.label_selectors["batch/v1", "cronjobs"] = CRONJOBS.selector
        settings.watching.label_selectors["batch/v1", "jobs"] = JOBS.selector

        @kopf.on.event("batch", "v1", "cronjobs", registry=registry)
        async def cronjob_event(event: kopf.RawEvent, **_: Any) -> None:
            heard["cronjobs"] += 1
            cache.hear_cronjob(event["object"], deleted=event["type"] == "DELETED")

        @kopf.on.event("batch", "v1", "jobs", registry=registry)
        async def job_event(event: kopf.RawEvent, **_: Any) -> None:
            heard["jobs"] += 1
            cache.hear_job(event["object"], deleted=event["type"] == "DELETED")

    else:
        heard = {"cronjobs": policies, "jobs": jobs}
        for kind in (CRONJOBS, replace(JOBS, hear=_Counting.hear_job)):
            reflector = Reflector(
                api=api,
                cache=cache,
                queue=queue,
                kind=kind,
                namespace=NAMESPACE,
                settings=Settings(namespaces=(NAMESPACE,)),
            )
            tasks.append(asyncio.create_task(reflector.follow(since=versions[kind.plural])))
    ready = asyncio.Event()
    tasks.append(
        asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=settings,
                standalone=True,
                namespaces=[NAMESPACE],
                ready_flag=ready,
                identity=names.MANAGER,  # type: ignore[arg-type]
            )
        )
    )
    await ready.wait()
    while heard["cronjobs"] < policies or heard["jobs"] < jobs or len(cache.policies) < policies:
        await asyncio.sleep(0.01)
    await asyncio.sleep(2)  # both pumps are at rest: what kopf does after the last object is its cost too
    filled = _usage(began=began)
    print(json.dumps(filled), flush=True)
    while cache.changed < jobs:
        await asyncio.sleep(0.01)
    changed = _usage(began=began)
    print(json.dumps({**changed, "cpu": changed["cpu"] - filled["cpu"]}), flush=True)
    os._exit(0)


def _objects(*, number: int, uid: str, jobs: int) -> list[tuple[str, dict[str, Any]]]:
    body = a_policy(f"policy-{number}", schedule="30 3 1 1 *")
    policy = policy_view({**body, "metadata": {**body["metadata"], "namespace": NAMESPACE, "uid": uid}})
    schedule = read_schedule(text="30 3 1 1 *", time_zone="Etc/UTC", seed=uid, minimum_interval_seconds=60)
    digests = digests_of(policy=policy)
    made = [("cronjobs", desired_cronjob(policy=policy, schedule=schedule, admin=ADMIN, digests=digests))]
    for each in range(jobs):
        request = Request(action="check", cause="Request", token=str(each), text=str(each))
        made.append(("jobs", desired_job(policy=policy, admin=ADMIN, digests=digests, request=request)))
    return made


async def _gather(tasks: list[Any], *, lanes: int = 16) -> None:
    gate = asyncio.Semaphore(lanes)

    async def one(task: Any) -> None:
        async with gate:
            await task

    await asyncio.gather(*(one(task) for task in tasks))


async def _fill(*, api: Api, policies: int, jobs: int) -> list[str]:
    """Makes everything; returns the names of the Jobs."""
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    found: list[str] = []

    async def one(number: int) -> None:
        path = f"/apis/retrain.dev/v1alpha1/namespaces/{NAMESPACE}/retrainpolicies"
        policy = await api.call("POST", path, a_policy(f"policy-{number}", schedule="30 3 1 1 *"))
        for plural, body in _objects(number=number, uid=policy["metadata"]["uid"], jobs=jobs):
            await api.call("POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/{plural}", body)
            if plural == "jobs":
                found.append(body["metadata"]["name"])

    await _gather([one(number) for number in range(policies)])
    return found


async def _measure(*, pump: str, server: Server, api: Api, policies: int, names_of_jobs: list[str]) -> dict[str, Any]:
    told = json.dumps([pump, server.url, server.ca, server.operator_token, policies, len(names_of_jobs)])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.watching", "--child", told, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    filled = json.loads(await process.stdout.readline())
    began = time.monotonic()
    path = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    change = {"metadata": {"labels": {CHANGED: str(time.time_ns())}}}
    await _gather(
        [
            api.call("PATCH", f"{path}/{name}", change, content_type="application/merge-patch+json")
            for name in names_of_jobs
        ]
    )
    patched = time.monotonic()
    changed = json.loads(await process.stdout.readline())
    behind = time.monotonic() - patched
    await process.wait()
    clean = {"metadata": {"labels": {CHANGED: None}}}
    await _gather(
        [
            api.call("PATCH", f"{path}/{name}", clean, content_type="application/merge-patch+json")
            for name in names_of_jobs
        ]
    )
    return {
        "pump": pump,
        "fill_seconds": filled["seconds"] - 2,
        "fill_cpu_seconds": filled["cpu"],
        "fill_peak_mib": filled["peak_mib"],
        "change_cpu_seconds": changed["cpu"],
        "change_seconds": patched - began,
        "behind_seconds": behind,
        "peak_mib": changed["peak_mib"],
    }


async def _bench(*, server: Server, policies: int, jobs: int, rounds: int) -> list[dict[str, Any]]:
    async with Api(server=server) as api:
        found = await _fill(api=api, policies=policies, jobs=jobs)
        return [
            await _measure(pump=pump, server=server, api=api, policies=policies, names_of_jobs=found)
            for _ in range(rounds)
            for pump in PUMPS
        ]


def main() -> None:
    """Prints a table and writes bench/results/watching.json."""
    parser = argparse.ArgumentParser(prog="python -m bench.watching", description=__doc__.splitlines()[0])
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=3, help="Jobs of each policy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        pump, url, ca, token, policies, jobs = json.loads(options.child)
        server = Server(url=url, ca=ca, admin_token="", operator_token=token)
        asyncio.run(_child(pump=pump, server=server, policies=policies, jobs=jobs))
    with tempfile.TemporaryDirectory(), ready_server() as server:
        rows = asyncio.run(_bench(server=server, policies=options.policies, jobs=options.jobs, rounds=options.rounds))
    print(f"{options.policies:,} policies and CronJobs, {options.policies * options.jobs:,} Jobs")
    print(
        "| pump | filled, s | CPU, s | a change of every Job: CPU, s | behind the last, s | peak, MiB |"
        "\n|---|---|---|---|---|---|"
    )
    for row in rows:
        print(
            f"| {row['pump']} | {row['fill_seconds']:.1f} | {row['fill_cpu_seconds']:.1f} |"
            f" {row['change_cpu_seconds']:.1f} | {row['behind_seconds']:.2f} | {row['peak_mib']:.0f} |"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    made = datetime.now(tz=UTC).date().isoformat()
    RESULTS.write_text(json.dumps({"date": made, "processors": os.cpu_count(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
