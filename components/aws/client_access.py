"""The firewall of a server in the isolated subnets: one port, from the private subnets, and nothing else."""

import pulumi
import pulumi_aws as aws

from components.aws.account import Account
from components.contracts import NetworkHandle, SubnetTier


def private_clients(
    name: str, *, port: int, parent: pulumi.Resource, platform: Account, network: NetworkHandle
) -> aws.ec2.SecurityGroup:
    """Return a security group that lets the private subnets reach TCP `port`, and lets nothing out."""
    group = aws.ec2.SecurityGroup(
        name,
        vpc_id=network.id,
        description=f"TCP {port} from the private subnets",
        tags=platform.tags(name),
        opts=platform.options(parent),
    )
    for zone, block in zip(network.zones, network.cidrs[SubnetTier.PRIVATE], strict=True):
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-{zone}",
            security_group_id=group.id,
            cidr_ipv4=block,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"TCP {port} from private {zone}",
            tags=platform.tags(f"{name}-{zone}"),
            opts=platform.options(parent),
        )
    return group
