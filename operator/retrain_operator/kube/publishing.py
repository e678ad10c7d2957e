"""The requests that publish a champion. What is not ours to write is never written: the answer says whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from retrain_operator.api import names, raw, reasons
from retrain_operator.kube.client import APPLY, ApiError, KubeApi
from retrain_operator.kube.resources import CORE, path_of
from retrain_operator.planning.observed import Cause, Publish

_KSERVE = f"/apis/{names.KSERVE_VERSION}"


class Outdated(Exception):
    """The policy is no longer as it was planned from; nothing was written."""


async def publish(
    api: KubeApi, *, wanted: Publish, is_current: Callable[[], Awaitable[bool]]
) -> tuple[Cause | None, bool]:
    """Makes it so, unless it is so: why it could not be (None: it stands), and whether anything was written.

    `is_current` is asked before a write: an operator that is behind must not bring an earlier version back.

    Raises:
        Outdated: see there.
        ApiError: 409 where the object changed meanwhile, 429, 5xx: look again soon.
        aiohttp.ClientError, TimeoutError: no answer.
    """
    try:
        if wanted.target == "configMap":
            return await _configmap(api, wanted=wanted, is_current=is_current)
        return await _inference_service(api, wanted=wanted, is_current=is_current)
    except _Unconfirmed as unconfirmed:
        raise unconfirmed.error from None
    except ApiError as error:
        if error.status == 403:
            where = "manifests/publishing, for one namespace manifests/namespaced/publishing, has the rights it needs"
            message = f"the operator may not: {error.message} ({where})"
            return Cause(reason=reasons.PUBLISHING_NOT_ALLOWED, message=message), False
        if error.status in (400, 422):
            return Cause(reason=reasons.REFUSED_BY_API, message=f"{_what(wanted)}: {error.message}"), False
        if error.status >= 500 and "webhook" in error.message:  # one that is down stays so for a while
            return Cause(reason=reasons.RETRYING, message=f"{_what(wanted)}: {error.message}"), False
        raise


async def _configmap(
    api: KubeApi, *, wanted: Publish, is_current: Callable[[], Awaitable[bool]]
) -> tuple[Cause | None, bool]:
    live = await _get(api, group=CORE, plural="configmaps", wanted=wanted)
    query = {"fieldManager": names.MANAGER}
    if live is None:
        await _confirm(is_current)
        path = path_of(CORE, "configmaps", namespace=_namespace(wanted))
        await api.request("POST", path, query=query, body=wanted.body)
        return None, True
    metadata, asked = raw.mapping(live.get("metadata")), wanted.body["metadata"]
    labels, annotations = raw.mapping(metadata.get("labels")), raw.mapping(metadata.get("annotations"))
    if (
        labels.get(names.LABEL_MANAGED_BY) != names.MANAGER
        or annotations.get(names.ANNOTATION_POLICY) != asked["annotations"][names.ANNOTATION_POLICY]
    ):
        whose = annotations.get(names.ANNOTATION_POLICY)
        told = f"is that of policy {whose}" if whose else "was made by somebody else"
        message = f"{_what(wanted)} {told}; it is left alone. Choose another name, or remove it"
        return Cause(reason=reasons.NAME_CONFLICT, message=message), False
    if live.get("data") == wanted.body["data"] and not live.get("binaryData"):
        return None, False
    body = {
        **wanted.body,
        "metadata": {
            "name": wanted.name,
            "namespace": _namespace(wanted),
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
            "labels": {**labels, **asked["labels"]},
            "annotations": {**annotations, **asked["annotations"]},
            **{name: metadata[name] for name in ("ownerReferences", "finalizers") if name in metadata},
        },
    }
    await _confirm(is_current)
    path = path_of(CORE, "configmaps", namespace=_namespace(wanted), name=wanted.name)
    await api.request("PUT", path, query=query, body=body)
    return None, True


async def _inference_service(
    api: KubeApi, *, wanted: Publish, is_current: Callable[[], Awaitable[bool]]
) -> tuple[Cause | None, bool]:
    live = await _get(api, group=_KSERVE, plural="inferenceservices", wanted=wanted)
    if live is None:
        message = f"{_what(wanted)} is not there, or KServe is not installed; the operator makes none"
        return Cause(reason=reasons.INFERENCE_SERVICE_MISSING, message=message), False
    metadata, policy = raw.mapping(live.get("metadata")), wanted.policy
    if raw.at(metadata, "annotations", names.ANNOTATION_POLICY) != policy:
        message = f"{_what(wanted)} does not let this policy in; annotate it with {names.ANNOTATION_POLICY}: {policy}"
        return Cause(reason=reasons.NOT_OPTED_IN, message=message), False
    uri = raw.at(wanted.body, "spec", "predictor", "model", "storageUri")
    if raw.at(live, "spec", "predictor", "model", "storageUri") == uri:
        return None, False
    await _confirm(is_current)
    identity = {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")}
    body = {**wanted.body, "metadata": {**wanted.body["metadata"], **identity}}
    path = path_of(_KSERVE, "inferenceservices", namespace=_namespace(wanted), name=wanted.name)
    try:
        # Never forced: what somebody else has set is theirs.
        await api.request("PATCH", path, query={"fieldManager": names.PUBLISHER}, body=body, content_type=APPLY)
    except ApiError as error:
        if error.status == 409 and "conflict" in error.message.lower() and "modified" not in error.message:
            message = f"{_what(wanted)}: {error.message}; leave storageUri out of what they apply"
            return Cause(reason=reasons.FIELD_CONFLICT, message=raw.cut(message, 1000)), False
        raise
    return None, True


class _Unconfirmed(Exception):
    """The policy could not be read: nothing is known about the place."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(str(error))
        self.error = error


async def _confirm(is_current: Callable[[], Awaitable[bool]]) -> None:
    try:
        current = await is_current()
    except ApiError as error:
        raise _Unconfirmed(error) from error
    if not current:
        raise Outdated


async def _get(api: KubeApi, *, group: str, plural: str, wanted: Publish) -> Mapping[str, Any] | None:
    try:
        return await api.request("GET", path_of(group, plural, namespace=_namespace(wanted), name=wanted.name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _namespace(wanted: Publish) -> str:
    return str(wanted.body["metadata"]["namespace"])


def _what(wanted: Publish) -> str:
    return f"{wanted.body['kind']} {wanted.name}"
