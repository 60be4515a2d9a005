"""What alarms may be raised on: the results of a stack's other components."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.contracts.foundation import (
    BackupVault,
    CacheEndpoint,
    ClusterHandle,
    EdgeEndpoint,
    LoadBalancerHandle,
    NetworkHandle,
)
from components.contracts.service import DatabaseEndpoint


@dataclass(frozen=True, kw_only=True)
class AlarmSubjects:
    """What is watched; a part that a stack has not is left out."""

    databases: Sequence[DatabaseEndpoint] = ()
    caches: Sequence[CacheEndpoint] = ()
    network: NetworkHandle | None = None
    cluster: ClusterHandle | None = None
    vault: BackupVault | None = None
    edge: EdgeEndpoint | None = None
    load_balancer: LoadBalancerHandle | None = None
