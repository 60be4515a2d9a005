"""Which component provides which capability on which cloud: the only place that knows clouds by name.

Modules are imported when they are asked for, so that a stack loads the SDK of its own cloud and of no other.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from components.contracts import Capability, Foundation
from components.errors import RegistryError

_COMPONENTS: Mapping[str, Mapping[Capability | Foundation, str]] = {
    "local": {
        Capability.PLATFORM: "components.local.supervisor:Supervisor",
        Capability.SECRETS: "components.local.secrets:Secrets",
        Capability.VOLUMES: "components.local.volumes:Volumes",
        Capability.DATABASE: "components.local.postgres:Postgres",
        Capability.SCHEMA: "components.local.schema:Schema",
        Capability.WEIGHTS: "components.local.weights:Weights",
        Capability.MODEL_SERVER: "components.local.model_server:ModelServer",
        Capability.GATEWAY: "components.local.gateway:Gateway",
        Capability.CAPTURE: "components.local.capture:Capture",
        Capability.METRICS: "components.local.metrics:Metrics",
    },
    "aws": {
        Capability.PLATFORM: "components.aws.account:Account",
        Capability.SECRETS: "components.aws.secrets:Secrets",
        Capability.VOLUMES: "components.aws.object_store:ObjectStore",
        Capability.DATABASE: "components.aws.postgres:Postgres",
        Foundation.KEYS: "components.aws.keys:Keys",
        Foundation.NETWORK: "components.aws.network:Network",
        Foundation.OBJECT_STORE: "components.aws.object_store:ObjectStore",
        Foundation.IMAGE_REGISTRY: "components.aws.image_registry:ImageRegistry",
        Foundation.CACHE: "components.aws.cache:Cache",
        Foundation.CLUSTER: "components.aws.cluster:Cluster",
        Foundation.GPU_POOLS: "components.aws.gpu_pools:GpuPools",
        Foundation.WORKLOAD_IDENTITY: "components.aws.workload_identity:WorkloadIdentity",
        Foundation.OPERATOR_ACCESS: "components.aws.operator_access:OperatorAccess",
        Foundation.NODE_AUTOSCALER: "components.aws.karpenter:Karpenter",
        Foundation.TELEMETRY: "components.aws.telemetry:Telemetry",
        Foundation.ALERTS: "components.aws.alerts:Alerts",
        Foundation.ALARMS: "components.aws.alarms:Alarms",
        Foundation.AUDIT: "components.aws.audit:Audit",
        Foundation.BACKUP: "components.aws.backup:Backup",
        Foundation.COST: "components.aws.cost:Cost",
        Foundation.EDGE: "components.aws.edge:Edge",
        Foundation.LOAD_BALANCER: "components.aws.load_balancer:LoadBalancer",
        Foundation.ENTRANCE_ACCESS: "components.aws.entrance_access:EntranceAccess",
    },
}


def clouds() -> tuple[str, ...]:
    """Name every registered cloud."""
    return tuple(_COMPONENTS)


def capabilities_of(cloud: str) -> tuple[Capability | Foundation, ...]:
    """Name what a cloud provides. Raises RegistryError for an unknown cloud."""
    return tuple(_entries(cloud))


def component(cloud: str, capability: Capability | Foundation) -> Any:
    """Import the component class that provides `capability` on `cloud`.

    It satisfies the Protocol of components/contracts/, which the contract suite proves; its constructor takes the
    cloud's own `Args`, which is why it is not typed further here. Raises RegistryError where nothing is registered.
    """
    try:
        module, _, name = _entries(cloud)[capability].partition(":")
    except KeyError:
        raise RegistryError(f"cloud '{cloud}' provides no {capability}; see components/registry.py") from None
    return getattr(importlib.import_module(module), name)


def _entries(cloud: str) -> Mapping[Capability | Foundation, str]:
    try:
        return _COMPONENTS[cloud]
    except KeyError:
        raise RegistryError(f"cloud '{cloud}' is not registered; registered: {', '.join(_COMPONENTS)}") from None
