"""Settings of what a stack in a cloud stands on: network, cluster, node pools, database, buckets, cache.

Their words are no cloud's; each cloud's components check them further (a machine that a region lacks, a class of
database that does not exist) when the phase is planned, before the engine is told of any resource.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from stacks.settings.section import Section

PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class NetworkSettings(Section):
    """The private network and its ways out."""

    cidr: str = "10.40.0.0/16"
    """The network's block; three tiers of subnets in each zone are planned from it."""
    nat: Literal["none", "single", "per_zone"] = "single"
    """Ways out: none, one for all zones, or one in each zone, so that the loss of a zone takes no other's way out."""
    endpoints: tuple[str, ...] = ("ecr.api", "ecr.dkr", "sts", "logs")
    """The cloud's own services that are reached without leaving the network, by the cloud's names."""
    flow_log_retention_days: PositiveInt = 90
    """How long the record of connections is kept, in days."""


class ProductionNetworkSettings(NetworkSettings):
    """The private network of a production account."""

    nat: Literal["none", "single", "per_zone"] = "per_zone"
    """Ways out: none, one for all zones, or one in each zone, so that the loss of a zone takes no other's way out."""


class PrivateNetworkSettings(ProductionNetworkSettings):
    """The private network of an account whose own services are reached inside it."""

    endpoints: tuple[str, ...] = (
        *("ecr.api", "ecr.dkr", "sts", "logs"),
        *("ec2", "elasticloadbalancing", "kms", "secretsmanager"),
    )
    """The cloud's own services that are reached without leaving the network, by the cloud's names."""
    flow_log_retention_days: PositiveInt = 365
    """How long the record of connections is kept, in days."""


class ClusterSettings(Section):
    """The Kubernetes cluster and the pool for its own pods."""

    version: str = "1.36"
    """Kubernetes version, as `major.minor`."""
    admins: tuple[str, ...] = Field(min_length=1)
    """Who administers the cluster: principals of the cloud, such as role ARNs."""
    viewers: tuple[str, ...] = ()
    """Who may look, and change nothing."""
    public_cidrs: tuple[str, ...] = ()
    """Addresses outside that reach the control plane; none keeps it private."""
    system_machine_type: str = "m7i.large"
    """Machine type of the nodes that run the cluster's own pods, the gateway and other work without a GPU."""
    system_minimum: PositiveInt = 2
    """Fewest such nodes."""
    system_maximum: PositiveInt = 6
    """Most such nodes."""
    system_disk_gib: int = Field(default=50, ge=20, le=16384)
    """Disk of each such node in GiB; a model is mirrored by way of one, which must hold its files."""

    @model_validator(mode="after")
    def _be_in_order(self) -> "ClusterSettings":
        if self.system_maximum < self.system_minimum:
            raise ValueError(f"system_maximum {self.system_maximum} is less than system_minimum {self.system_minimum}")
        return self


class PoolSettings(Section):
    """One pool of GPU nodes."""

    size: str
    """A size (`small`, `medium`, `large`, `xlarge`) or a machine type of the GPU catalog."""
    minimum: NonNegativeInt = 0
    """Fewest nodes."""
    maximum: PositiveInt = 2
    """Most nodes."""
    spot: bool = False
    """Whether the nodes are spot capacity, which the cloud may take back."""
    fallback_maximum: NonNegativeInt = 0
    """Most on-demand nodes that stand in for spot ones."""
    capacity_block: str | None = None
    """Id of reserved GPU time."""
    fabric: bool = False
    """Whether all nodes stand in `zone`, with network cards that carry collective operations."""
    zone: str | None = None
    """The one zone of the pool; needed for `fabric` and `capacity_block`."""
    disk_gib: int = Field(default=200, ge=50, le=16384)
    """Disk of each node, for images and weights, in GiB."""
    dedicated_to: str | None = None
    """Keeps the pool for workloads that tolerate this name."""

    @model_validator(mode="after")
    def _fit_together(self) -> "PoolSettings":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}; raise maximum")
        if self.fallback_maximum and not self.spot:
            raise ValueError("fallback_maximum needs spot: true; remove it, or make the pool a spot pool")
        return self


class ServerDatabaseSettings(Section):
    """The managed PostgreSQL server."""

    engine: Literal["rds", "aurora"] = "rds"
    """One server with its stand-by, or a cluster of the cloud's own storage with `readers`, where the cloud has one."""
    readers: int = Field(default=0, ge=0, le=15)
    """Readers beside the writer of a cluster."""
    engine_version: str = "17"
    """Major version of PostgreSQL."""
    instance_class: str = "db.t4g.medium"
    """Size of the server, in the cloud's words."""
    storage_gib: int = Field(default=50, ge=20, le=65536)
    """Storage at the beginning, in GiB."""
    max_storage_gib: int = Field(default=500, ge=20, le=65536)
    """Storage up to which it grows by itself, in GiB."""
    multi_az: bool = False
    """Whether a stand-by in another zone takes over."""
    backup_days: int = Field(default=7, ge=1, le=35)
    """Days back to any second of which it can be restored."""


class ProductionDatabaseSettings(ServerDatabaseSettings):
    """The managed PostgreSQL server of a production account."""

    instance_class: str = "db.m7g.large"
    """Size of the server, in the cloud's words."""
    storage_gib: int = Field(default=100, ge=20, le=65536)
    """Storage at the beginning, in GiB."""
    max_storage_gib: int = Field(default=1000, ge=20, le=65536)
    """Storage up to which it grows by itself, in GiB."""
    multi_az: bool = True
    """Whether a stand-by in another zone takes over."""
    backup_days: int = Field(default=14, ge=1, le=35)
    """Days back to any second of which it can be restored."""


class BucketSettings(Section):
    """How long a bucket's objects live. Days count from a version's creation, or from when a newer one replaced it."""

    noncurrent_days: PositiveInt = 30
    """Days for which replaced and deleted versions are kept."""
    archive_after_days: PositiveInt | None = None
    """Days after which objects move to cheaper storage."""
    expire_after_days: PositiveInt | None = None
    """Days after which objects are deleted."""
    replicate_to: str | None = None
    """Id of a bucket elsewhere that receives copies."""
    replica_key: str | None = None
    """Id of the key that encrypts the copies."""


class BucketsSettings(Section):
    """The stack's buckets."""

    weights: BucketSettings = Field(default_factory=BucketSettings)
    """Model weights."""
    datasets: BucketSettings = Field(default_factory=BucketSettings)
    """Captured data sets."""
    backups: BucketSettings = Field(default_factory=BucketSettings)
    """The cluster's own backups."""


class CacheSettings(Section):
    """The managed Redis-compatible cache."""

    node_type: str = "cache.t4g.small"
    """Size of a node, in the cloud's words."""
    replicas: int = Field(default=1, ge=0, le=5)
    """Replicas beside the primary; with one or more the loss of a node or a zone is survived."""
