"""What a cloud may provide, by name, and the facts about it that callers ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Capability(StrEnum):
    """The names under which every cloud, one machine included, registers what a text-generation service needs."""

    PLATFORM = "platform"
    SECRETS = "secrets"
    VOLUMES = "volumes"
    DATABASE = "database"
    SCHEMA = "schema"
    WEIGHTS = "weights"
    MODEL_SERVER = "model_server"
    GATEWAY = "gateway"
    CAPTURE = "capture"
    METRICS = "metrics"


class Foundation(StrEnum):
    """The names under which a cloud with accounts registers what its platform, data and cluster stand on."""

    KEYS = "keys"
    NETWORK = "network"
    OBJECT_STORE = "object_store"
    IMAGE_REGISTRY = "image_registry"
    CACHE = "cache"
    CLUSTER = "cluster"
    GPU_POOLS = "gpu_pools"
    WORKLOAD_IDENTITY = "workload_identity"
    OPERATOR_ACCESS = "operator_access"
    NODE_AUTOSCALER = "node_autoscaler"
    TELEMETRY = "telemetry"
    ALERTS = "alerts"
    ALARMS = "alarms"
    AUDIT = "audit"
    BACKUP = "backup"
    COST = "cost"
    EDGE = "edge"
    LOAD_BALANCER = "load_balancer"
    ENTRANCE_ACCESS = "entrance_access"


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Facts about a cloud that callers may ask for, so that none asks for its name.

    `gpu_kinds` are names of components/catalog; an empty set means that only processors are had. `spot` is capacity
    that the cloud may take back, `capacity_blocks` GPU time that is reserved ahead, `private_endpoints` a way to the
    cloud's own services that leaves no private network. `name_limits` holds the longest name, in characters, of what
    callers name themselves, by kind. `identity_cidrs` are the addresses at which pods get their cloud credentials.
    """

    accounts: bool
    managed_database: bool
    object_store: bool
    autoscaling: bool
    load_balancer: bool
    tls: bool
    public_network: bool
    gpu_kinds: frozenset[str] = frozenset()
    spot: bool = False
    capacity_blocks: bool = False
    private_endpoints: bool = False
    name_limits: Mapping[str, int] = field(default_factory=dict)
    identity_cidrs: tuple[str, ...] = ()
