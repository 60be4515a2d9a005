"""The VPC: three tiers of subnets over the account's zones, ways out, endpoints of AWS's own services, and flow logs.

It opens nothing to the internet but the public subnets' route, and gives no address out by itself; the default
security group is emptied. Load balancers and nodes are other components' work.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, field_validator

from components.aws.account import Account
from components.aws.cidr import plan_subnets
from components.aws.policy import allow, assumed_by, document
from components.aws.retention import Retention
from components.contracts import KeyHandle, NetworkHandle, SubnetTier
from components.errors import SettingsError

_ANYWHERE = "0.0.0.0/0"
_HTTPS = 443
# What nodes, pods and the image registry speak to; S3 has a gateway endpoint, which costs nothing.
_INTERFACE_ENDPOINTS = ("ecr.api", "ecr.dkr", "sts", "logs")
_TIER_TAGS: Mapping[SubnetTier, Mapping[str, str]] = {
    # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
    SubnetTier.PUBLIC: {"kubernetes.io/role/elb": "1"},
    SubnetTier.PRIVATE: {"kubernetes.io/role/internal-elb": "1"},
    SubnetTier.ISOLATED: {},
}


class NetworkArgs(BaseModel):
    """The network's block, its ways out, and which services are reached without leaving it.

    `nat` is one gateway, one in each zone (so that the loss of a zone takes no other's way out), or none at all.
    `endpoints` are interface endpoints by their service's name; S3's gateway endpoint is always there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    cidr: str = "10.40.0.0/16"
    nat: Literal["none", "single", "per_zone"] = "per_zone"
    endpoints: tuple[str, ...] = _INTERFACE_ENDPOINTS
    flow_log_retention_days: Retention = 365
    flow_log_interval_s: Literal[60, 600] = 600

    @field_validator("cidr")
    @classmethod
    def _can_be_planned(cls, cidr: str) -> str:
        try:
            plan_subnets(cidr, zones=1)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return cidr


class Network(pulumi.ComponentResource):
    """Make one VPC with public, private and isolated subnets in every zone of the account's settings.

    Outputs: vpc_id, subnet_ids by tier, egress_addresses.
    """

    Args: ClassVar[type[NetworkArgs]] = NetworkArgs
    network: NetworkHandle

    def __init__(
        self,
        name: str,
        args: NetworkArgs,
        *,
        platform: Account,
        log_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Network", name, {}, opts)
        self._name, self._platform, self._args = name, platform, args
        plan = plan_subnets(args.cidr, zones=len(platform.zones))
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=platform.tags(name),
            opts=platform.options(self),
        )
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-closed",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=platform.tags(f"{name}-default-closed"),
            opts=platform.options(self),
        )
        subnets = {tier: self._subnets(tier, blocks) for tier, blocks in plan.tiers.items()}
        gateways, addresses, tables = self._routes(subnets)
        self._endpoints(subnets[SubnetTier.PRIVATE], tables, plan.tiers)
        self._flow_log(log_key)
        self.network = NetworkHandle(
            id=self._vpc.id,
            zones=platform.zones,
            cidr=args.cidr,
            cidrs=plan.tiers,
            subnets={tier: [subnet.id for subnet in made] for tier, made in subnets.items()},
            egress_addresses=addresses,
            gateways=gateways,
        )
        self.register_outputs(
            {
                "vpc_id": self._vpc.id,
                "subnet_ids": {tier.value: ids for tier, ids in self.network.subnets.items()},
                "egress_addresses": addresses,
            }
        )

    def _subnets(self, tier: SubnetTier, blocks: Sequence[str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{zone}",
                vpc_id=self._vpc.id,
                availability_zone=zone,
                cidr_block=block,
                map_public_ip_on_launch=False,
                tags={**self._platform.tags(f"{self._name}-{tier}-{zone}"), **_TIER_TAGS[tier]},
                opts=self._platform.options(self),
            )
            for zone, block in zip(self._platform.zones, blocks, strict=True)
        ]

    def _routes(
        self, subnets: Mapping[SubnetTier, Sequence[aws.ec2.Subnet]]
    ) -> tuple[list[pulumi.Output[str]], list[pulumi.Output[str]], list[aws.ec2.RouteTable]]:
        zones = self._platform.zones
        internet = aws.ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=self._vpc.id,
            tags=self._platform.tags(f"{self._name}-internet"),
            opts=self._platform.options(self),
        )
        public = self._table("public", list(subnets[SubnetTier.PUBLIC]))
        self._route("public-internet", public, gateway_id=internet.id)
        isolated = self._table("isolated", list(subnets[SubnetTier.ISOLATED]))
        private = [
            self._table(f"private-{zone}", [subnet])
            for zone, subnet in zip(zones, subnets[SubnetTier.PRIVATE], strict=True)
        ]
        ways_out = {"none": 0, "single": 1, "per_zone": len(zones)}[self._args.nat]
        gateways: list[aws.ec2.NatGateway] = []
        addresses: list[pulumi.Output[str]] = []
        for zone, subnet in list(zip(zones, subnets[SubnetTier.PUBLIC], strict=True))[:ways_out]:
            role = f"{self._name}-nat-{zone}"
            address = aws.ec2.Eip(
                f"{role}-address",
                domain="vpc",
                tags=self._platform.tags(f"{role}-address"),
                opts=self._platform.options(self, depends_on=[internet]),
            )
            gateways.append(
                aws.ec2.NatGateway(
                    role,
                    allocation_id=address.id,
                    subnet_id=subnet.id,
                    tags=self._platform.tags(role),
                    opts=self._platform.options(self, depends_on=[internet]),
                )
            )
            addresses.append(address.public_ip)
        if gateways:
            for index, (zone, table) in enumerate(zip(zones, private, strict=True)):
                self._route(f"private-{zone}-nat", table, nat_gateway_id=gateways[index % len(gateways)].id)
        return [gateway.id for gateway in gateways], addresses, [public, isolated, *private]

    def _table(self, role: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._name}-{role}-routes",
            vpc_id=self._vpc.id,
            tags=self._platform.tags(f"{self._name}-{role}-routes"),
            opts=self._platform.options(self),
        )
        for index, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{role}-{index}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._platform.options(self),
            )
        return table

    def _route(self, role: str, table: aws.ec2.RouteTable, **target: pulumi.Input[str]) -> None:
        aws.ec2.Route(
            f"{self._name}-{role}-route",
            route_table_id=table.id,
            destination_cidr_block=_ANYWHERE,
            opts=self._platform.options(self),
            **target,
        )

    def _endpoints(
        self,
        private: Sequence[aws.ec2.Subnet],
        tables: Sequence[aws.ec2.RouteTable],
        cidrs: Mapping[SubnetTier, tuple[str, ...]],
    ) -> None:
        region = self._platform.region
        aws.ec2.VpcEndpoint(
            f"{self._name}-endpoint-s3",
            vpc_id=self._vpc.id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags=self._platform.tags(f"{self._name}-endpoint-s3"),
            opts=self._platform.options(self),
        )
        if not self._args.endpoints:
            return
        group = aws.ec2.SecurityGroup(
            f"{self._name}-endpoints",
            vpc_id=self._vpc.id,
            description="HTTPS from the private and isolated subnets to AWS's services",
            tags=self._platform.tags(f"{self._name}-endpoints"),
            opts=self._platform.options(self),
        )
        for tier in (SubnetTier.PRIVATE, SubnetTier.ISOLATED):
            for zone, block in zip(self._platform.zones, cidrs[tier], strict=True):
                aws.vpc.SecurityGroupIngressRule(
                    f"{self._name}-endpoints-{tier}-{zone}",
                    security_group_id=group.id,
                    cidr_ipv4=block,
                    ip_protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    description=f"HTTPS from {tier} {zone}",
                    tags=self._platform.tags(f"{self._name}-endpoints-{tier}-{zone}"),
                    opts=self._platform.options(self),
                )
        for service in self._args.endpoints:
            role = f"{self._name}-endpoint-{service.replace('.', '-')}"
            aws.ec2.VpcEndpoint(
                role,
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in private],
                security_group_ids=[group.id],
                tags=self._platform.tags(role),
                opts=self._platform.options(self),
            )

    def _flow_log(self, key: KeyHandle) -> None:
        role = f"{self._name}-flow-log"
        group = aws.cloudwatch.LogGroup(
            f"{role}-group",
            kms_key_id=key.id,
            retention_in_days=self._args.flow_log_retention_days,
            tags=self._platform.tags(f"{role}-group"),
            opts=self._platform.options(self),
        )
        writer = aws.iam.Role(
            f"{role}-writer",
            assume_role_policy=assumed_by("vpc-flow-logs.amazonaws.com", account_id=self._platform.account_id),
            description="Writes the network's flow log",
            tags=self._platform.tags(f"{role}-writer"),
            opts=self._platform.options(self),
        )
        actions = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
        aws.iam.RolePolicy(
            f"{role}-write",
            role=writer.id,
            policy=document([allow("Write", actions, [pulumi.Output.concat(group.arn, ":*")])]),
            opts=self._platform.options(self),
        )
        aws.ec2.FlowLog(
            role,
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=writer.arn,
            max_aggregation_interval=self._args.flow_log_interval_s,
            tags=self._platform.tags(role),
            opts=self._platform.options(self),
        )
