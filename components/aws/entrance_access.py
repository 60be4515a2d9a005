"""The link from a load balancer to a cluster's proxies: the AWS Load Balancer Controller, for target groups alone.

The load balancer is load_balancer.py's. The controller is allowed to register and deregister pods in its one target
group, and to read; it makes no load balancer, no target group and no firewall rule:
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/targetgroupbinding/targetgroupbinding/.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.aws.account import Account
from components.aws.pod_role import pod_role
from components.aws.policy import Statement, allow, document
from components.contracts import ClusterHandle, LoadBalancerHandle, NetworkHandle, SubnetTier, WorkloadPrincipal
from components.contracts.entrance import EntranceFacts, ProxyService, TargetBinding
from components.contracts.operator_facts import ServiceAccountName

_CHART = "aws-load-balancer-controller"


class EntranceAccessArgs(BaseModel):
    """Whether the load balancer stands in public subnets, and how many replicas of the controller there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    internet_facing: bool = False
    replicas: PositiveInt = 2


class EntranceAccess(pulumi.ComponentResource):
    """Let one service account register the pods of `service` in the load balancer's target group. Output: role (ARN).

    `facts` are what components/kubernetes/entrance.py is given.
    """

    Args: ClassVar[type[EntranceAccessArgs]] = EntranceAccessArgs
    facts: EntranceFacts

    def __init__(
        self,
        name: str,
        args: EntranceAccessArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        cluster: ClusterHandle,
        load_balancer: LoadBalancerHandle,
        service: ProxyService,
        account: ServiceAccountName,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:EntranceAccess", name, {}, opts)
        role = pod_role(
            name,
            parent=self,
            platform=platform,
            cluster=cluster.name,
            namespace=account.namespace,
            service_account=account.service_account,
            description="Registers the gateway's pods at the load balancer",
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.id,
            policy=document(_statements(load_balancer)),
            opts=platform.options(self),
        )
        pods = aws.eks.PodIdentityAssociation(
            f"{name}-pods",
            cluster_name=cluster.name,
            namespace=account.namespace,
            service_account=account.service_account,
            role_arn=role.arn,
            tags=platform.tags(f"{name}-pods"),
            opts=platform.options(self),
        )
        self.facts = EntranceFacts(
            chart=_CHART,
            values=_values(args, platform.region, network, cluster, service, account),
            binding=TargetBinding(
                api_version="elbv2.k8s.aws/v1beta1",
                kind="TargetGroupBinding",
                # Without `networking` the controller leaves firewalls alone.
                spec={
                    "targetGroupARN": load_balancer.targets,
                    "targetType": "ip",
                    "vpcID": network.id,
                    "serviceRef": {"name": service.name, "port": service.port},
                },
            ),
            identity=WorkloadPrincipal(
                id=role.arn, namespace=account.namespace, service_account=account.service_account, annotations={}
            ),
            source_cidrs=tuple(network.cidrs[SubnetTier.PUBLIC if args.internet_facing else SubnetTier.PRIVATE]),
            dependencies=(policy, pods),
        )
        self.register_outputs({"role": role.arn})


def _statements(load_balancer: LoadBalancerHandle) -> list[Statement]:
    """https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/installation/, for bindings alone.

    None of the reads can be narrowed to resources:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_elasticloadbalancingv2.html.
    """
    return [
        allow(
            "RegisterPods",
            ("elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
            [load_balancer.targets],
        ),
        allow(
            "SeeTargets",
            (
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ),
            ["*"],
        ),
    ]


def _values(
    args: EntranceAccessArgs,
    region: str,
    network: NetworkHandle,
    cluster: ClusterHandle,
    service: ProxyService,
    account: ServiceAccountName,
) -> Mapping[str, Any]:
    """Return the values of https://github.com/aws/eks-charts/tree/master/stable/aws-load-balancer-controller."""
    return {
        "clusterName": cluster.name,
        # Both are named because pods cannot ask the machine's own metadata.
        "region": region,
        "vpcId": network.id,
        "watchNamespace": service.namespace,
        "replicaCount": args.replicas,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "serviceAccount": {"create": True, "name": account.service_account},
        "priorityClassName": "system-cluster-critical",
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "podSecurityContext": {"fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "enableCertManager": True,
        # What follows leaves it nothing but bindings: no load balancers for Ingresses or Services, no firewalls.
        "createIngressClassResource": False,
        "ingressClassParams": {"create": False},
        "disableIngressClassAnnotation": True,
        "enableServiceMutatorWebhook": False,
        "controllerConfig": {"featureGates": {"EnableServiceController": False}},
        "enablePodReadinessGateInject": False,
        "enableBackendSecurityGroup": False,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
    }
