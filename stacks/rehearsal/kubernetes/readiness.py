"""When an object is as it was asked for, told from the object alone: the official provider's rules, as pure functions.

https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/ and
`kubectl rollout status` (https://github.com/kubernetes/kubectl/blob/v0.36.0/pkg/polymorphichelpers/rollout_status.go).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stacks.rehearsal.kubernetes.api import Object


class Phase(StrEnum):
    """How far an object is."""

    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """How far an object is, and why it is not ready."""

    phase: Phase
    reason: str = ""


READY = Verdict(Phase.READY)


def judge(item: Object) -> Verdict:
    """Tell how far an object is; one of a kind without a rule is ready as soon as it exists."""
    group = item["apiVersion"].rpartition("/")[0]
    rule = _RULES.get((group, item["kind"]))
    if rule is None:
        return READY
    status: Mapping[str, Any] = item.get("status") or {}
    if "observedGeneration" in status and status["observedGeneration"] < item["metadata"].get("generation", 0):
        return _waiting("its controller has not seen the last change")
    return rule(item.get("spec") or {}, status)


def has_pods(item: Object) -> bool:
    """Tell whether an object is waited for until its pods run."""
    group = item["apiVersion"].rpartition("/")[0]
    return (group, item["kind"]) in _WITH_PODS


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    wanted = spec.get("replicas", 1)
    progressing = condition(status, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(Phase.FAILED, progressing.get("message", "its progress deadline is over"))
    failure = condition(status, "ReplicaFailure")
    if failure.get("status") == "True":
        return _waiting(failure.get("message", "pods cannot be made"))
    updated = status.get("updatedReplicas", 0)
    if updated < wanted:
        return _waiting(f"{updated} of {wanted} replicas are of the newest revision")
    if status.get("replicas", 0) > updated:
        return _waiting(f"{status['replicas'] - updated} replicas of an older revision have yet to end")
    if status.get("availableReplicas", 0) < wanted:
        return _waiting(f"{status.get('availableReplicas', 0)} of {wanted} replicas are available")
    return READY if "observedGeneration" in status else _waiting("its controller has not seen it")


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    wanted = spec.get("replicas", 1)
    if "observedGeneration" not in status:
        return _waiting("its controller has not seen it")
    if status.get("readyReplicas", 0) < wanted:
        return _waiting(f"{status.get('readyReplicas', 0)} of {wanted} replicas are ready")
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if strategy.get("type") == "OnDelete":
        return READY
    if status.get("updatedReplicas", 0) < wanted - partition:
        return _waiting(f"{status.get('updatedReplicas', 0)} of {wanted - partition} replicas are updated")
    return READY


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    if "observedGeneration" not in status:
        return _waiting("its controller has not seen it")
    wanted = status.get("desiredNumberScheduled", 0)
    updated = status.get("updatedNumberScheduled", 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        return _waiting(f"{updated} of {wanted} pods are of the newest revision")
    if status.get("numberAvailable", 0) < wanted:
        return _waiting(f"{status.get('numberAvailable', 0)} of {wanted} pods are available")
    return READY


def _job(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    failed = condition(status, "Failed")
    if failed.get("status") == "True":
        return Verdict(Phase.FAILED, f"{failed.get('reason', 'Failed')}: {failed.get('message', '')}".rstrip(": "))
    if condition(status, "Complete").get("status") == "True" or spec.get("suspend"):
        return READY
    return _waiting(f"{status.get('succeeded', 0)} of {spec.get('completions', 1)} completions")


def _pod(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    if status.get("phase") == "Failed":
        return Verdict(Phase.FAILED, status.get("message") or status.get("reason") or "a container failed")
    if status.get("phase") == "Succeeded" or condition(status, "Ready").get("status") == "True":
        return READY
    return _waiting(f"it is {status.get('phase', 'Pending')}")


def _claim(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    if status.get("phase") == "Lost":
        return Verdict(Phase.FAILED, "the volume that it was bound to is lost")
    return READY if status.get("phase") == "Bound" else _waiting("no volume is bound to it")


def _definition(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    accepted = condition(status, "NamesAccepted")
    if accepted.get("status") == "False":
        return Verdict(Phase.FAILED, accepted.get("message", "its names are taken"))
    return READY if condition(status, "Established").get("status") == "True" else _waiting("it is not established")


def _service(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Verdict:
    if spec.get("type") == "LoadBalancer" and not (status.get("loadBalancer") or {}).get("ingress"):
        return _waiting("no load balancer was given to it")
    return READY


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return one condition of a status; an empty one where there is none."""
    found: Mapping[str, Any] = next((item for item in status.get("conditions") or () if item["type"] == kind), {})
    return found


def _waiting(reason: str) -> Verdict:
    return Verdict(Phase.WAITING, reason)


_RULES: dict[tuple[str, str], Callable[[Mapping[str, Any], Mapping[str, Any]], Verdict]] = {
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
}
_WITH_PODS = frozenset((("apps", "DaemonSet"), ("apps", "Deployment"), ("apps", "StatefulSet"), ("batch", "Job")))
