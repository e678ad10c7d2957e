"""One namespace, and everybody in it but the operator: people, kubelet, Job controller and garbage collector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.operator.labels import job_role
from tests.faults.operator.server import GROUPS, Api, ApiError
from tests.support.policies import a_message, ended_job_status, ended_pod

#: Seconds that people wait for what they asked for.
PATIENCE = 20.0


def _role(plural: str, body: dict[str, Any]) -> str:
    if plural == "jobs":
        return job_role(body)
    return str(body["reason"] if plural == "events" else body["metadata"]["name"])


class TooLate(AssertionError):
    """Something did not come in time."""


@dataclass(slots=True)
class Seen:
    """What a watch past the proxy saw of one object. `changes`: writes that changed it, whoever made them."""

    what: str
    body: dict[str, Any]
    changes: int = 0
    deleted: bool = False


@dataclass(slots=True)
class World:
    """The namespace as the API server itself tells it; `kept` has every object that ever was, by UID."""

    api: Api
    namespace: str
    patience: float = PATIENCE
    kept: dict[str, Seen] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _watchers: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> World:
        await self.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        # No controller makes it here, and pods need it.
        account = {"metadata": {"name": "default"}}
        await self.api.call("POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts", account)
        self._watchers = [asyncio.create_task(self._watch(plural)) for plural in (*GROUPS, "events")]
        self._watchers.append(asyncio.create_task(self._collect_garbage()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._watchers:
            task.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    def path(self, plural: str, name: str = "", sub: str = "") -> str:
        """Path of a collection, object or subresource in this namespace."""
        group = GROUPS.get(plural, "/api/v1")
        return "/".join(part for part in (group, "namespaces", self.namespace, plural, name, sub) if part)

    async def _watch(self, plural: str) -> None:
        async for event in self.api.watch(self.path(plural)):
            body = event["object"]
            uid = body["metadata"]["uid"]
            seen = self.kept.get(uid)
            if seen is None:
                seen = self.kept[uid] = Seen(what=f"{plural} {_role(plural, body)}", body=body)
            seen.body, seen.deleted = body, event["type"] == "DELETED"
            seen.changes += 1
            self._changed.set()
            self._ended.set()

    def present(self, plural: str) -> list[dict[str, Any]]:
        """The objects of a kind that exist now, as the watch last saw them."""
        found = [seen.body for seen in self.kept.values() if seen.what.startswith(plural + " ") and not seen.deleted]
        return sorted(found, key=lambda body: (body["metadata"]["creationTimestamp"], body["metadata"]["name"]))

    async def until(self, what: str, look: Callable[[], Any]) -> Any:
        """The first true answer of `look`. Raises TooLate with `what`."""
        seconds = self.patience
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (answer := look()):
            for watcher in self._watchers:
                if watcher.done():
                    watcher.result()
                    raise AssertionError("a watch of the test has ended")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), timeout=deadline - loop.time())
            except TimeoutError:
                raise TooLate(f"not within {seconds:g} s: {what}") from None
        return answer

    def policy(self, name: str = "flights") -> dict[str, Any]:
        """The policy, or an empty mapping."""
        return next((body for body in self.present("retrainpolicies") if body["metadata"]["name"] == name), {})

    def status(self, name: str = "flights") -> Mapping[str, Any]:
        """Its status."""
        found: Mapping[str, Any] = self.policy(name).get("status") or {}
        return found

    def job(self, role: str, policy: str = "flights") -> dict[str, Any] | None:
        """The Job of a role that the policy controls, if it exists."""
        uid = self.policy(policy).get("metadata", {}).get("uid")
        for body in self.present("jobs"):
            owners = body["metadata"].get("ownerReferences", [])
            if job_role(body) == role and any(owner["uid"] == uid for owner in owners):
                return body
        return None

    async def apply(self, body: Mapping[str, Any]) -> None:
        """A person's `kubectl apply --server-side`."""
        path = self.path("retrainpolicies", body["metadata"]["name"]) + "?fieldManager=person&force=true"
        await self.api.call("PATCH", path, body, content_type="application/apply-patch+yaml")

    async def annotate(self, annotations: Mapping[str, str | None], name: str = "flights") -> None:
        """A person's `kubectl annotate`."""
        patch = {"metadata": {"annotations": annotations}}
        await self.api.call(
            "PATCH", self.path("retrainpolicies", name), patch, content_type="application/merge-patch+json"
        )

    async def delete(self, plural: str, name: str) -> None:
        """A deletion, in the background; what is gone already is fine."""
        try:
            options = {"propagationPolicy": "Background"}
            await self.api.call("DELETE", self.path(plural, name), options)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _collect_garbage(self) -> None:
        """Deletes what was controlled by something that is gone, as the garbage collector does."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            for plural in ("cronjobs", "jobs"):
                for body in self.present(plural):
                    owners = [self.kept.get(owner["uid"]) for owner in body["metadata"].get("ownerReferences", [])]
                    if owners and all(owner is not None and owner.deleted for owner in owners):
                        await self.delete(plural, body["metadata"]["name"])

    async def end_run(
        self, job: dict[str, Any], *, message: Mapping[str, Any] | str | None = None, exit_code: int = 0
    ) -> None:
        """What kubelet and Job controller write when a run ends; without a message version 1 is promoted."""
        told = a_message(job) if message is None else message
        text = told if isinstance(told, str) else json.dumps(told)
        pod, status = ended_pod(job, message=text, exit_code=exit_code)
        name = pod["metadata"]["name"]
        await self.api.call("POST", self.path("pods"), pod)
        await self._patch_status("pods", name, status)
        await self._patch_status("jobs", job["metadata"]["name"], ended_job_status(job, exit_code=exit_code))

    async def _patch_status(self, plural: str, name: str, status: Mapping[str, Any]) -> None:
        path = self.path(plural, name, "status")
        await self.api.call("PATCH", path, {"status": status}, content_type="application/merge-patch+json")
