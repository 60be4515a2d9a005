"""Which contract each foundation keeps."""

from collections.abc import Mapping

from components.contracts.capability import Foundation
from components.contracts.entrance import EntranceAccess
from components.contracts.foundation import (
    Alarms,
    Alerts,
    Audit,
    Backup,
    Cache,
    Cluster,
    Cost,
    Edge,
    GpuPools,
    ImageRegistry,
    Keys,
    LoadBalancer,
    Network,
    ObjectStore,
    Telemetry,
    WorkloadIdentity,
)
from components.contracts.node_autoscaler import NodeAutoscaler
from components.contracts.operator_facts import OperatorAccess

FOUNDATION_CONTRACTS: Mapping[Foundation, type] = {
    Foundation.KEYS: Keys,
    Foundation.NETWORK: Network,
    Foundation.OBJECT_STORE: ObjectStore,
    Foundation.IMAGE_REGISTRY: ImageRegistry,
    Foundation.CACHE: Cache,
    Foundation.CLUSTER: Cluster,
    Foundation.GPU_POOLS: GpuPools,
    Foundation.WORKLOAD_IDENTITY: WorkloadIdentity,
    Foundation.OPERATOR_ACCESS: OperatorAccess,
    Foundation.NODE_AUTOSCALER: NodeAutoscaler,
    Foundation.TELEMETRY: Telemetry,
    Foundation.ALERTS: Alerts,
    Foundation.ALARMS: Alarms,
    Foundation.AUDIT: Audit,
    Foundation.BACKUP: Backup,
    Foundation.COST: Cost,
    Foundation.EDGE: Edge,
    Foundation.LOAD_BALANCER: LoadBalancer,
    Foundation.ENTRANCE_ACCESS: EntranceAccess,
}
