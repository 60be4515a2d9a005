"""When an object is ready, by the official provider's rules."""

from typing import Any

import pytest

from stacks.rehearsal.kubernetes.readiness import Phase, has_pods, judge


def _item(kind: str, status: dict[str, Any], api_version: str = "apps/v1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "generation": 2},
        "spec": spec,
        "status": status,
    }


def _condition(kind: str, status: str = "True", **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, **more}


_DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
_DAEMONS = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
}
_LATE = _condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="too late")


@pytest.mark.parametrize(
    ("item", "phase", "reason"),
    [
        (_item("Deployment", _DONE, replicas=2), Phase.READY, ""),
        (_item("Deployment", {}, replicas=0), Phase.WAITING, "has not seen it"),
        (_item("Deployment", _DONE | {"observedGeneration": 1}, replicas=2), Phase.WAITING, "last change"),
        (_item("Deployment", _DONE | {"updatedReplicas": 1}, replicas=2), Phase.WAITING, "1 of 2 replicas are of the"),
        (_item("Deployment", _DONE | {"replicas": 3}, replicas=2), Phase.WAITING, "1 replicas of an older"),
        (_item("Deployment", _DONE | {"availableReplicas": 0}, replicas=2), Phase.WAITING, "0 of 2 replicas are av"),
        (_item("Deployment", _DONE | {"conditions": [_LATE]}, replicas=2), Phase.FAILED, "too late"),
        (
            _item("Deployment", _DONE | {"conditions": [_condition("ReplicaFailure", message="quota")]}),
            Phase.WAITING,
            "quota",
        ),
        (_item("StatefulSet", _DONE, replicas=2), Phase.READY, ""),
        (_item("StatefulSet", {}, replicas=2), Phase.WAITING, "has not seen it"),
        (_item("StatefulSet", _DONE | {"readyReplicas": 1}, replicas=2), Phase.WAITING, "1 of 2 replicas are ready"),
        (_item("StatefulSet", _DONE | {"updatedReplicas": 1}, replicas=2), Phase.WAITING, "1 of 2 replicas are upd"),
        (
            _item("StatefulSet", _DONE | {"updatedReplicas": 0}, replicas=2, updateStrategy={"type": "OnDelete"}),
            Phase.READY,
            "",
        ),
        (
            _item(
                "StatefulSet",
                _DONE | {"updatedReplicas": 1},
                replicas=2,
                updateStrategy={"rollingUpdate": {"partition": 1}},
            ),
            Phase.READY,
            "",
        ),
        (_item("DaemonSet", _DAEMONS), Phase.READY, ""),
        (_item("DaemonSet", {}), Phase.WAITING, "has not seen it"),
        (_item("DaemonSet", _DAEMONS | {"updatedNumberScheduled": 1}), Phase.WAITING, "1 of 2 pods are of the newest"),
        (_item("DaemonSet", _DAEMONS | {"numberAvailable": 1}), Phase.WAITING, "1 of 2 pods are available"),
        (_item("Job", {"conditions": [_condition("Complete")]}, "batch/v1"), Phase.READY, ""),
        (_item("Job", {"succeeded": 1}, "batch/v1", completions=3), Phase.WAITING, "1 of 3 completions"),
        (_item("Job", {}, "batch/v1", suspend=True), Phase.READY, ""),
        (
            _item(
                "Job", {"conditions": [_condition("Failed", reason="BackoffLimitExceeded", message="m")]}, "batch/v1"
            ),
            Phase.FAILED,
            "BackoffLimitExceeded: m",
        ),
        (_item("Pod", {"phase": "Running", "conditions": [_condition("Ready")]}, "v1"), Phase.READY, ""),
        (_item("Pod", {"phase": "Succeeded"}, "v1"), Phase.READY, ""),
        (_item("Pod", {"phase": "Failed", "reason": "Evicted"}, "v1"), Phase.FAILED, "Evicted"),
        (_item("Pod", {}, "v1"), Phase.WAITING, "it is Pending"),
        (_item("PersistentVolumeClaim", {"phase": "Bound"}, "v1"), Phase.READY, ""),
        (_item("PersistentVolumeClaim", {"phase": "Pending"}, "v1"), Phase.WAITING, "no volume"),
        (_item("PersistentVolumeClaim", {"phase": "Lost"}, "v1"), Phase.FAILED, "lost"),
        (_item("Service", {}, "v1", type="LoadBalancer"), Phase.WAITING, "no load balancer"),
        (_item("Service", {"loadBalancer": {"ingress": [{}]}}, "v1", type="LoadBalancer"), Phase.READY, ""),
        (_item("ConfigMap", {}, "v1"), Phase.READY, ""),
        (
            _item("CustomResourceDefinition", {"conditions": [_condition("Established")]}, "apiextensions.k8s.io/v1"),
            Phase.READY,
            "",
        ),
        (_item("CustomResourceDefinition", {}, "apiextensions.k8s.io/v1"), Phase.WAITING, "not established"),
        (
            _item(
                "CustomResourceDefinition",
                {"conditions": [_condition("NamesAccepted", "False", message="taken")]},
                "apiextensions.k8s.io/v1",
            ),
            Phase.FAILED,
            "taken",
        ),
    ],
)
def test_an_object_is_judged_by_its_status(item: dict[str, Any], phase: Phase, reason: str) -> None:
    verdict = judge(item)
    assert verdict.phase is phase
    assert reason in verdict.reason


def test_a_custom_resource_of_the_same_kind_has_no_rule_and_no_pods() -> None:
    item = _item("Job", {}, "example.com/v1")
    assert judge(item).phase is Phase.READY
    assert not has_pods(item)
