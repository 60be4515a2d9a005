"""Pods: the Pod Security profile `restricted`, images by digest, stated resources and no secrets in variables.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.environment import secret_in
from stacks.policies.pod_specs import EXEMPT_NAMESPACES, PODS, Problem, each_container, each_pod, setting
from stacks.policies.policy import ALWAYS, FROM_PILOT, Enforcement, Policy, Severity
from stacks.policies.resource import UNKNOWN, ResourceCheck, as_list, is_off, is_on, is_stated, value_at

_HOST = ("hostNetwork", "hostPID", "hostIPC")
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_PROFILES = ("RuntimeDefault", "Localhost", UNKNOWN)


def _host_problems(spec: Mapping[str, Any]) -> Iterator[Problem]:
    for key in _HOST:
        if not is_off(spec.get(key)):
            yield key, "shares a namespace of its machine", f"remove {key}"
    for index, volume in enumerate(as_list(spec.get("volumes"))):
        if is_stated(value_at(volume, "hostPath")):
            yield f"volumes[{index}].hostPath", "mounts a folder of its machine", "use a volume that is not the host's"


def _privilege_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    if not is_off(value_at(container, "securityContext.privileged")):
        yield "securityContext.privileged", "is as mighty as its machine", "set privileged to false"
    escalation = value_at(container, "securityContext.allowPrivilegeEscalation")
    # Unset means allowed.
    if escalation is None or not is_off(escalation):
        path = "securityContext.allowPrivilegeEscalation"
        yield path, "a process may gain privileges", "set allowPrivilegeEscalation to false"
    for index, port in enumerate(as_list(container.get("ports"))):
        if is_stated(value_at(port, "hostPort")):
            yield f"ports[{index}].hostPort", "takes a port of its machine", "remove hostPort; use a Service"


def _root_problems(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Problem]:
    if not is_on(setting(container, spec, "runAsNonRoot")):
        yield "securityContext.runAsNonRoot", "may run as root", "set runAsNonRoot to true"
    if setting(container, spec, "runAsUser") == 0:
        yield "securityContext.runAsUser", "runs as root", "set runAsUser to a number above 0"


def _file_system_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    path = "securityContext.readOnlyRootFilesystem"
    if not is_on(value_at(container, path)):
        yield path, "may change its own programs", "set readOnlyRootFilesystem to true; mount volumes to write to"


def _capability_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    capabilities = value_at(container, "securityContext.capabilities")
    if capabilities is UNKNOWN:
        return
    dropped = value_at(capabilities, "drop")
    if dropped is not UNKNOWN and "ALL" not in as_list(dropped):
        yield "securityContext.capabilities.drop", "keeps capabilities", 'set capabilities.drop to ["ALL"]'
    added = [it for it in as_list(value_at(capabilities, "add")) if it not in ("NET_BIND_SERVICE", UNKNOWN)]
    if added:
        yield "securityContext.capabilities.add", f"adds {', '.join(map(str, added))}", "remove what is added"


def _seccomp_problems(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Problem]:
    profile = setting(container, spec, "seccompProfile")
    if profile is not UNKNOWN and value_at(profile, "type") not in _PROFILES:
        path = "securityContext.seccompProfile"
        yield path, "may make every system call", "set seccompProfile.type to RuntimeDefault"


def _image_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    image = container.get("image")
    if image is not UNKNOWN and not _BY_DIGEST.search(str(image)):
        yield "image", f"{image} can become another image", "name the image by digest: name@sha256:…"


def _resource_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    resources = container.get("resources")
    if resources is UNKNOWN:
        return
    for path in ("requests.cpu", "requests.memory", "limits.memory"):
        if not is_stated(value_at(resources, path)):
            yield f"resources.{path}", "may take what other pods need", f"state resources.{path}"


def _environment_problems(container: Mapping[str, Any], _spec: Mapping[str, Any]) -> Iterator[Problem]:
    for index, entry in enumerate(as_list(container.get("env"))):
        if isinstance(entry, Mapping) and (problem := secret_in(entry.get("name"), entry.get("value"))):
            name = entry.get("name")
            where = f"env[{name if isinstance(name, str) else index}].value"
            yield where, problem, "mount a Secret as a file, or use valueFrom.secretKeyRef"


def _policy(
    name: str,
    description: str,
    check: ResourceCheck,
    *controls: Control,
    severity: Severity = Severity.HIGH,
    enforcement: Enforcement = ALWAYS,
) -> Policy:
    return Policy(
        name=name,
        description=description,
        severity=severity,
        controls=controls,
        enforcement=enforcement,
        types=frozenset(PODS),
        check=check,
        options=(EXEMPT_NAMESPACES,),
    )


POLICIES = (
    _policy(
        "pod-apart-from-host",
        "No pod shares its machine's namespaces, folders or processes.",
        each_pod(_host_problems),
        Control.GDPR_RESILIENCE,
        Control.HIPAA_ACCESS,
        Control.SOC2_LOGICAL_ACCESS,
    ),
    _policy(
        "container-not-privileged",
        "No container is privileged, may become so, or takes a port of its machine.",
        each_container(_privilege_problems),
        Control.HIPAA_ACCESS,
        Control.SOC2_LOGICAL_ACCESS,
        Control.SOC2_LEAST_PRIVILEGE,
        severity=Severity.CRITICAL,
    ),
    _policy(
        "container-not-root",
        "Every container runs as a user who is not root.",
        each_container(_root_problems),
        Control.HIPAA_ACCESS,
        Control.SOC2_LEAST_PRIVILEGE,
    ),
    _policy(
        "container-root-read-only",
        "No container may write to its root file system.",
        each_container(_file_system_problems),
        Control.HIPAA_INTEGRITY,
        Control.SOC2_UNAUTHORIZED_SOFTWARE,
        severity=Severity.MEDIUM,
    ),
    _policy(
        "container-without-capabilities",
        "Every container drops all of the kernel's capabilities.",
        each_container(_capability_problems),
        Control.HIPAA_ACCESS,
        Control.SOC2_LEAST_PRIVILEGE,
    ),
    _policy(
        "container-has-seccomp-profile",
        "Every container makes only the system calls of a profile.",
        each_container(_seccomp_problems),
        Control.HIPAA_ACCESS,
        Control.SOC2_UNAUTHORIZED_SOFTWARE,
        severity=Severity.MEDIUM,
    ),
    _policy(
        "image-by-digest",
        "Every container's image is named by its digest.",
        each_container(_image_problems),
        Control.HIPAA_INTEGRITY,
        Control.SOC2_UNAUTHORIZED_SOFTWARE,
        Control.SOC2_CHANGES,
    ),
    _policy(
        "resources-stated",
        "Every container states the processor time and memory that it needs, and the most memory that it takes.",
        each_container(_resource_problems),
        Control.GDPR_RESILIENCE,
        Control.SOC2_AVAILABILITY_CAPACITY,
        severity=Severity.MEDIUM,
        enforcement=FROM_PILOT,
    ),
    _policy(
        "no-secret-in-environment",
        "No variable of a container holds a secret in clear.",
        each_container(_environment_problems),
        Control.GDPR_INTEGRITY,
        Control.HIPAA_AUTHENTICATION,
        Control.SOC2_LOGICAL_ACCESS,
        Control.SOC2_CONFIDENTIAL,
        severity=Severity.CRITICAL,
    ),
)
