"""What a cloud's platform, data and cluster stand on: Output-typed results and one Protocol for each capability.

Ids are the provider's own (an ARN, a self-link, a resource id) and opaque to callers: they are handed on to components
of the same cloud, never read. Names, addresses and labels mean the same on every cloud.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import pulumi

from components.contracts.service import SecretHandle


class SubnetTier(StrEnum):
    """Who reaches a subnet: the internet's load balancers, what goes out by NAT, or nothing outside the network."""

    PUBLIC = "public"
    PRIVATE = "private"
    ISOLATED = "isolated"


@dataclass(frozen=True, kw_only=True)
class KeyHandle:
    """One encryption key that the cloud keeps and rotates; no key material ever leaves it."""

    id: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class NetworkHandle:
    """One private network over one or more zones.

    `subnets` holds one subnet id a zone, in the order of `zones`. `cidrs` are plain: firewalls are planned from them.
    `egress_addresses` are the public addresses that outgoing connections come from, for allow lists elsewhere;
    `gateways` are the ids of what translates to them, for alarms.
    """

    id: pulumi.Output[str]
    zones: tuple[str, ...]
    cidr: str
    cidrs: Mapping[SubnetTier, tuple[str, ...]]
    subnets: Mapping[SubnetTier, Sequence[pulumi.Output[str]]]
    egress_addresses: Sequence[pulumi.Output[str]]
    gateways: Sequence[pulumi.Output[str]] = ()


@dataclass(frozen=True, kw_only=True)
class BucketHandle:
    """One bucket. `name` is for clients, `id` for access policies, `key` encrypts it."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    uri: pulumi.Output[str]
    key: KeyHandle


@dataclass(frozen=True, kw_only=True)
class RepositoryHandle:
    """One image repository; `url` has neither tag nor digest."""

    id: pulumi.Output[str]
    url: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class CacheEndpoint:
    """Where a Redis-compatible cache listens; `url` holds `rediss://`, the password included.

    `nodes` are the provider's ids of its machines, for alarms.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    url: SecretHandle
    nodes: Sequence[pulumi.Output[str]] = ()


@dataclass(frozen=True, kw_only=True)
class ClusterHandle:
    """One Kubernetes cluster. `certificate_authority` is base64 of PEM; `kubeconfig` holds no credential but a login.

    `firewall` and `node_identity` are ids that node pools of the same cloud join the cluster with.
    """

    name: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    version: str
    kubeconfig: pulumi.Output[str]
    firewall: pulumi.Output[str]
    node_identity: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class Taint:
    """A taint as Kubernetes writes it: `NoSchedule`, `PreferNoSchedule` or `NoExecute`."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class NodePool:
    """Nodes of one machine type that workloads ask for by `labels` and `taints`; sizes are in nodes.

    `spot` nodes may be taken back. `fabric` tells whether their network cards carry collective operations.
    """

    name: pulumi.Output[str]
    machine_type: str
    gpu_kind: str | None
    gpus_per_node: int
    minimum: int
    maximum: int
    spot: bool
    fabric: bool
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]


@dataclass(frozen=True, kw_only=True)
class WorkloadPrincipal:
    """What one service account may do in the cloud. `annotations` go on the service account, and may be none."""

    id: pulumi.Output[str]
    namespace: str
    service_account: str
    annotations: Mapping[str, pulumi.Output[str]]


@dataclass(frozen=True, kw_only=True)
class TelemetryEndpoint:
    """Where measurements are written and read, and the log stores by name; writers log in as their workload."""

    id: pulumi.Output[str]
    remote_write_url: pulumi.Output[str]
    query_url: pulumi.Output[str]
    logs: Mapping[str, pulumi.Output[str]]


@dataclass(frozen=True, kw_only=True)
class AlertRoute:
    """Where alarms are sent, by severity; anything that raises alarms takes one of them."""

    routes: Mapping[str, pulumi.Output[str]]


@dataclass(frozen=True, kw_only=True)
class AuditTrail:
    """The record of who did what; `uri` is where it is kept, encrypted and unchangeable for its retention."""

    id: pulumi.Output[str]
    uri: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class BackupVault:
    """Where recovery points are kept; `selector` are the tags of what is backed up."""

    id: pulumi.Output[str]
    selector: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the stack may cost in a month, and the name of the budget that warns."""

    name: pulumi.Output[str]
    limit_usd_per_month: int


