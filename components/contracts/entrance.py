"""How a cloud's own load balancer finds the pods of a cluster's gateway, as data for whoever installs it there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pulumi

from components.contracts.foundation import WorkloadPrincipal


@dataclass(frozen=True, kw_only=True)
class ProxyService:
    """The Service of a cluster's proxies: `port` is its own, not that of the pods."""

    namespace: str
    name: str
    port: int


@dataclass(frozen=True, kw_only=True)
class TargetBinding:
    """The object that binds a load balancer's targets to the pods of a Service, in the words of a cloud."""

    api_version: str
    kind: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EntranceFacts:
    """What a cluster is told of the load balancer before it.

    `chart` is the name, in the lock of charts, of the controller that understands `binding`, and `values` are that
    chart's. `identity` is what the controller may do in the cloud; `dependencies` must be there before it starts.
    `source_cidrs` are the addresses that the load balancer's connections come from.
    """

    chart: str
    values: Mapping[str, Any]
    binding: TargetBinding
    identity: WorkloadPrincipal
    source_cidrs: tuple[str, ...]
    dependencies: Sequence[pulumi.Resource] = field(default_factory=tuple)


@runtime_checkable
class EntranceAccess(Protocol):
    """What a cluster needs in order to register its gateway's pods at a load balancer of the cloud."""

    @property
    def facts(self) -> EntranceFacts:
        """What the cluster is told."""
