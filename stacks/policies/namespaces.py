"""Namespaces of a cluster, and the ways into them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.pod_specs import EXEMPT_NAMESPACES
from stacks.policies.policy import ALWAYS, Option, Policy, Severity
from stacks.policies.resource import UNKNOWN, Finding, Options, Resource, as_list, finding, is_stated, of_type

_NAMESPACE = "kubernetes:core/v1:Namespace"
_NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_SERVICE = "kubernetes:core/v1:Service"
_DIRECTIONS = ("Ingress", "Egress")
_ENFORCED = "pod-security.kubernetes.io/enforce"
_SYSTEM = Option(
    name="exempt_namespaces",
    description="Namespaces that the cluster's makers look after",
    schema={"type": "array", "items": {"type": "string"}},
    default=["kube-system"],
)


def _check_default_deny(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    policies = of_type(resources, _NETWORK_POLICY)
    for namespace in of_type(resources, _NAMESPACE):
        if namespace.get("metadata.name") in options[_SYSTEM.name]:
            continue
        closed = {
            direction for it in policies if _is_in(it, namespace) for direction in _DIRECTIONS if _closes(it, direction)
        }
        if missing := [direction for direction in _DIRECTIONS if direction not in closed]:
            yield finding(
                namespace,
                "networkPolicy",
                f"{' and '.join(missing).lower()} of its pods is allowed unless somebody forbids it",
                "add a NetworkPolicy with an empty podSelector (components/kubernetes/namespace.py)",
            )


def _is_in(policy: Resource, namespace: Resource) -> bool:
    """Tell whether a policy is in a namespace: by name, or computed from it where the name is not known yet."""
    where, name = policy.get("metadata.namespace"), namespace.get("metadata.name")
    used = policy.references.get("metadata", ())
    if namespace.urn in used:
        return True
    if UNKNOWN in (where, name):
        # Names that are given in the program, but not told yet, may be the same.
        return not used
    return bool(where == name)


def _closes(policy: Resource, direction: str) -> bool:
    spec = policy.get("spec")
    if spec is UNKNOWN:
        return True
    if not isinstance(spec, Mapping) or is_stated(spec.get("podSelector")):
        return False
    rules = spec.get(direction.lower())
    return direction in as_list(spec.get("policyTypes")) and not is_stated(rules)


def _check_profile(resource: Resource, options: Options) -> Iterator[Finding]:
    labels = resource.get("metadata.labels")
    if resource.get("metadata.name") in options[EXEMPT_NAMESPACES.name] or labels is UNKNOWN:
        return
    profile: Any = labels.get(_ENFORCED) if isinstance(labels, Mapping) else None
    if profile not in ("restricted", UNKNOWN):
        yield finding(
            resource,
            f"metadata.labels[{_ENFORCED}]",
            f"pods of the profile {profile or 'privileged'} are let in",
            f"set the label {_ENFORCED} to restricted",
        )


def _check_service(resource: Resource, options: Options) -> Iterator[Finding]:
    kind = resource.get("spec.type")
    outside = resource.get("metadata.namespace") not in options["edge_namespaces"]
    if kind in ("NodePort", "LoadBalancer") and outside:
        yield finding(
            resource,
            "spec.type",
            f"{kind} is a way in beside the edge",
            "set type to ClusterIP and route by the edge's Gateway (components/kubernetes/ingress.py)",
        )
    if is_stated(resource.get("spec.externalIPs")) and outside:
        yield finding(resource, "spec.externalIPs", "takes addresses of its own", "remove externalIPs")


POLICIES = (
    Policy(
        name="namespace-denies-by-default",
        description="In every namespace no traffic flows that no policy names.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset({_NAMESPACE}),
        check_stack=_check_default_deny,
        options=(_SYSTEM,),
    ),
    Policy(
        name="namespace-restricted",
        description="Every namespace refuses pods that break the Pod Security profile restricted.",
        severity=Severity.HIGH,
        controls=(Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_LEAST_PRIVILEGE),
        enforcement=ALWAYS,
        types=frozenset({_NAMESPACE}),
        check=_check_profile,
        options=(EXEMPT_NAMESPACES,),
    ),
    Policy(
        name="no-service-beside-edge",
        description="No Service but the edge's opens a way in from outside the cluster.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset({_SERVICE}),
        check=_check_service,
        options=(
            Option(
                name="edge_namespaces",
                description="Namespaces whose Services may be reached from outside the cluster",
                schema={"type": "array", "items": {"type": "string"}},
                default=["edge"],
            ),
        ),
    ),
)
