"""Network policies of one workload: what may reach its pods, and what they may reach.

A namespace of the suite denies both by default (namespace.py), so that what is not named here does not flow.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field

from components.kubernetes.api_object import ApiObject, Cidr
from components.kubernetes.labels import Role

# The machine's own identity is no pod's business.
_METADATA_SERVICES = ("169.254.169.254/32",)
_EVERYWHERE = "0.0.0.0/0"
_HTTP, _HTTPS = 80, 443


class Surroundings(BaseModel):
    """What lies around the workloads. Addresses of the identity endpoint are a cloud's own, on port 80.

    `object_store_endpoint` is the address of a store that is not the cloud's own, such as `https://store.example:9000`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    database_cidrs: tuple[Cidr, ...] = Field(min_length=1)
    database_port: int = Field(default=5432, ge=1, le=65535)
    object_store_cidrs: tuple[Cidr, ...] = (_EVERYWHERE,)
    object_store_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$")
    identity_cidrs: tuple[Cidr, ...] = ()
    monitoring_namespace: str = "monitoring"
    edge_namespace: str = "edge"

    def to_database(self) -> ApiObject:
        """Allow the way to the database."""
        return {
            "to": [{"ipBlock": {"cidr": cidr}} for cidr in self.database_cidrs],
            "ports": [{"protocol": "TCP", "port": self.database_port}],
        }

    def to_object_store(self) -> list[ApiObject]:
        """Allow the way to the object store by TLS, and to the endpoint that gives out short-lived credentials."""
        store = to_addresses(self.object_store_cidrs, self._object_store_port())
        identity = {
            "to": [{"ipBlock": {"cidr": cidr}} for cidr in self.identity_cidrs],
            "ports": [{"protocol": "TCP", "port": _HTTP}],
        }
        return [store, identity] if self.identity_cidrs else [store]

    def object_store_environment(self) -> dict[str, str]:
        """Return the variables by which clients find a store that is not the cloud's own."""
        return {"AWS_ENDPOINT_URL": self.object_store_endpoint} if self.object_store_endpoint else {}

    def from_monitoring(self, port: int) -> ApiObject:
        """Let Prometheus read metrics."""
        return _from_namespace(self.monitoring_namespace, port)

    def from_edge(self, port: int) -> ApiObject:
        """Let the load balancer's proxies in."""
        return _from_namespace(self.edge_namespace, port)

    def _object_store_port(self) -> int:
        if self.object_store_endpoint is None:
            return _HTTPS
        parts = urlsplit(self.object_store_endpoint)
        return parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)


def to_addresses(cidrs: Sequence[str], port: int = _HTTPS) -> ApiObject:
    """Allow the way to addresses by one port, the machine's own metadata excepted."""
    return {
        "to": [{"ipBlock": _block(cidr)} for cidr in cidrs],
        "ports": [{"protocol": "TCP", "port": port}],
    }


def from_role(role: Role, port: int) -> ApiObject:
    """Let in pods of the same namespace that have one role."""
    return {
        "from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": str(role)}}}],
        "ports": [{"protocol": "TCP", "port": port}],
    }


def to_role(role: Role, port: int) -> ApiObject:
    """Allow the way to pods of the same namespace that have one role."""
    return {
        "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": str(role)}}}],
        "ports": [{"protocol": "TCP", "port": port}],
    }


def network_policy(
    name: str,
    selector: Mapping[str, str],
    *,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    ingress: Sequence[ApiObject] = (),
    egress: Sequence[ApiObject] = (),
) -> kubernetes.networking.v1.NetworkPolicy:
    """Make the policy of the pods that `selector` names; an empty direction stays closed."""
    spec: ApiObject = {
        "podSelector": {"matchLabels": dict(selector)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": list(ingress),
        "egress": list(egress),
    }
    return kubernetes.networking.v1.NetworkPolicy(
        name, metadata={"name": name, "namespace": namespace, "labels": dict(labels)}, spec=spec, opts=opts
    )


def _block(cidr: str) -> ApiObject:
    return {"cidr": cidr, "except": list(_METADATA_SERVICES)} if cidr == _EVERYWHERE else {"cidr": cidr}


def _from_namespace(name: str, port: int) -> ApiObject:
    return {
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}],
        "ports": [{"protocol": "TCP", "port": port}],
    }
