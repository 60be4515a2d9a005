"""Phase 2's ground: keys, network, buckets, registry, cluster, GPU pools, database and what only workloads may read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.contracts import (
    BucketHandle,
    Capability,
    ClusterHandle,
    DatabaseEndpoint,
    Foundation,
    KeyHandle,
    NetworkHandle,
    NodePool,
    RepositoryHandle,
    SecretHandle,
    TelemetryEndpoint,
)
from components.kubernetes.cluster_provider import cluster_provider
from components.registry import component
from stacks.layers.cloud import Arguments, Cloud, checked_args, platform_args
from stacks.settings.cloud import StagingFields

IMAGES = ("inferloop/runtime", "inferloop/tgi")
_DATABASE_PASSWORD = "database-password"  # noqa: S105  # The secret's name.


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every later layer stands on. `kubernetes` is the provider of the cluster's objects."""

    cloud: Cloud
    keys: Mapping[str, KeyHandle]
    network: NetworkHandle
    secrets: Mapping[str, SecretHandle]
    buckets: Mapping[str, BucketHandle]
    repositories: Mapping[str, RepositoryHandle]
    telemetry: TelemetryEndpoint
    cluster: ClusterHandle
    pools: Mapping[str, Sequence[NodePool]]
    database: DatabaseEndpoint
    kubernetes: pulumi.ProviderResource


def foundation_args(settings: StagingFields) -> Iterator[tuple[Foundation | Capability, str, Arguments]]:
    """Yield each capability of the ground, the section of the settings that it is told by, and what it is told."""
    protect = {"protect": settings.protect}
    yield Foundation.KEYS, "", protect
    yield Foundation.NETWORK, "network", settings.network.model_dump()
    yield Foundation.OBJECT_STORE, "", {"buckets": settings.buckets.model_dump(), **protect}
    images = {"images": IMAGES, "pull_through": settings.registry.pull_through}
    yield Foundation.IMAGE_REGISTRY, "registry", {**images, **protect}
    yield Foundation.TELEMETRY, "monitoring", {"log_retention_days": settings.monitoring.log_retention_days}
    logs = {"log_retention_days": settings.monitoring.log_retention_days}
    yield Foundation.CLUSTER, "cluster", {**settings.cluster.model_dump(), **logs, **protect}
    yield Foundation.GPU_POOLS, "", {"pools": {name: pool.model_dump() for name, pool in settings.pools.items()}}
    yield Capability.DATABASE, "database", {**settings.database.model_dump(), **protect}
    yield Capability.SECRETS, "", secret_args(settings)


def secret_args(settings: StagingFields) -> Arguments:
    """Return the names of the stack's secrets: the database's, and those of each tenant."""
    tenants = settings.tenant_names()
    access_keys = tuple(f"{tenant}-{role}" for tenant in tenants for role in ("api-key", "admin-key"))
    private = tuple(f"{tenant}-privacy-key" for tenant in tenants)
    return {"names": (_DATABASE_PASSWORD, *access_keys, *private), "access_keys": access_keys}


def check_foundation(settings: StagingFields) -> None:
    """Refuse what the cloud does not take, before any resource is made.

    Raises PreflightError that names the keys, and SettingsError for a size that the region lacks.
    """
    platform = checked_args(settings, Capability.PLATFORM, "", platform_args(settings.phase, settings))
    for capability, section, args in foundation_args(settings):
        checked = checked_args(settings, capability, section, args)
        if capability is Foundation.GPU_POOLS:
            component(settings.cloud, capability).check(checked, platform=platform)


def lay_foundation(stack: str, settings: StagingFields) -> Ground:
    """Make the ground of a stack."""
    cloud = Cloud(stack, settings)
    args = {capability: (section, told) for capability, section, told in foundation_args(settings)}

    def make(capability: Foundation | Capability, name: str, **wiring: Any) -> Any:
        section, told = args[capability]
        return cloud.make(capability, name, section, told, **wiring)

    keys = make(Foundation.KEYS, "keys").handles
    network = make(Foundation.NETWORK, "network", log_key=keys["logs"]).network
    secrets = make(Capability.SECRETS, "secrets", key=keys["secrets"]).handles
    buckets = make(Foundation.OBJECT_STORE, "objects", key=keys["objects"]).buckets
    cluster = make(
        Foundation.CLUSTER,
        "cluster",
        network=network,
        key=keys["cluster"],
        log_key=keys["logs"],
        disk_key=keys["disks"],
    ).cluster
    return Ground(
        cloud=cloud,
        keys=keys,
        network=network,
        secrets=secrets,
        buckets=buckets,
        repositories=make(Foundation.IMAGE_REGISTRY, "images", key=keys["registry"]).repositories,
        telemetry=make(Foundation.TELEMETRY, "telemetry", key=keys["telemetry"], log_key=keys["logs"]).endpoint,
        cluster=cluster,
        pools=make(Foundation.GPU_POOLS, "pools", network=network, cluster=cluster, disk_key=keys["disks"]).pools,
        database=make(
            Capability.DATABASE,
            "database",
            network=network,
            password=secrets[_DATABASE_PASSWORD],
            key=keys["database"],
        ).endpoint,
        kubernetes=cluster_provider("cluster-objects", cluster.kubeconfig),
    )
