from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN, Resource
from tests.support.policies import broken, findings, resource

DENY = "namespace-denies-by-default"
NAMESPACE = resource("kubernetes:core/v1:Namespace", "serving", metadata={"name": "serving"})
CLOSED = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def network_policy(spec: Any, namespace: Any = "serving", **more: Any) -> Resource:
    kind = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    return resource(kind, "policy", metadata={"namespace": namespace}, spec=spec, **more)


@pytest.mark.parametrize(
    ("spec", "open_ways"),
    [
        (CLOSED, None),
        (UNKNOWN, None),
        ({**CLOSED, "ingress": [], "egress": []}, None),
        ({**CLOSED, "policyTypes": ["Ingress"]}, "egress"),
        ({**CLOSED, "egress": [{}]}, "egress"),
        ({**CLOSED, "podSelector": {"matchLabels": {"app": "a"}}}, "ingress and egress"),
    ],
)
def test_a_namespace_is_closed_in_both_directions(spec: Any, open_ways: str | None) -> None:
    found = findings(DENY, NAMESPACE, network_policy(spec))
    assert [it.problem.partition(" of its pods")[0] for it in found] == ([open_ways] if open_ways else [])


def test_each_direction_may_have_a_policy_of_its_own() -> None:
    ways = [network_policy({**CLOSED, "policyTypes": [way]}) for way in ("Ingress", "Egress")]
    assert broken(DENY, NAMESPACE, *ways) == []


def test_a_policy_of_another_namespace_closes_nothing() -> None:
    assert broken(DENY, NAMESPACE, network_policy(CLOSED, "other")) == [("serving", "networkPolicy")]


def test_before_the_names_are_known_references_tell_which_namespace_is_closed() -> None:
    later = resource("kubernetes:core/v1:Namespace", "later", properties=UNKNOWN)
    other = resource("kubernetes:core/v1:Namespace", "other", properties=UNKNOWN)
    closed = network_policy(UNKNOWN, UNKNOWN, references={"metadata": later.urn})
    assert broken(DENY, later, other, closed) == [("other", "networkPolicy")]
    # Wired by a name in the program, of which the engine tells nothing yet.
    assert broken(DENY, later, network_policy(UNKNOWN, UNKNOWN)) == []


def test_drivers_have_privileges_but_no_open_namespaces() -> None:
    drivers = resource("kubernetes:core/v1:Namespace", metadata={"name": "nvidia-device-plugin"})
    assert broken("namespace-restricted", drivers) == []
    assert broken(DENY, drivers) == [("it", "networkPolicy")]
    assert broken(DENY, resource("kubernetes:core/v1:Namespace", metadata={"name": "kube-system"})) == []


@pytest.mark.parametrize(
    ("labels", "kept"), [(None, False), ({}, False), ("baseline", False), ("restricted", True), (UNKNOWN, True)]
)
def test_a_namespace_refuses_pods_that_are_not_restricted(labels: Any, kept: bool) -> None:
    if isinstance(labels, str):
        labels = {"pod-security.kubernetes.io/enforce": labels}
    namespace = resource("kubernetes:core/v1:Namespace", metadata={"name": "n", "labels": labels})
    assert (broken("namespace-restricted", namespace) == []) is kept


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_only_the_edge_has_services_for_the_outside(kind: str) -> None:
    def service(namespace: str, **spec: Any) -> Resource:
        return resource("kubernetes:core/v1:Service", metadata={"namespace": namespace}, spec=spec)

    assert broken("no-service-beside-edge", service("serving", type=kind)) == [("it", "spec.type")]
    assert broken("no-service-beside-edge", service("edge", type=kind)) == []
    assert broken("no-service-beside-edge", service("edge", type=kind), edge_namespaces=[]) != []
    assert broken("no-service-beside-edge", service("serving", type="ClusterIP")) == []
    assert broken("no-service-beside-edge", service("serving", externalIPs=["203.0.113.1"])) == [
        ("it", "spec.externalIPs")
    ]
