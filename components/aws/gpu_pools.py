"""Managed node groups of GPU machines: spot with on-demand nodes to fall back on, capacity blocks, and EFA.

Nodes carry the taint `nvidia.com/gpu`, so that only what asks for a GPU lands on them. Drivers come with the AMI; the
device plugin and autoscaling are work inside the cluster. Nodes with a fabric share one zone and one placement group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from components.aws.account import Account, AccountArgs
from components.aws.node_template import node_template
from components.catalog.availability import load_availability
from components.catalog.machines import Machine
from components.contracts import ClusterHandle, KeyHandle, NetworkHandle, NodePool, SubnetTier, Taint
from components.errors import SettingsError

PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
_GPU_TAINT = Taint(key="nvidia.com/gpu", value="present", effect="NoSchedule")
_EKS_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_CAPACITY = {"on-demand": "ON_DEMAND", "spot": "SPOT", "capacity-block": "CAPACITY_BLOCK"}


class PoolArgs(BaseModel):
    """One pool; `size` is a size of the catalog or a machine type, and bounds are in nodes.

    A spot pool gets a second group of up to `fallback_maximum` on-demand nodes with the same labels and taints.
    `capacity_block` is the id of a reservation (`cr-…`). `fabric` puts all nodes into the zone `zone` with EFA.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    size: str
    minimum: NonNegativeInt = 0
    maximum: PositiveInt = 2
    spot: bool = False
    fallback_maximum: NonNegativeInt = 0
    capacity_block: Annotated[str, Field(pattern=r"^cr-[0-9a-f]+$")] | None = None
    fabric: bool = False
    zone: str | None = None
    disk_gib: Annotated[int, Field(ge=50, le=16384)] = 200
    labels: Mapping[str, str] = Field(default_factory=dict)
    dedicated_to: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,61}$")] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "PoolArgs":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}; raise maximum")
        if self.fallback_maximum and not self.spot:
            raise ValueError("fallback_maximum needs spot: true; remove it, or make the pool a spot pool")
        if self.capacity_block is not None and self.spot:
            raise ValueError("a capacity block is no spot capacity; remove spot or capacity_block")
        if (self.fabric or self.capacity_block is not None) and self.zone is None:
            raise ValueError("fabric and capacity_block need all nodes in one zone; set zone")
        return self


