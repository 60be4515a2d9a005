"""What Karpenter needs of AWS: its controller's role, its nodes' role, and a queue that tells of interruptions.

The controller and its pools are objects of the cluster (components/kubernetes/node_autoscaling.py), which is given
`facts`. https://karpenter.sh/docs/getting-started/getting-started-with-karpenter/
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field

from components.aws.account import Account
from components.aws.karpenter_policy import controller_statements
from components.aws.pod_role import pod_role
from components.aws.policy import VERSION, assumed_by, deny, document, grant
from components.contracts import ClusterHandle, KeyHandle, NetworkHandle, SubnetTier, WorkloadPrincipal
from components.contracts.node_autoscaler import NodeAutoscalerFacts, NodeClass

# The account that the controller's chart is installed with.
_NAMESPACE, _SERVICE_ACCOUNT = "kube-system", "karpenter"
# The network's add-on and workloads log in as themselves, so that nodes need no more.
_NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
_ROOT_DEVICE = "/dev/xvda"
# Messages are worthless after the two minutes that a spot node is given.
_MESSAGE_S = 300
_EVENTS: Mapping[str, tuple[str, str]] = {
    "health": ("aws.health", "AWS Health Event"),
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "capacity": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}


class KarpenterArgs(BaseModel):
    """The image and the disk of the nodes.

    `image` is an alias of EKS's own images at one of their releases (https://github.com/awslabs/amazon-eks-ami/releases),
    by which GPU machines get NVIDIA's drivers; `latest` would change nodes without a deployment, and is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    image: Annotated[str, Field(pattern=r"^al2023@v20[0-9]{6}$")] = "al2023@v20260903"
    disk_gib: Annotated[int, Field(ge=50, le=16384)] = 200
    disk_mib_per_s: Annotated[int, Field(ge=125, le=1000)] = 500
    disk_iops: Annotated[int, Field(ge=3000, le=16000)] = 4000


