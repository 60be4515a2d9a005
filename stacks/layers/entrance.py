"""Phase 3's way in: a load balancer of the cloud, and what the cluster is told in order to stand behind it."""

from dataclasses import dataclass

from components.contracts import EdgeEndpoint, Foundation, LoadBalancerHandle
from components.contracts.entrance import EntranceFacts
from components.contracts.operator_facts import ServiceAccountName
from components.kubernetes.entrance_listener import HEALTH_PATH, PROXIES, PROXY_PORT
from components.kubernetes.operator_account import ACCOUNTS, Operator
from stacks.layers.cloud import Arguments
from stacks.layers.foundation import Ground
from stacks.settings.cloud import PilotFields

# A pod that leaves finishes its answers, which stream for as long as a request may take (ingress.py).
_DRAIN_S = 600


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The load balancer, and what the cluster is told of it."""

    load_balancer: LoadBalancerHandle
    facts: EntranceFacts


def load_balancer_args(settings: PilotFields) -> Arguments:
    """Return what the load balancer is told; who connects is the settings' to say."""
    clients = settings.entrance.clients
    return {
        "clients": clients,
        "internet_facing": bool(clients),
        "hosts": settings.public_labels(),
        "target_port": PROXY_PORT,
        "health_path": HEALTH_PATH,
        "drain_s": _DRAIN_S,
        "log_retention_days": settings.monitoring.log_retention_days,
        "protect": settings.protect,
    }


def access_args(settings: PilotFields) -> Arguments:
    """Return what the link between load balancer and cluster is told."""
    return {"internet_facing": bool(settings.entrance.clients)}


def make_entrance(ground: Ground, edge: EdgeEndpoint, settings: PilotFields) -> Entrance:
    """Make the load balancer of the edge's names, and let the cluster register its proxies there."""
    cloud = ground.cloud
    balancer: LoadBalancerHandle = cloud.make(
        Foundation.LOAD_BALANCER,
        "entrance",
        "entrance",
        load_balancer_args(settings),
        network=ground.network,
        cluster=ground.cluster,
        edge=edge,
        log_key=ground.keys["network_logs"],
    ).load_balancer
    account = ACCOUNTS[Operator.ENTRANCE]
    facts: EntranceFacts = cloud.make(
        Foundation.ENTRANCE_ACCESS,
        "entrance-access",
        "entrance",
        access_args(settings),
        network=ground.network,
        cluster=ground.cluster,
        load_balancer=balancer,
        service=PROXIES,
        account=ServiceAccountName(namespace=account.namespace, service_account=account.service_account),
    ).facts
    return Entrance(load_balancer=balancer, facts=facts)
