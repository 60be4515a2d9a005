"""Wait until an object is as it was asked for, until it cannot become so, or until it is gone."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stacks.rehearsal.kubernetes.api import KubernetesApi, Object, ObjectRef, ref_of
from stacks.rehearsal.kubernetes.readiness import READY, Phase, Verdict, condition, has_pods, judge
from stacks.rehearsal.plugins.errors import RehearsalError

SKIP = "pulumi.com/skipAwait"
TIMEOUT = "pulumi.com/timeoutSeconds"
_POLL_S = 0.2
# Why a container waits that will not start without a change.
_HOPELESS = frozenset(
    ("CrashLoopBackOff", "CreateContainerConfigError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName")
)


class NotReadyError(RehearsalError):
    """An object is not as it was asked for; `live` is what it is."""

    def __init__(self, message: str, live: Object) -> None:
        super().__init__(message)
        self.live = live


@dataclass(frozen=True)
class Patience:
    """How long to wait in seconds: for readiness, for removal, and for the scheduler to find room after all.

    No node is added in a rehearsal, so pods that find no room for `unschedulable_s` are judged never to; the official
    provider waits for its whole time.
    """

    ready_s: float = 300.0
    gone_s: float = 120.0
    unschedulable_s: float = 8.0


class Awaiter:
    """Wait for objects of one API server; `cancelled` ends every wait."""

    def __init__(self, api: KubernetesApi, cancelled: threading.Event, patience: Patience) -> None:
        self._api = api
        self._cancelled = cancelled
        self._patience = patience

    def with_patience(self, ready_s: float | None) -> "Awaiter":
        """Return an awaiter that waits so long for readiness; None changes nothing."""
        patience = self._patience if ready_s is None else replace(self._patience, ready_s=float(ready_s))
        return Awaiter(self._api, self._cancelled, patience)

    def until_ready(self, item: Object) -> Object:
        """Return the object once it is ready. Raises NotReadyError with the scheduler's or a container's reason."""
        ref, annotations = ref_of(item), item["metadata"].get("annotations") or {}
        if annotations.get(SKIP) == "true":
            return item
        timeout_s = float(annotations.get(TIMEOUT) or self._patience.ready_s)
        deadline = time.monotonic() + timeout_s
        stuck_since: float | None = None
        while True:
            verdict = self._judge(item)
            if verdict.phase is Phase.READY:
                return item
            if verdict.phase is Phase.FAILED:
                raise NotReadyError(f"{ref} failed: {verdict.reason}", item)
            obstacle = self._obstacle(item)
            now = time.monotonic()
            stuck_since = (stuck_since or now) if obstacle else None
            if stuck_since is not None and now - stuck_since >= self._patience.unschedulable_s:
                raise NotReadyError(f"{ref} cannot become ready: {obstacle}", item)
            if now >= deadline:
                raise NotReadyError(
                    f"{ref} is not ready after {timeout_s:.0f} s: {obstacle or verdict.reason}; "
                    f"give it longer with the annotation {TIMEOUT}",
                    item,
                )
            if self._cancelled.wait(_POLL_S):
                raise NotReadyError(f"{ref}: the wait was cancelled ({verdict.reason})", item)
            found = self._api.get(ref)
            if found is None:
                raise NotReadyError(f"{ref} was deleted by somebody else while it was waited for", item)
            item = found

    def until_gone(self, ref: ObjectRef, uid: str) -> None:
        """Return once no object of this identity is left. Raises RehearsalError that names the finalizers."""
        deadline = time.monotonic() + self._patience.gone_s
        while True:
            left = self._api.get(ref)
            if left is None or (uid and left["metadata"]["uid"] != uid):
                return
            if time.monotonic() >= deadline:
                finalizers = ", ".join(left["metadata"].get("finalizers") or ()) or "none"
                raise RehearsalError(
                    f"{ref} is still there {self._patience.gone_s:.0f} s after its deletion (finalizers: {finalizers})"
                )
            if self._cancelled.wait(_POLL_S):
                raise RehearsalError(f"{ref}: the wait for its removal was cancelled")

    def _judge(self, item: Object) -> Verdict:
        verdict = judge(item)
        group = item["apiVersion"].rpartition("/")[0]
        if (group, item["kind"]) == ("", "Service") and verdict.phase is Phase.READY:
            return self._service_endpoints(item)
        if (group, item["kind"]) == ("", "PersistentVolumeClaim") and verdict.phase is Phase.WAITING:
            return READY if self._binds_late(item["spec"]) else verdict
        return verdict

    def _service_endpoints(self, item: Object) -> Verdict:
        spec = item["spec"]
        if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
            return READY
        slices = self._api.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            namespace=item["metadata"]["namespace"],
            selector=f"kubernetes.io/service-name={item['metadata']['name']}",
        )
        endpoints = [endpoint for part in slices for endpoint in part.get("endpoints") or ()]
        if any((endpoint.get("conditions") or {}).get("ready") for endpoint in endpoints):
            return READY
        return Verdict(Phase.WAITING, "no ready pod is behind it")

    def _binds_late(self, spec: Mapping[str, Any]) -> bool:
        name = spec.get("storageClassName")
        found = self._api.get(ObjectRef("storage.k8s.io/v1", "StorageClass", name)) if name else None
        return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _obstacle(self, item: Object) -> str:
        """Say what keeps the object's pods from running and will not pass by itself; empty where nothing does."""
        if item["kind"] == "Pod":
            return _pod_obstacle(item)
        if not has_pods(item):
            return ""
        pods = self._api.list(
            "v1", "Pod", namespace=item["metadata"]["namespace"], selector=_selector(item["spec"].get("selector") or {})
        )
        return next((text for pod in pods if (text := _pod_obstacle(pod))), "")


def _pod_obstacle(pod: Object) -> str:
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    scheduled = condition(status, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return f"pod {name} is unschedulable: {scheduled.get('message', '')}"
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _HOPELESS:
            return f"container {container['name']} of pod {name}: {waiting['reason']}: {waiting.get('message', '')}"
    return ""


def _selector(selector: Mapping[str, Any]) -> str:
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for item in selector.get("matchExpressions") or ():
        values = f" ({','.join(item.get('values') or ())})"
        parts.append(
            {
                "In": f"{item['key']} in{values}",
                "NotIn": f"{item['key']} notin{values}",
                "Exists": item["key"],
                "DoesNotExist": f"!{item['key']}",
            }[item["operator"]]
        )
    return ",".join(parts)
