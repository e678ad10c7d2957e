"""The requests of the operator, each in one place: what is read, and exactly how each kind of object is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from retrain_operator.api import names
from retrain_operator.api.children import CronJobView
from retrain_operator.api.policy import Policy, PolicyKey
from retrain_operator.kube.client import APPLY, MERGE, ApiError, KubeApi

POLICIES = f"/apis/{names.API_VERSION}"
BATCH = "/apis/batch/v1"
CORE = "/api/v1"

_PAGE = "500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Objects and the resourceVersion as of which they are complete."""

    items: list[dict[str, Any]]
    resource_version: str


def path_of(group: str, plural: str, *, namespace: str | None = None, name: str | None = None, sub: str = "") -> str:
    """The path of a kind in a namespace or all, of one object, of its subresource."""
    path = group
    if namespace is not None:
        path += f"/namespaces/{quote(namespace, safe='')}"
    path += f"/{plural}"
    if name is not None:
        path += f"/{quote(name, safe='')}"
    return f"{path}/{sub}" if sub else path


async def list_all(
    api: KubeApi, *, group: str, plural: str, namespace: str | None = None, selector: str = ""
) -> Listing:
    """Every object, page by page, as of one moment."""
    query = {"limit": _PAGE}
    if selector:
        query["labelSelector"] = selector
    items: list[dict[str, Any]] = []
    while True:
        page = await api.request("GET", path_of(group, plural, namespace=namespace), query=query)
        items += page.get("items", [])
        metadata = page.get("metadata", {})
        if not metadata.get("continue"):
            return Listing(items=items, resource_version=str(metadata.get("resourceVersion", "")))
        query["continue"] = metadata["continue"]


async def get_policy(api: KubeApi, *, key: PolicyKey) -> dict[str, Any] | None:
    """A policy, live; None if it does not exist."""
    try:
        return await api.request("GET", path_of(POLICIES, names.PLURAL, namespace=key.namespace, name=key.name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


async def get_child(api: KubeApi, *, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
    """A CronJob or Job, live; None if it does not exist."""
    try:
        return await api.request("GET", path_of(BATCH, plural, namespace=namespace, name=name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


async def create_child(api: KubeApi, *, plural: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST of a CronJob or Job. ApiError 409: the name is taken, and the owner decides by whom."""
    path = path_of(BATCH, plural, namespace=body["metadata"]["namespace"])
    return await api.request("POST", path, query={"fieldManager": names.MANAGER}, body=body)


async def replace_cronjob(api: KubeApi, *, seen: CronJobView, body: Mapping[str, Any]) -> dict[str, Any]:
    """PUT onto exactly the object that was seen; ApiError 409 if it changed or was made anew meanwhile.

    A replacement, not server-side apply: what was created by POST is owned by the same manager as an update, and a
    field that an apply leaves out would stay for ever. Labels, annotations and finalizers of others are kept.
    """
    wanted = body["metadata"]
    metadata = {
        "name": seen.name,
        "namespace": seen.namespace,
        "uid": seen.uid,
        "resourceVersion": seen.resource_version,
        "labels": {**seen.labels, **wanted.get("labels", {})},
        "annotations": {**seen.annotations, **wanted.get("annotations", {})},
        "ownerReferences": wanted.get("ownerReferences") or seen.owner_references,
        "finalizers": list(seen.finalizers),
    }
    whole = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": body["spec"]}
    path = path_of(BATCH, "cronjobs", namespace=seen.namespace, name=seen.name)
    return await api.request("PUT", path, query={"fieldManager": names.MANAGER}, body=whole)


async def apply_status(api: KubeApi, *, policy: Policy, status: Mapping[str, Any]) -> dict[str, Any]:
    """Server-side apply of the whole status onto the very object that was planned from.

    Without uid and resourceVersion the API would take a status meant for an object that was deleted and made anew
    under the same name, or one from an operator that has lost its lead. ApiError 409: observe and plan again.
    """
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": policy.key.name,
            "namespace": policy.key.namespace,
            "uid": policy.uid,
            "resourceVersion": policy.resource_version,
        },
        "status": status,
    }
    path = path_of(POLICIES, names.PLURAL, namespace=policy.key.namespace, name=policy.key.name, sub="status")
    query = {"fieldManager": names.MANAGER, "force": "true"}
    return await api.request("PATCH", path, query=query, body=body, content_type=APPLY)


async def mark_recorded(
    api: KubeApi, *, namespace: str, name: str, uid: str, ttl_seconds: int
) -> dict[str, Any] | None:
    """Label and TTL on a Job whose result stands in the status; None if it is gone (an apply would make it)."""
    body = {
        "metadata": {"uid": uid, "labels": {names.LABEL_RECORDED: "true"}},
        "spec": {"ttlSecondsAfterFinished": ttl_seconds},
    }
    path = path_of(BATCH, "jobs", namespace=namespace, name=name)
    try:
        return await api.request("PATCH", path, query={"fieldManager": names.MANAGER}, body=body, content_type=MERGE)
    except ApiError as error:
        # 409: the uid differs, so this is another Job of that name.
        if error.status in (404, 409):
            return None
        raise


async def pods_of_job(api: KubeApi, *, namespace: str, job_uid: str) -> list[dict[str, Any]]:
    """The pods of one Job."""
    query = {"labelSelector": f"{names.LABEL_CONTROLLER_UID}={job_uid}"}
    page = await api.request("GET", path_of(CORE, "pods", namespace=namespace), query=query)
    items: list[dict[str, Any]] = page.get("items", [])
    return items


async def events_of(api: KubeApi, *, namespace: str, kind: str, uid: str) -> list[dict[str, Any]]:
    """The Events about one object."""
    query = {"fieldSelector": f"involvedObject.kind={kind},involvedObject.uid={uid}"}
    page = await api.request("GET", path_of(CORE, "events", namespace=namespace), query=query)
    items: list[dict[str, Any]] = page.get("items", [])
    return items


async def create_event(api: KubeApi, *, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST of one Event."""
    return await api.request("POST", path_of(CORE, "events", namespace=namespace), body=body)
