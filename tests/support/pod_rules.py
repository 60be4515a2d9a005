"""What every pod must be: the Pod Security profile `restricted`, and the suite's own rules.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.support.kubernetes_mocks import Made, template_of

_RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def violations(made: Made) -> list[str]:
    """Return every rule that some object breaks, with the object's kind and name."""
    found = []
    for item, template in made.pods():
        where = f"{item['kind']} {item['metadata']['name']}"
        found += [f"{where}: {problem}" for problem in _pod_problems(template["spec"])]
        found += [f"{where}: {problem}" for problem in _selector_problems(item, template)]
        found += [f"{where}: {problem}" for problem in _missing_objects(made, item, template["spec"])]
    return found + list(_service_problems(made))


def _pod_problems(spec: dict[str, Any]) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"shares the host's namespaces ({key})"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a service account's token"
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot"):
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    for volume in spec.get("volumes", ()):
        kind = next(key for key in volume if key != "name")
        if kind not in _RESTRICTED_VOLUMES:
            yield f"volume {volume['name']} is of the forbidden kind {kind}"
        if kind == "emptyDir" and "sizeLimit" not in volume[kind]:
            yield f"volume {volume['name']} may fill the node"
        if kind == "secret" and volume[kind].get("defaultMode") != 0o400:
            yield f"secret volume {volume['name']} is readable by others"
    volumes = {volume["name"] for volume in spec.get("volumes", ())}
    for one in (*spec.get("initContainers", ()), *spec["containers"]):
        for problem in _container_problems(one):
            yield f"container {one['name']} {problem}"
        for mount in one.get("volumeMounts", ()):
            if mount["name"] not in volumes:
                yield f"container {one['name']} mounts the unknown volume {mount['name']}"


def _container_problems(one: dict[str, Any]) -> Iterator[str]:
    context = one.get("securityContext", {})
    if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if not context.get("readOnlyRootFilesystem"):
        yield "may write its root file system"
    if not context.get("runAsNonRoot") or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if not _BY_DIGEST.search(one["image"]):
        yield f"has an image without a digest: {one['image']}"
    resources = one.get("resources", {})
    if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
        yield "states no resources"
    if any("secretKeyRef" in entry.get("valueFrom", {}) for entry in one.get("env", ())) or "envFrom" in one:
        yield "has a secret in its environment"
    if any("hostPort" in port for port in one.get("ports", ())):
        yield "takes a port of the host"


def _selector_problems(item: dict[str, Any], template: dict[str, Any]) -> Iterator[str]:
    if item["kind"] in ("Deployment", "StatefulSet"):
        labels = template["metadata"]["labels"]
        if not item["spec"]["selector"]["matchLabels"].items() <= labels.items():
            yield "selects other pods than its own"


def _missing_objects(made: Made, item: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    namespace = item["metadata"]["namespace"]
    known = {(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in made.objects}
    known |= {
        ("Secret", it["metadata"]["namespace"], it["spec"]["target"]["name"]) for it in made.of_kind("ExternalSecret")
    }
    wanted = [("ServiceAccount", spec["serviceAccountName"])]
    if "priorityClassName" in spec and ("PriorityClass", None, spec["priorityClassName"]) not in known:
        yield f"names the missing priority class {spec['priorityClassName']}"
    for volume in spec.get("volumes", ()):
        if "secret" in volume:
            wanted.append(("Secret", volume["secret"]["secretName"]))
        if "configMap" in volume:
            wanted.append(("ConfigMap", volume["configMap"]["name"]))
        if "persistentVolumeClaim" in volume:
            wanted.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
    for kind, name in wanted:
        if (kind, namespace, name) not in known:
            yield f"names the missing {kind} {name}"


def _service_problems(made: Made) -> Iterator[str]:
    """Return services, disruption budgets and policies that select no pod, and ports that no container has."""
    for item in made.objects:
        where = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] == "Service":
            selector = item["spec"]["selector"]
        elif item["kind"] == "PodDisruptionBudget":
            selector = item["spec"]["selector"]["matchLabels"]
        elif item["kind"] == "NetworkPolicy" and item["spec"]["podSelector"]:
            selector = item["spec"]["podSelector"]["matchLabels"]
        else:
            continue
        chosen = [
            template
            for one in made.objects
            if (template := template_of(one)) is not None and selector.items() <= template["metadata"]["labels"].items()
        ]
        if not chosen:
            yield f"{where}: selects no pod"
        if item["kind"] == "Service":
            names = {port["name"] for it in chosen for one in it["spec"]["containers"] for port in one.get("ports", ())}
            for port in item["spec"]["ports"]:
                if port["targetPort"] not in names:
                    yield f"{where}: no container has the port {port['targetPort']}"
