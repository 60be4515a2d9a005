"""What later phases put beside the ground before the cluster is equipped, because its operators need to know of it."""

from dataclasses import dataclass

from components.contracts import AlertRoute, EdgeEndpoint
from components.contracts.entrance import EntranceFacts
from components.contracts.node_autoscaler import NodeAutoscalerFacts


@dataclass(frozen=True, kw_only=True)
class Additions:
    """Nothing, in phase 2; each later phase's own class has what it adds, and what the phase before it did."""

    @property
    def public_zone(self) -> EdgeEndpoint | None:
        """The zone in which public names are proved, where the stack has one."""
        return None

    @property
    def alert_route(self) -> AlertRoute | None:
        """Where alerts are sent, where somebody is told."""
        return None

    @property
    def entrance(self) -> EntranceFacts | None:
        """The load balancer before the cluster, where the cluster's gateway does not make its own."""
        return None

    @property
    def autoscaler(self) -> NodeAutoscalerFacts | None:
        """What makes nodes for pods that wait, where something does."""
        return None
