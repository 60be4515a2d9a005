"""Where the pods of a Kubernetes object are described, and which of its namespaces may break the pods' rules."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stacks.policies.policy import Option
from stacks.policies.resource import UNKNOWN, Finding, Options, Resource, ResourceCheck, as_list, finding, value_at

_TEMPLATE = "spec.template.spec"
# Where each kind keeps the specification of its pods.
PODS: Mapping[str, str] = {
    "kubernetes:core/v1:Pod": "spec",
    "kubernetes:core/v1:ReplicationController": _TEMPLATE,
    "kubernetes:apps/v1:DaemonSet": _TEMPLATE,
    "kubernetes:apps/v1:Deployment": _TEMPLATE,
    "kubernetes:apps/v1:ReplicaSet": _TEMPLATE,
    "kubernetes:apps/v1:StatefulSet": _TEMPLATE,
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
    "kubernetes:batch/v1:Job": _TEMPLATE,
}
EXEMPT_NAMESPACES = Option(
    name="exempt_namespaces",
    description="Namespaces of drivers and agents whose pods must reach into their machine",
    schema={"type": "array", "items": {"type": "string"}},
    default=["dcgm-exporter", "gpu-operator", "kube-system", "monitoring", "nvidia-device-plugin"],
)
Problem = tuple[str, str, str]
"""A path below the pod's specification or the container, what is wrong there, and what mends it."""


def each_pod(problems: Callable[[Mapping[str, Any]], Iterator[Problem]]) -> ResourceCheck:
    """Make a check of a resource from one of a pod's specification."""

    def check(resource: Resource, options: Options) -> Iterator[Finding]:
        for path, spec in _specs(resource, options):
            for below, problem, remedy in problems(spec):
                yield finding(resource, f"{path}.{below}", problem, remedy)

    return check


def each_container(problems: Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Problem]]) -> ResourceCheck:
    """Make a check of a resource from one of a container and its pod's specification."""

    def check(resource: Resource, options: Options) -> Iterator[Finding]:
        for path, spec in _specs(resource, options):
            for where, container in containers_of(spec):
                for below, problem, remedy in problems(container, spec):
                    yield finding(resource, f"{path}.{where}.{below}", problem, remedy)

    return check


def containers_of(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return each container of a pod with its path; those that are not known yet are left out."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(as_list(spec.get(kind))):
            if isinstance(container, Mapping):
                name = container.get("name")
                yield f"{kind}[{name if isinstance(name, str) else index}]", container


def setting(container: Mapping[str, Any], spec: Mapping[str, Any], key: str) -> Any:
    """Return a part of the security context: the container's, or the pod's where that has none."""
    own = value_at(container, f"securityContext.{key}")
    return value_at(spec, f"securityContext.{key}") if own is None else own


def _specs(resource: Resource, options: Options) -> Iterator[tuple[str, Mapping[str, Any]]]:
    path = PODS[resource.type]
    spec = resource.get(path)
    exempt = resource.get("metadata.namespace") in options[EXEMPT_NAMESPACES.name]
    if spec is not UNKNOWN and isinstance(spec, Mapping) and not exempt:
        yield path, spec