class GpuPoolsArgs(BaseModel):
    """The pools by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pools: Mapping[PoolName, PoolArgs]


@dataclass(frozen=True, kw_only=True)
class _Group:
    """One managed node group of a pool."""

    suffix: str
    capacity: str
    minimum: int
    maximum: int


class GpuPools(pulumi.ComponentResource):
    """Provision one or two managed node groups for each pool. Outputs: node_groups (names by pool).

    Raises SettingsError for a size that the region lacks, one that is retired, and a fabric that a machine has not.
    """

    Args: ClassVar[type[GpuPoolsArgs]] = GpuPoolsArgs
    pools: Mapping[str, Sequence[NodePool]]

    def __init__(
        self,
        name: str,
        args: GpuPoolsArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        cluster: ClusterHandle,
        disk_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:GpuPools", name, {}, opts)
        self._name, self._platform, self._network, self._cluster = name, platform, network, cluster
        machines = {pool: check_pool(platform.region, network.zones, it) for pool, it in args.pools.items()}
        self.pools = {
            pool: self._pool(pool, pool_args, machines[pool], disk_key) for pool, pool_args in args.pools.items()
        }
        self.register_outputs({"node_groups": {pool: [it.name for it in made] for pool, made in self.pools.items()}})

    @staticmethod
    def check(args: GpuPoolsArgs, *, platform: AccountArgs) -> None:
        """Refuse, before anything is made, what the region or a machine has not. Raises SettingsError."""
        for pool in args.pools.values():
            check_pool(platform.region, platform.zones_in_use, pool)

    def _pool(self, pool: str, args: PoolArgs, machine: Machine, disk_key: KeyHandle) -> list[NodePool]:
        labels = {
            "inferloop.io/pool": pool,
            "inferloop.io/gpu-kind": machine.accelerator,
            "inferloop.io/size": args.size,
            **args.labels,
        }
        taints: tuple[Taint, ...] = (_GPU_TAINT,)
        if args.dedicated_to is not None:
            taints += (Taint(key="inferloop.io/dedicated", value=args.dedicated_to, effect="NoSchedule"),)
        interfaces = load_availability().offering(machine.type).fabric_interfaces if args.fabric else 0
        role = f"{self._name}-{pool}"
        template = node_template(
            f"{role}-template",
            parent=self,
            platform=self._platform,
            disk_gib=args.disk_gib,
            disk_key=disk_key,
            fabric_interfaces=interfaces,
            fabric_groups=(self._cluster.firewall, self._fabric_group(role)) if args.fabric else (),
            placement_group=self._placement_group(role) if args.fabric else None,
            capacity_block=args.capacity_block,
        )
        subnets = dict(zip(self._network.zones, self._network.subnets[SubnetTier.PRIVATE], strict=True))
        made = []
        for group in _groups(args):
            nodes = aws.eks.NodeGroup(
                f"{role}-{group.suffix}",
                cluster_name=self._cluster.name,
                node_role_arn=self._cluster.node_identity,
                subnet_ids=[subnets[args.zone]] if args.zone is not None else list(subnets.values()),
                ami_type="AL2023_x86_64_NVIDIA",
                capacity_type=_CAPACITY[group.capacity],
                instance_types=[machine.type],
                launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                    id=template.id, version=template.latest_version.apply(str)
                ),
                scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                    min_size=group.minimum, max_size=group.maximum, desired_size=group.minimum
                ),
                update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
                labels={**labels, "inferloop.io/capacity": group.capacity},
                taints=[
                    aws.eks.NodeGroupTaintArgs(key=it.key, value=it.value, effect=_EKS_EFFECTS[it.effect])
                    for it in taints
                ],
                tags=self._platform.tags(f"{role}-{group.suffix}"),
                # Whoever schedules moves the size between its bounds.
                opts=self._platform.options(self, ignore_changes=["scalingConfig.desiredSize"]),
            )
            made.append(
                NodePool(
                    name=nodes.node_group_name,
                    machine_type=machine.type,
                    gpu_kind=machine.accelerator,
                    gpus_per_node=machine.count,
                    minimum=group.minimum,
                    maximum=group.maximum,
                    spot=group.capacity == "spot",
                    fabric=args.fabric,
                    labels={**labels, "inferloop.io/capacity": group.capacity},
                    taints=taints,
                )
            )
        return made

    def _fabric_group(self, role: str) -> pulumi.Output[str]:
        """Make the security group in which EFA's own traffic passes: all of it, but only among its members."""
        group = aws.ec2.SecurityGroup(
            f"{role}-fabric",
            vpc_id=self._network.id,
            description="EFA traffic among the nodes of one pool",
            tags=self._platform.tags(f"{role}-fabric"),
            opts=self._platform.options(self),
        )
        for direction, rule in (
            ("in", aws.vpc.SecurityGroupIngressRule),
            ("out", aws.vpc.SecurityGroupEgressRule),
        ):
            rule(
                f"{role}-fabric-{direction}",
                security_group_id=group.id,
                referenced_security_group_id=group.id,
                ip_protocol="-1",
                description="EFA among members",
                tags=self._platform.tags(f"{role}-fabric-{direction}"),
                opts=self._platform.options(self),
            )
        return group.id

    def _placement_group(self, role: str) -> pulumi.Output[str]:
        placement = aws.ec2.PlacementGroup(
            f"{role}-placement",
            strategy="cluster",
            tags=self._platform.tags(f"{role}-placement"),
            opts=self._platform.options(self),
        )
        return placement.name


def check_pool(region: str, zones: Sequence[str], args: PoolArgs) -> Machine:
    """Return the machine of a pool; raises SettingsError where the region or the machine has not what it asks for."""
    machine = load_availability().machine_in(region, args.size)
    offering = load_availability().offering(machine.type)
    if args.fabric and not offering.fabric_interfaces:
        fitting = [it.type for it in load_availability().offerings if it.fabric_interfaces and region in it.regions]
        raise SettingsError(f"{machine.type} has no EFA; set fabric: false, or take {' or '.join(fitting)}")
    if args.capacity_block is not None and not offering.capacity_blocks:
        fitting = [it.type for it in load_availability().offerings if it.capacity_blocks and region in it.regions]
        raise SettingsError(
            f"{machine.type} has no capacity blocks; remove capacity_block, or take {' or '.join(fitting)}"
        )
    if args.zone is not None and args.zone not in zones:
        raise SettingsError(f"zone {args.zone} is not in the network; its zones are {', '.join(zones)}")
    return machine


def _groups(args: PoolArgs) -> Iterator[_Group]:
    if args.capacity_block is not None:
        yield _Group(suffix="block", capacity="capacity-block", minimum=args.minimum, maximum=args.maximum)
    elif args.spot:
        yield _Group(suffix="spot", capacity="spot", minimum=args.minimum, maximum=args.maximum)
        if args.fallback_maximum:
            yield _Group(suffix="fallback", capacity="on-demand", minimum=0, maximum=args.fallback_maximum)
    else:
        yield _Group(suffix="nodes", capacity="on-demand", minimum=args.minimum, maximum=args.maximum)
