"""What RDS and Aurora servers have in common: where they stand, what they are asked for, and what they give back."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.aws.account import Account
from components.contracts import KeyHandle

PORT = 5432
DATABASE_INSIGHTS_DAYS = 7
CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
# By name: the value, and when it is applied.
PARAMETERS = {
    "rds.force_ssl": ("1", "immediate"),
    "password_encryption": ("scram-sha-256", "immediate"),
    "log_min_duration_statement": ("1000", "immediate"),
    "log_connections": ("1", "immediate"),
    "shared_preload_libraries": ("pg_stat_statements", "pending-reboot"),
}


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Where a server stands and who looks after it; `password` is secret."""

    name: str
    parent: pulumi.Resource
    platform: Account
    subnet_group: pulumi.Output[str]
    firewall: pulumi.Output[str]
    password: pulumi.Output[str]
    key: KeyHandle
    monitoring_role: pulumi.Output[str] | None


@dataclass(frozen=True, kw_only=True)
class PlacedServer:
    """Where a server listens, and the ids of its machines and of their cluster."""

    host: pulumi.Output[str]
    nodes: Sequence[pulumi.Output[str]]
    cluster: pulumi.Output[str] | None = None


def parameters(max_connections: int | None) -> dict[str, tuple[str, str]]:
    """Return the server's parameters: TLS only, SCRAM passwords, slow statements logged."""
    limit = {} if max_connections is None else {"max_connections": (str(max_connections), "pending-reboot")}
    return {**PARAMETERS, **limit}