@dataclass(frozen=True, kw_only=True)
class EdgeEndpoint:
    """How a domain is served: its DNS zone, its certificate, its firewall and the addresses of its name servers.

    `measured_as` is the name under which the firewall's measurements are found.
    """

    domain: str
    zone: pulumi.Output[str]
    certificate: pulumi.Output[str]
    firewall: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]
    measured_as: str


@dataclass(frozen=True, kw_only=True)
class LoadBalancerHandle:
    """One way in. `layer` is 4 where it passes connections on, and 7 where it reads requests.

    `targets` is the group that the cluster's gateway registers its pods in, `firewall` the id of what limits who
    connects, `address` the load balancer's own name, and `urls` are where clients go.
    """

    id: pulumi.Output[str]
    layer: Literal[4, 7]
    address: pulumi.Output[str]
    targets: pulumi.Output[str]
    firewall: pulumi.Output[str]
    urls: Sequence[pulumi.Output[str]]


@runtime_checkable
class Keys(Protocol):
    """Encryption keys, one for each purpose."""

    @property
    def handles(self) -> Mapping[str, KeyHandle]:
        """Each key by its purpose."""


@runtime_checkable
class Network(Protocol):
    """A private network with public, private and isolated subnets."""

    @property
    def network(self) -> NetworkHandle:
        """The network, once its ways out are there."""


@runtime_checkable
class ObjectStore(Protocol):
    """Buckets: versioned, encrypted, and closed to the public."""

    @property
    def buckets(self) -> Mapping[str, BucketHandle]:
        """Each bucket by its role."""


@runtime_checkable
class ImageRegistry(Protocol):
    """Image repositories whose tags are never overwritten."""

    @property
    def repositories(self) -> Mapping[str, RepositoryHandle]:
        """Each repository by the image's name."""


@runtime_checkable
class Cache(Protocol):
    """A Redis-compatible cache with TLS and a password."""

    @property
    def endpoint(self) -> CacheEndpoint:
        """Where it listens, once it is available."""


@runtime_checkable
class Cluster(Protocol):
    """A Kubernetes cluster: its control plane, add-ons and one pool for what serves the cluster itself."""

    @property
    def cluster(self) -> ClusterHandle:
        """How it is reached, once it is active."""


@runtime_checkable
class GpuPools(Protocol):
    """Pools of GPU nodes, scaled between their bounds by whoever schedules."""

    @property
    def pools(self) -> Mapping[str, Sequence[NodePool]]:
        """Each pool by its name: one entry, or two where on-demand nodes stand in for spot ones."""


@runtime_checkable
class WorkloadIdentity(Protocol):
    """The cloud permissions of workloads, without a stored credential."""

    @property
    def identities(self) -> Mapping[str, WorkloadPrincipal]:
        """Each principal by its workload."""


@runtime_checkable
class Telemetry(Protocol):
    """Storage of measurements and logs."""

    @property
    def endpoint(self) -> TelemetryEndpoint:
        """Where they go."""


@runtime_checkable
class Alerts(Protocol):
    """Routes from alarms to people."""

    @property
    def route(self) -> AlertRoute:
        """Where alarms go."""


@runtime_checkable
class Alarms(Protocol):
    """Alarms on what a stack stands on, each sent to the people of its urgency."""

    @property
    def alarms(self) -> Mapping[str, pulumi.Output[str]]:
        """The id of each alarm by its name."""


@runtime_checkable
class Audit(Protocol):
    """The record of calls, configuration and threats."""

    @property
    def trail(self) -> AuditTrail:
        """Where the record is kept."""


@runtime_checkable
class Backup(Protocol):
    """Backups on a schedule, kept from deletion, and restored as a test."""

    @property
    def vault(self) -> BackupVault:
        """Where recovery points are kept."""


@runtime_checkable
class Cost(Protocol):
    """A budget that warns before it is spent."""

    @property
    def budget(self) -> Budget:
        """What may be spent."""


@runtime_checkable
class Edge(Protocol):
    """A public name with a certificate and a web application firewall."""

    @property
    def edge(self) -> EdgeEndpoint:
        """How the name is served."""


@runtime_checkable
class LoadBalancer(Protocol):
    """The way in from clients to the cluster's gateway, by TLS only."""

    @property
    def load_balancer(self) -> LoadBalancerHandle:
        """Where clients go, and where pods are registered."""
