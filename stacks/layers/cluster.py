"""Phase 2's equipment of a cluster: what every tenant's workloads ask the cluster for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.priority_classes import Priority, PriorityClasses, PriorityClassesArgs
from stacks.layers.foundation import Ground
from stacks.settings.cloud import StagingFields


@dataclass(frozen=True, kw_only=True)
class ClusterOffer:
    """Names of what the cluster has, by which tenants ask for it; `ready` is made before any of them."""

    secret_store: str
    gateway_class: str
    cluster_issuer: str
    prometheus_url: str
    monitoring_namespace: str
    edge_namespace: str
    priorities: Mapping[Priority, pulumi.Output[str]]
    ready: Sequence[pulumi.Resource]


def equip_cluster(ground: Ground, settings: StagingFields) -> ClusterOffer:
    """Make what belongs to the whole cluster."""
    inside = pulumi.ResourceOptions(providers=[ground.kubernetes])
    priorities = PriorityClasses("priorities", PriorityClassesArgs(), opts=inside)
    return ClusterOffer(
        secret_store="cloud",
        gateway_class="edge",
        cluster_issuer="public",
        prometheus_url="http://prometheus-operated.monitoring.svc:9090",
        monitoring_namespace="monitoring",
        edge_namespace="edge",
        priorities=priorities.names,
        ready=[],
    )
