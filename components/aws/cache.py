"""ElastiCache for Valkey: TLS, a password, encryption at rest, replicas over zones, in isolated subnets."""

from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.aws.account import Account
from components.aws.client_access import private_clients
from components.aws.stored_secret import store_secret
from components.contracts import CacheEndpoint, KeyHandle, NetworkHandle, SecretHandle, SubnetTier

PORT = 6379
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html
FAMILIES = {"7.2": "valkey7", "8.0": "valkey8"}


class CacheArgs(BaseModel):
    """Size and safety of one cache. With one replica or more, the loss of a node or a zone is survived."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    engine_version: str = "8.0"
    node_type: Annotated[str, Field(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")] = "cache.t4g.small"
    replicas: Annotated[int, Field(ge=0, le=5)] = 1
    snapshot_days: Annotated[int, Field(ge=0, le=35)] = 1
    eviction: str = "allkeys-lru"

    @field_validator("engine_version")
    @classmethod
    def _is_supported(cls, version: str) -> str:
        if version not in FAMILIES:
            raise ValueError(f"Valkey {version} is not supported; take one of {', '.join(FAMILIES)}")
        return version


class Cache(pulumi.ComponentResource):
    """Provision one Valkey cache with a primary and its replicas. Outputs: host, port, url_secret (ARN).

    The endpoint's URL is secret and asks for TLS.
    """

    Args: ClassVar[type[CacheArgs]] = CacheArgs
    endpoint: CacheEndpoint

    def __init__(
        self,
        name: str,
        args: CacheArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        password: SecretHandle,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Cache", name, {}, opts)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            description="Isolated subnets",
            subnet_ids=list(network.subnets[SubnetTier.ISOLATED]),
            tags=platform.tags(f"{name}-subnets"),
            opts=platform.options(self),
        )
        parameters = aws.elasticache.ParameterGroup(
            f"{name}-parameters-{FAMILIES[args.engine_version]}",
            family=FAMILIES[args.engine_version],
            description="Eviction",
            parameters=[aws.elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value=args.eviction)],
            tags=platform.tags(f"{name}-parameters"),
            opts=platform.options(self),
        )
        group = private_clients(f"{name}-clients", port=PORT, parent=self, platform=platform, network=network)
        server = aws.elasticache.ReplicationGroup(
            f"{name}-server",
            description=f"{platform.args.tags.stack}: {name}",
            engine="valkey",
            engine_version=args.engine_version,
            node_type=args.node_type,
            num_cache_clusters=1 + args.replicas,
            automatic_failover_enabled=args.replicas > 0,
            multi_az_enabled=args.replicas > 0,
            port=PORT,
            at_rest_encryption_enabled=True,
            kms_key_id=key.id,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=password.value,
            # The old password stays good until clients have read the new one.
            auth_token_update_strategy="ROTATE",  # noqa: S106
            auto_minor_version_upgrade=True,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            snapshot_retention_limit=args.snapshot_days,
            tags=platform.tags(f"{name}-server"),
            opts=platform.options(self),
        )
        host = server.primary_endpoint_address
        url = store_secret(
            f"{name}-url",
            pulumi.Output.concat("rediss://:", password.value, "@", host, f":{PORT}/0"),
            parent=self,
            platform=platform,
            key=key,
            description=f"{platform.args.tags.stack}: URL of the cache",
        )
        # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.CreatingReplGroup.NoExistingCluster.html
        nodes = [pulumi.Output.concat(server.id, f"-{number:03}") for number in range(1, 2 + args.replicas)]
        self.endpoint = CacheEndpoint(host=host, port=pulumi.Output.from_input(PORT), url=url, nodes=nodes)
        self.register_outputs({"host": host, "port": PORT, "url_secret": url.reference})
