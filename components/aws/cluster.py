"""EKS: a private control plane, secrets and logs encrypted, pinned add-ons, and one pool for the cluster's own pods.

Who may enter stands in access entries; the principal that created the cluster gets no hidden rights. Pods get cloud
permissions by Pod Identity only. GPU nodes are the work of gpu_pools.py; it puts no workload into the cluster.
"""

import ipaddress
import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from components.aws.account import Account
from components.aws.kubernetes_versions import supported_version
from components.aws.node_template import node_template
from components.aws.pod_role import pod_role
from components.aws.policy import assumed_by
from components.aws.retention import Retention
from components.contracts import ClusterHandle, KeyHandle, NetworkHandle, SubnetTier
from components.errors import SettingsError

PrincipalArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]+$")]
_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
# Add-ons whose pods speak to AWS: the service account, and the managed policy that it needs.
_ADDON_IDENTITIES: Mapping[str, tuple[str, str]] = {
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
}
# Nodes become ready only with these; the others need nodes to run on.
_BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
_NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
_OPEN_PREFIX = 8


class ClusterArgs(BaseModel):
    """The cluster's version, who may enter, and its system pool.

    `admins` and `viewers` are roles or users. The control plane is reached from inside the network; `public_cidrs`
    opens it to those addresses too. `addons` overrides pinned versions by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str = "1.36"
    support: Literal["STANDARD", "EXTENDED"] = "STANDARD"
    admins: tuple[PrincipalArn, ...]
    viewers: tuple[PrincipalArn, ...] = ()
    public_cidrs: tuple[str, ...] = ()
    addons: Mapping[str, str] = Field(default_factory=dict)
    log_retention_days: Retention = 90
    system_machine_type: str = "m7i.large"
    system_minimum: PositiveInt = 2
    system_maximum: PositiveInt = 4
    system_disk_gib: Annotated[int, Field(ge=20)] = 50
    protect: bool = True

    @field_validator("version")
    @classmethod
    def _is_supported(cls, version: str) -> str:
        try:
            supported_version(version)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return version

    @field_validator("public_cidrs")
    @classmethod
    def _are_narrow(cls, cidrs: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in cidrs:
            if ipaddress.IPv4Network(cidr).prefixlen < _OPEN_PREFIX:
                raise ValueError(f"{cidr} opens the control plane to the internet; name your own addresses")
        return cidrs

    @model_validator(mode="after")
    def _fits_together(self) -> "ClusterArgs":
        if not self.admins:
            raise ValueError("nobody could enter the cluster; name a role in admins")
        if both := sorted(set(self.admins) & set(self.viewers)):
            raise ValueError(f"{', '.join(both)} is in admins and in viewers; remove it from one")
        if self.system_maximum < self.system_minimum:
            raise ValueError(f"system_maximum must be at least system_minimum ({self.system_minimum})")
        known = supported_version(self.version).addons
        if unknown := sorted(set(self.addons) - set(known)):
            raise ValueError(f"no add-on {', '.join(unknown)}; there are {', '.join(known)}")
        return self


class Cluster(pulumi.ComponentResource):
    """Provision one EKS cluster, its add-ons and its system pool. Outputs: name, endpoint, version."""

    Args: ClassVar[type[ClusterArgs]] = ClusterArgs
    cluster: ClusterHandle

    def __init__(
        self,
        name: str,
        args: ClusterArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        key: KeyHandle,
        log_key: KeyHandle,
        disk_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Cluster", name, {}, opts)
        self._name, self._platform = name, platform
        physical = platform.physical_name("cluster", name)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{physical}/cluster",
            kms_key_id=log_key.id,
            retention_in_days=args.log_retention_days,
            tags=platform.tags(f"{name}-logs"),
            opts=platform.options(self),
        )
        role, role_policy = self._role("control-plane", "eks.amazonaws.com", ("AmazonEKSClusterPolicy",))
        control_plane = aws.eks.Cluster(
            f"{name}-control-plane",
            name=physical,
            version=args.version,
            role_arn=role.arn,
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type=args.support),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            bootstrap_self_managed_addons=False,
            deletion_protection=args.protect,
            enabled_cluster_log_types=list(_LOG_TYPES),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=key.id), resources=["secrets"]
            ),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(network.subnets[SubnetTier.PRIVATE]),
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_cidrs),
                public_access_cidrs=list(args.public_cidrs) or None,
            ),
            tags=platform.tags(f"{name}-control-plane"),
            opts=platform.options(self, protect=args.protect, depends_on=[logs, *role_policy]),
        )
        for index, (principal, policy) in enumerate(
            [
                *((admin, "AmazonEKSClusterAdminPolicy") for admin in args.admins),
                *((viewer, "AmazonEKSViewPolicy") for viewer in args.viewers),
            ]
        ):
            self._access(index, control_plane, principal, policy)
        versions = {**supported_version(args.version).addons, **args.addons}
        early = [self._addon(control_plane, addon, versions[addon], ()) for addon in _BEFORE_NODES]
        nodes, node_role = self._system_pool(args, control_plane, network, disk_key, early)
        for addon, version in versions.items():
            if addon not in _BEFORE_NODES:
                self._addon(control_plane, addon, version, (nodes,))
        self.cluster = ClusterHandle(
            name=control_plane.name,
            endpoint=control_plane.endpoint,
            certificate_authority=control_plane.certificate_authority.data,
            version=args.version,
            kubeconfig=_kubeconfig(platform, control_plane),
            # By its id, without which a preview takes the inputs' vpc_config for the outputs' and finds no group.
            firewall=pulumi.Output.all(control_plane.id, control_plane.vpc_config.cluster_security_group_id).apply(
                lambda known: str(known[1])
            ),
            node_identity=node_role.arn,
        )
        self.register_outputs({"name": control_plane.name, "endpoint": control_plane.endpoint, "version": args.version})

    def _role(
        self, role: str, service: str, policies: tuple[str, ...]
    ) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
        made = aws.iam.Role(
            f"{self._name}-{role}-role",
            assume_role_policy=assumed_by(service),
            description=f"The cluster's {role.replace('-', ' ')}",
            tags=self._platform.tags(f"{self._name}-{role}-role"),
            opts=self._platform.options(self),
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{self._name}-{role}-{policy}",
                role=made.name,
                policy_arn=self._platform.managed_policy(policy),
                opts=self._platform.options(self),
            )
            for policy in policies
        ]
        return made, attached

    def _access(self, index: int, control_plane: aws.eks.Cluster, principal: str, policy: str) -> None:
        entry = aws.eks.AccessEntry(
            f"{self._name}-access-{index}",
            cluster_name=control_plane.name,
            principal_arn=principal,
            tags=self._platform.tags(f"{self._name}-access-{index}"),
            opts=self._platform.options(self),
        )
        aws.eks.AccessPolicyAssociation(
            f"{self._name}-access-{index}-policy",
            cluster_name=control_plane.name,
            principal_arn=principal,
            policy_arn=f"arn:{self._platform.partition}:eks::aws:cluster-access-policy/{policy}",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._platform.options(self, depends_on=[entry]),
        )

    def _addon(
        self, control_plane: aws.eks.Cluster, addon: str, version: str, after: tuple[pulumi.Resource, ...]
    ) -> aws.eks.Addon:
        identities = None
        if addon in _ADDON_IDENTITIES:
            account, policy = _ADDON_IDENTITIES[addon]
            role = pod_role(
                f"{self._name}-{addon}",
                parent=self,
                platform=self._platform,
                cluster=control_plane.name,
                namespace="kube-system",
                service_account=account,
                description=f"The add-on {addon}",
            )
            attached = aws.iam.RolePolicyAttachment(
                f"{self._name}-{addon}-policy",
                role=role.name,
                policy_arn=self._platform.managed_policy(policy),
                opts=self._platform.options(self),
            )
            after = (*after, attached)
            identities = [aws.eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=account)]
        return aws.eks.Addon(
            f"{self._name}-addon-{addon}",
            cluster_name=control_plane.name,
            addon_name=addon,
            addon_version=version,
            pod_identity_associations=identities,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=self._platform.tags(f"{self._name}-addon-{addon}"),
            opts=self._platform.options(self, depends_on=after),
        )

    def _system_pool(
        self,
        args: ClusterArgs,
        control_plane: aws.eks.Cluster,
        network: NetworkHandle,
        disk_key: KeyHandle,
        early: list[aws.eks.Addon],
    ) -> tuple[aws.eks.NodeGroup, aws.iam.Role]:
        role, policies = self._role("nodes", "ec2.amazonaws.com", _NODE_POLICIES)
        template = node_template(
            f"{self._name}-system-template",
            parent=self,
            platform=self._platform,
            disk_gib=args.system_disk_gib,
            disk_key=disk_key,
        )
        nodes = aws.eks.NodeGroup(
            f"{self._name}-system",
            cluster_name=control_plane.name,
            node_role_arn=role.arn,
            subnet_ids=list(network.subnets[SubnetTier.PRIVATE]),
            ami_type="AL2023_x86_64_STANDARD",
            capacity_type="ON_DEMAND",
            instance_types=[args.system_machine_type],
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.system_minimum, max_size=args.system_maximum, desired_size=args.system_minimum
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            labels={"inferloop.io/pool": "system"},
            tags=self._platform.tags(f"{self._name}-system"),
            opts=self._platform.options(
                self, depends_on=[*policies, *early], ignore_changes=["scalingConfig.desiredSize"]
            ),
        )
        return nodes, role


def _kubeconfig(platform: Account, control_plane: aws.eks.Cluster) -> pulumi.Output[str]:
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["--region", platform.region, "eks", "get-token", "--output", "json", "--cluster-name"],
    }

    def write(known: list[str]) -> str:
        cluster, endpoint, authority = known
        user = {"exec": {**login, "args": [*login["args"], cluster], "interactiveMode": "Never"}}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": cluster, "cluster": {"server": endpoint, "certificate-authority-data": authority}}
                ],
                "users": [{"name": cluster, "user": user}],
                "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
                "current-context": cluster,
            },
            sort_keys=True,
        )

    return pulumi.Output.all(
        control_plane.name, control_plane.endpoint, control_plane.certificate_authority.data
    ).apply(write)
