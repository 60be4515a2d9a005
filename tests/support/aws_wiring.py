"""Handles as other AWS components give them, so that one component can be made alone."""

import pulumi

from components.aws.account import Account
from components.aws.cidr import plan_subnets
from components.contracts import (
    AlertRoute,
    BucketHandle,
    ClusterHandle,
    EdgeEndpoint,
    KeyHandle,
    NetworkHandle,
    SecretHandle,
)


def key_of(name: str = "one") -> KeyHandle:
    """Return a key."""
    return KeyHandle(id=pulumi.Output.from_input(f"arn:aws:kms:eu-central-1:123456789012:key/{name}"))


def network_of(platform: Account) -> NetworkHandle:
    """Return a network over the account's zones."""
    plan = plan_subnets("10.40.0.0/16", zones=len(platform.zones))
    return NetworkHandle(
        id=pulumi.Output.from_input("vpc-1"),
        zones=platform.zones,
        cidr=plan.network,
        cidrs=plan.tiers,
        subnets={
            tier: [pulumi.Output.from_input(f"subnet-{tier}-{zone}") for zone in platform.zones] for tier in plan.tiers
        },
        egress_addresses=[],
    )


def secret_of(name: str) -> SecretHandle:
    """Return a secret whose value is its name."""
    return SecretHandle(
        reference=pulumi.Output.from_input(f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"),
        value=pulumi.Output.secret(name),
        revision=pulumi.Output.from_input("1"),
    )


def bucket_of(name: str) -> BucketHandle:
    """Return a bucket."""
    return BucketHandle(
        id=pulumi.Output.from_input(f"arn:aws:s3:::{name}"),
        name=pulumi.Output.from_input(name),
        uri=pulumi.Output.from_input(f"s3://{name}"),
        key=key_of(),
    )


def cluster_of(name: str) -> ClusterHandle:
    """Return a cluster."""
    known = pulumi.Output.from_input(name)
    return ClusterHandle(
        name=known,
        endpoint=known,
        certificate_authority=known,
        version="1.36",
        kubeconfig=known,
        firewall=pulumi.Output.from_input("sg-cluster"),
        node_identity=pulumi.Output.from_input("arn:aws:iam::123456789012:role/nodes"),
    )


def alerts_of(*severities: str) -> AlertRoute:
    """Return a route for each severity."""
    return AlertRoute(routes={it: pulumi.Output.from_input(f"arn:aws:sns:::{it}") for it in severities})


def edge_of(domain: str) -> EdgeEndpoint:
    """Return the edge of a domain."""
    return EdgeEndpoint(
        domain=domain,
        zone=pulumi.Output.from_input("Z1"),
        certificate=pulumi.Output.from_input("arn:aws:acm:eu-central-1:123456789012:certificate/one"),
        firewall=pulumi.Output.from_input("arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/one/1"),
        name_servers=pulumi.Output.from_input(["ns-1.example.test"]),
        measured_as="staging-aws-edge-firewall",
    )
