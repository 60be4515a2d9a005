import copy
from collections.abc import Callable
from typing import Any

import pytest

from stacks.policies import workloads
from stacks.policies.pod_specs import PODS
from stacks.policies.resource import UNKNOWN
from tests.support.policies import broken, findings, resource

POD = "kubernetes:core/v1:Pod"
IMAGE = "registry.example.test/server@sha256:" + "0" * 64
GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "server",
            "image": IMAGE,
            "ports": [{"containerPort": 80}],
            "env": [{"name": "HOME", "value": "/tmp"}],
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
        }
    ],
}


def spec(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    """Return the good pod after a change of its specification and its container."""
    changed = copy.deepcopy(GOOD)
    change(changed, changed["containers"][0])
    return changed


def set_context(**values: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda _, container: container["securityContext"].update(values)


BROKEN: list[tuple[str, str, Callable[[dict[str, Any], dict[str, Any]], object]]] = [
    ("pod-apart-from-host", "spec.hostNetwork", lambda pod, _: pod.update(hostNetwork=True)),
    ("pod-apart-from-host", "spec.hostPID", lambda pod, _: pod.update(hostPID=True)),
    (
        "pod-apart-from-host",
        "spec.volumes[0].hostPath",
        lambda pod, _: pod.update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    ),
    ("container-not-privileged", "securityContext.privileged", set_context(privileged=True)),
    (
        "container-not-privileged",
        "securityContext.allowPrivilegeEscalation",
        set_context(allowPrivilegeEscalation=None),
    ),
    ("container-not-privileged", "ports[0].hostPort", lambda _, one: one["ports"][0].update(hostPort=80)),
    ("container-not-root", "securityContext.runAsNonRoot", set_context(runAsNonRoot=False)),
    ("container-not-root", "securityContext.runAsUser", set_context(runAsUser=0)),
    (
        "container-root-read-only",
        "securityContext.readOnlyRootFilesystem",
        set_context(readOnlyRootFilesystem=None),
    ),
    ("container-without-capabilities", "securityContext.capabilities.drop", set_context(capabilities=None)),
    (
        "container-without-capabilities",
        "securityContext.capabilities.add",
        set_context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN", "NET_BIND_SERVICE"]}),
    ),
    (
        "container-has-seccomp-profile",
        "securityContext.seccompProfile",
        set_context(seccompProfile={"type": "Unconfined"}),
    ),
    ("image-by-digest", "image", lambda _, one: one.update(image="server:1.2")),
    ("resources-stated", "resources.requests.cpu", lambda _, one: one["resources"]["requests"].pop("cpu")),
    ("resources-stated", "resources.limits.memory", lambda _, one: one["resources"].pop("limits")),
    (
        "no-secret-in-environment",
        "env[API_TOKEN].value",
        lambda _, one: one["env"].append({"name": "API_TOKEN", "value": "s3cr3t"}),
    ),
]


@pytest.mark.parametrize("policy", workloads.POLICIES, ids=lambda policy: policy.name)
def test_a_careful_pod_breaks_nothing(policy: Any) -> None:
    for kind, path in PODS.items():
        properties: Any = GOOD
        for key in reversed(path.split(".")):
            properties = {key: properties}
        assert broken(policy.name, resource(kind, properties=properties)) == []


@pytest.mark.parametrize(("policy", "path", "change"), BROKEN, ids=[f"{name}-{path}" for name, path, _ in BROKEN])
def test_a_careless_pod_is_found(policy: str, path: str, change: Any) -> None:
    within = path if path.startswith("spec.") else f"spec.containers[server].{path}"
    assert broken(policy, resource(POD, spec=spec(change))) == [("it", within)]


def test_every_policy_of_pods_is_broken_above() -> None:
    assert {name for name, _, _ in BROKEN} == {policy.name for policy in workloads.POLICIES}


def test_containers_that_start_first_are_looked_at_too() -> None:
    pod = spec(lambda pod, one: pod.update(initContainers=[{**one, "name": "first", "image": "x"}]))
    assert broken("image-by-digest", resource(POD, spec=pod)) == [("it", "spec.initContainers[first].image")]


def test_pods_of_a_cron_job_are_looked_at() -> None:
    job = {"jobTemplate": {"spec": {"template": {"spec": {**GOOD, "hostIPC": True}}}}}
    found = broken("pod-apart-from-host", resource("kubernetes:batch/v1:CronJob", spec=job))
    assert found == [("it", "spec.jobTemplate.spec.template.spec.hostIPC")]


def test_drivers_may_reach_into_their_machine() -> None:
    pod = spec(lambda pod, _: pod.update(hostPID=True))
    driver = resource(POD, metadata={"namespace": "gpu-operator"}, spec=pod)
    assert broken("pod-apart-from-host", driver) == []
    assert broken("pod-apart-from-host", driver, exempt_namespaces=[]) == [("it", "spec.hostPID")]


@pytest.mark.parametrize("policy", workloads.POLICIES, ids=lambda policy: policy.name)
def test_what_only_the_update_tells_breaks_nothing(policy: Any) -> None:
    container = dict.fromkeys(("image", "ports", "env", "resources", "securityContext"), UNKNOWN)
    pods: list[Any] = [UNKNOWN, {"containers": UNKNOWN}, {"containers": [UNKNOWN, container], "volumes": UNKNOWN}]
    for pod in pods:
        assert broken(policy.name, resource(POD, spec=pod)) == []


def test_a_finding_never_holds_the_secret() -> None:
    pod = spec(lambda _, one: one["env"].append({"name": "X", "value": "postgresql://u:s3cr3t@db/x"}))
    (found,) = findings("no-secret-in-environment", resource(POD, spec=pod))
    assert "s3cr3t" not in str(found)
    assert "a URL with a password" in found.problem
