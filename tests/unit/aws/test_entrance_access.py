"""What the controller of target groups may do, and what the cluster is told of the load balancer."""

from typing import Any

import pulumi
import pytest

from components.aws.account import Account
from components.aws.entrance_access import EntranceAccess, EntranceAccessArgs
from components.contracts import LoadBalancerHandle
from components.contracts.entrance import ProxyService
from components.contracts.operator_facts import ServiceAccountName
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import cluster_of, network_of

TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/pods/1"


def _balancer() -> LoadBalancerHandle:
    known = pulumi.Output.from_input
    return LoadBalancerHandle(
        id=known("balancer"), layer=7, address=known("a"), targets=known(TARGETS), firewall=known("sg-1"), urls=()
    )


def access(**values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        facts = EntranceAccess(
            "access",
            EntranceAccessArgs(**values),
            platform=platform,
            network=network_of(platform),
            cluster=cluster_of("cluster"),
            load_balancer=_balancer(),
            service=ProxyService(namespace="edge", name="proxies", port=443),
            account=ServiceAccountName(namespace="entrance", service_account="controller"),
        ).facts
        return {
            "values": pulumi.Output.from_input(dict(facts.values)),
            "spec": pulumi.Output.from_input(dict(facts.binding.spec)),
            "kind": facts.binding.kind,
            "chart": facts.chart,
            "cidrs": facts.source_cidrs,
            "needs": len(facts.dependencies),
        }

    return deploy(build)


def test_pods_are_registered_in_the_one_target_group_and_nothing_else_is_changed() -> None:
    changing, reading = access().one("iam/rolePolicy:RolePolicy").document()["Statement"]
    assert changing["Resource"] == [TARGETS]
    assert set(changing["Action"]) == {
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:DeregisterTargets",
    }
    assert all(action.partition(":")[2].startswith("Describe") for action in reading["Action"])


def test_only_the_controllers_service_account_takes_the_role_and_before_it_starts() -> None:
    made = access()
    (trust,) = made.one("iam/role:Role").document("assumeRolePolicy")["Statement"]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    condition = trust["Condition"]["StringEquals"]
    assert condition["aws:RequestTag/kubernetes-namespace"] == "entrance"
    assert condition["aws:RequestTag/kubernetes-service-account"] == "controller"
    association = made.one("eks/podIdentityAssociation:PodIdentityAssociation").inputs
    assert (association["namespace"], association["serviceAccount"]) == ("entrance", "controller")
    assert made.result["needs"] == 2


def test_the_binding_names_targets_and_service_and_leaves_firewalls_alone() -> None:
    result = access().result
    assert (result["kind"], result["chart"]) == ("TargetGroupBinding", "aws-load-balancer-controller")
    assert result["spec"] == {
        "targetGroupARN": TARGETS,
        "targetType": "ip",
        "vpcID": "vpc-1",
        "serviceRef": {"name": "proxies", "port": 443},
    }


def test_the_controller_is_left_nothing_but_bindings_in_the_proxies_namespace() -> None:
    values = access(replicas=3).result["values"]
    assert (values["clusterName"], values["vpcId"], values["watchNamespace"]) == ("cluster", "vpc-1", "edge")
    assert values["replicaCount"] == 3
    assert not values["controllerConfig"]["featureGates"]["EnableServiceController"]
    assert values["ingressClassParams"] == {"create": False}
    for feature in ("createIngressClassResource", "enableServiceMutatorWebhook", "enableBackendSecurityGroup"):
        assert values[feature] is False, feature
    assert values["disableIngressClassAnnotation"] is True


def test_its_pods_are_as_restricted_as_their_namespace() -> None:
    values = access().result["values"]
    assert values["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert values["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize(("internet_facing", "tier"), [(False, "private"), (True, "public")])
def test_connections_come_from_the_subnets_that_the_load_balancer_stands_in(internet_facing: bool, tier: str) -> None:
    def cidrs(platform: Account) -> Any:
        return {str(name): blocks for name, blocks in network_of(platform).cidrs.items()}

    assert access(internet_facing=internet_facing).result["cidrs"] == deploy(cidrs).result[tier]
