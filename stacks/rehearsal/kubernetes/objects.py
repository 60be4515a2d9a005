"""All objects of a cluster, for comparing two clusters and for finding what was left behind."""

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.rehearsal.kubernetes.api import KubernetesApi, Object
from stacks.rehearsal.kubernetes.drift import importable_inputs

# Records of what happened, heartbeats, and what the control plane answers without keeping it.
_FLEETING = frozenset({"Event", "Lease", "ComponentStatus", "LeaseCandidate", "PodMetrics", "NodeMetrics"})
# Made in every namespace by the controller manager.
_EVERYWHERE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
_OWN_ANNOTATIONS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")


def all_objects(api: KubernetesApi) -> Iterator[Object]:
    """Yield every object that somebody made, in order of its address; what a controller made for it is left out."""
    found: dict[str, Object] = {}
    for api_version, kind in api.kinds():
        if kind in _FLEETING:
            continue
        for item in api.list(api_version, kind):
            item = {"apiVersion": api_version, "kind": kind, **item}
            metadata = item["metadata"]
            owned = any(owner.get("controller") for owner in metadata.get("ownerReferences") or ())
            if not owned and (kind, metadata["name"]) not in _EVERYWHERE:
                # A kind may be served in several groups, as Event is.
                found.setdefault(metadata.get("uid") or address(item), item)
    yield from sorted(found.values(), key=address)


def address(item: Mapping[str, Any]) -> str:
    """Return `KIND.GROUP NAMESPACE/NAME`; the version is left out, for a kind may be served in several."""
    metadata = item["metadata"]
    group = str(item["apiVersion"]).rpartition("/")[0]
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{item['kind']}{'.' if group else ''}{group} {namespace}{metadata['name']}"


def comparable(item: Object) -> Object:
    """Return an object without what the API server and controllers set on it."""
    plain = importable_inputs(item)
    annotations = plain["metadata"].get("annotations") or {}
    for name in _OWN_ANNOTATIONS:
        annotations.pop(name, None)
    if not annotations:
        plain["metadata"].pop("annotations", None)
    if plain["kind"] == "Service":
        for name in ("clusterIP", "clusterIPs"):
            plain["spec"].pop(name, None)
        for port in plain["spec"].get("ports") or ():
            port.pop("nodePort", None)
        plain["spec"].pop("healthCheckNodePort", None)
    if plain["kind"] == "PersistentVolumeClaim":
        plain["spec"].pop("volumeName", None)
    if plain["kind"] == "Job":
        plain["spec"].pop("selector", None)
        for labels in (plain["metadata"].get("labels"), plain["spec"]["template"]["metadata"].get("labels")):
            for name in ("controller-uid", "batch.kubernetes.io/controller-uid"):
                (labels or {}).pop(name, None)
    return plain