class Karpenter(pulumi.ComponentResource):
    """Make the roles, the instance profile and the queue. Outputs: queue (name), controller_role, node_role (ARNs).

    `facts` are what the cluster's node autoscaling is given. Nodes stand in the private subnets, take session tokens
    for their metadata only, and their disks are encrypted by `disk_key`.
    """

    Args: ClassVar[type[KarpenterArgs]] = KarpenterArgs
    facts: NodeAutoscalerFacts

    def __init__(
        self,
        name: str,
        args: KarpenterArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        cluster: ClusterHandle,
        disk_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Karpenter", name, {}, opts)
        self._name, self._platform = name, platform
        queue, heard = self._queue()
        node_role, profile, joined = self._nodes(cluster)
        controller = pod_role(
            f"{name}-controller",
            parent=self,
            platform=platform,
            cluster=cluster.name,
            namespace=_NAMESPACE,
            service_account=_SERVICE_ACCOUNT,
            description="Starts and ends nodes of one cluster",
        )
        allowed = aws.iam.RolePolicy(
            f"{name}-controller-policy",
            role=controller.id,
            policy=pulumi.Output.json_dumps(
                pulumi.Output.all(
                    cluster=cluster.name,
                    queue=queue.arn,
                    node_role=node_role.arn,
                    profile=profile.arn,
                    disk_key=disk_key.id,
                ).apply(lambda known: {"Version": VERSION, "Statement": controller_statements(platform, **known)}),
                sort_keys=True,
            ),
            opts=platform.options(self),
        )
        pods = aws.eks.PodIdentityAssociation(
            f"{name}-controller-pods",
            cluster_name=cluster.name,
            namespace=_NAMESPACE,
            service_account=_SERVICE_ACCOUNT,
            role_arn=controller.arn,
            tags=platform.tags(f"{name}-controller-pods"),
            opts=platform.options(self, depends_on=[allowed]),
        )
        self.facts = NodeAutoscalerFacts(
            settings={
                "clusterName": cluster.name,
                "clusterEndpoint": cluster.endpoint,
                "interruptionQueue": queue.name,
            },
            node_class=NodeClass(
                api_version="karpenter.k8s.aws/v1",
                kind="EC2NodeClass",
                spec=self._node_class(args, network, cluster, profile, disk_key),
                family_label="karpenter.k8s.aws/instance-family",
            ),
            identity=WorkloadPrincipal(
                id=controller.arn, namespace=_NAMESPACE, service_account=_SERVICE_ACCOUNT, annotations={}
            ),
            dependencies=(pods, joined, *heard),
        )
        self.register_outputs({"queue": queue.name, "controller_role": controller.arn, "node_role": node_role.arn})

    def _queue(self) -> tuple[aws.sqs.Queue, list[pulumi.Resource]]:
        """Make the queue that EventBridge tells of nodes that will be taken, and return what fills it."""
        name, platform = self._name, self._platform
        queue = aws.sqs.Queue(
            f"{name}-interruptions",
            message_retention_seconds=_MESSAGE_S,
            sqs_managed_sse_enabled=True,
            tags=platform.tags(f"{name}-interruptions"),
            opts=platform.options(self),
        )
        own = {"StringEquals": {"aws:SourceAccount": platform.account_id}}
        in_plain = {"Bool": {"aws:SecureTransport": "false"}}
        teller = {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]}
        policy = aws.sqs.QueuePolicy(
            f"{name}-interruptions-policy",
            queue_url=queue.url,
            policy=document(
                [
                    grant("Tell", teller, ("sqs:SendMessage",), [queue.arn], condition=own),
                    deny("TlsOnly", ("sqs:*",), [queue.arn], condition=in_plain),
                ]
            ),
            opts=platform.options(self),
        )
        heard: list[pulumi.Resource] = [policy]
        for event, (source, kind) in _EVENTS.items():
            rule = aws.cloudwatch.EventRule(
                f"{name}-{event}",
                description=f"{kind}, for Karpenter",
                event_pattern=json.dumps({"source": [source], "detail-type": [kind]}, sort_keys=True),
                tags=platform.tags(f"{name}-{event}"),
                opts=platform.options(self),
            )
            heard.append(
                aws.cloudwatch.EventTarget(
                    f"{name}-{event}-target", rule=rule.name, arn=queue.arn, opts=platform.options(self)
                )
            )
        return queue, heard

    def _nodes(self, cluster: ClusterHandle) -> tuple[aws.iam.Role, aws.iam.InstanceProfile, pulumi.Resource]:
        """Make the role that nodes have, and let it join the cluster."""
        name, platform = self._name, self._platform
        role = aws.iam.Role(
            f"{name}-node-role",
            assume_role_policy=assumed_by("ec2.amazonaws.com"),
            description="Nodes that Karpenter starts",
            tags=platform.tags(f"{name}-node-role"),
            opts=platform.options(self),
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{name}-node-{policy}",
                role=role.name,
                policy_arn=platform.managed_policy(policy),
                opts=platform.options(self),
            )
            for policy in _NODE_POLICIES
        ]
        profile = aws.iam.InstanceProfile(
            f"{name}-node-profile",
            role=role.name,
            tags=platform.tags(f"{name}-node-profile"),
            opts=platform.options(self, depends_on=attached),
        )
        joined = aws.eks.AccessEntry(
            f"{name}-node-access",
            cluster_name=cluster.name,
            principal_arn=role.arn,
            type="EC2_LINUX",
            tags=platform.tags(f"{name}-node-access"),
            opts=platform.options(self),
        )
        return role, profile, joined

    def _node_class(
        self,
        args: KarpenterArgs,
        network: NetworkHandle,
        cluster: ClusterHandle,
        profile: aws.iam.InstanceProfile,
        disk_key: KeyHandle,
    ) -> Mapping[str, Any]:
        """Return the `spec` of https://karpenter.sh/docs/concepts/nodeclasses/."""
        return {
            "amiSelectorTerms": [{"alias": args.image}],
            "instanceProfile": profile.name,
            "subnetSelectorTerms": [{"id": subnet} for subnet in network.subnets[SubnetTier.PRIVATE]],
            "securityGroupSelectorTerms": [{"id": cluster.firewall}],
            "associatePublicIPAddress": False,
            "detailedMonitoring": True,
            "metadataOptions": {
                "httpEndpoint": "enabled",
                "httpProtocolIPv6": "disabled",
                # One hop: pods do not reach the node's own credentials.
                "httpPutResponseHopLimit": 1,
                "httpTokens": "required",
            },
            "blockDeviceMappings": [
                {
                    "deviceName": _ROOT_DEVICE,
                    "rootVolume": True,
                    "ebs": {
                        "deleteOnTermination": True,
                        "encrypted": True,
                        "kmsKeyID": disk_key.id,
                        "volumeSize": f"{args.disk_gib}Gi",
                        "volumeType": "gp3",
                        "iops": args.disk_iops,
                        "throughput": args.disk_mib_per_s,
                    },
                }
            ],
            "tags": self._platform.tags(f"{self._name}-node"),
        }
