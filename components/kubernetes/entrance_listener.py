"""The one listener behind a cloud's load balancer: every tenant's routes are attached to it, whatever their host.

A load balancer that ends TLS opens a connection of its own and names no server in it, so that proxies which choose a
certificate by that name refuse it (https://github.com/envoyproxy/gateway/issues/4520): this listener has no hostname.
"""

from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts.entrance import ProxyService
from components.kubernetes.api_object import ApiObject, Cidr, ObjectName
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.operator_account import ACCOUNTS, Operator

PROXIES = ProxyService(namespace=ACCOUNTS[Operator.GATEWAY].namespace, name="proxies", port=443)
"""The Service of the proxies where Gateways share them (operators.py: `proxy_service`)."""
PROXY_PORT = 10443
"""Where the proxies' pods listen for it: a port below 1024 plus 10000."""
HEALTH_PATH = "/health"
"""Answered by each proxy itself: 200, and 503 while it drains."""

_GATEWAY_API = "gateway.networking.k8s.io"
_ENVOY_API = "gateway.envoyproxy.io"


class ListenerRef(BaseModel):
    """A listener of a Gateway that routes of other namespaces may be attached to."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    gateway: ObjectName
    namespace: ObjectName
    listener: ObjectName = "https"


class EntranceListenerArgs(BaseModel):
    """The public names, the namespaces whose routes are let in, and the addresses that connections come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    hosts: tuple[str, ...] = Field(min_length=1)
    tenants: tuple[ObjectName, ...] = Field(min_length=1)
    source_cidrs: tuple[Cidr, ...] = Field(min_length=1)
    gateway_class: ObjectName = "edge"
    cluster_issuer: ObjectName = "public"
    certificate_days: PositiveInt = 90


class EntranceListener(pulumi.ComponentResource):
    """Make the Gateway, its certificate, its health path, and the policy that lets the load balancer in.

    Outputs: gateway, namespace. `listener` is what routes name; `resource` is what they are made after. TLS has the
    public names' certificate, though the load balancer checks none.
    """

    Args: ClassVar[type[EntranceListenerArgs]] = EntranceListenerArgs
    listener: ListenerRef
    resource: pulumi.Resource

    def __init__(self, name: str, args: EntranceListenerArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:kubernetes:EntranceListener", name, {}, opts)
        self._name = name
        inside = pulumi.ResourceOptions(parent=self)
        secret, gateway = f"{name}-tls", f"{name}-gateway"
        self.listener = ListenerRef(gateway=gateway, namespace=PROXIES.namespace)
        certificate = self._custom("certificate", "cert-manager.io/v1", "Certificate", _certificate(secret, args))
        self.resource = self._custom(
            "gateway",
            f"{_GATEWAY_API}/v1",
            "Gateway",
            _gateway(certificate.id.apply(lambda _: secret), args, self.listener.listener),
        )
        self._custom(
            "connections",
            f"{_ENVOY_API}/v1alpha1",
            "ClientTrafficPolicy",
            {
                "targetRefs": [{"group": _GATEWAY_API, "kind": "Gateway", "name": gateway}],
                "healthCheck": {"path": HEALTH_PATH},
                # The load balancer writes who connected to it; what a client claims before that is not believed.
                "clientIPDetection": {"xForwardedFor": {"numTrustedHops": 1}},
            },
        )
        policy: ApiObject = {
            "podSelector": {"matchLabels": {f"{_ENVOY_API}/owning-gatewayclass": args.gateway_class}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"ipBlock": {"cidr": cidr}} for cidr in args.source_cidrs],
                    "ports": [{"protocol": "TCP", "port": PROXY_PORT}],
                }
            ],
        }
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-from-load-balancer",
            metadata=self._metadata("from-load-balancer"),
            spec=policy,
            opts=inside,
        )
        self.register_outputs({"gateway": gateway, "namespace": PROXIES.namespace})

    def _metadata(self, child: str) -> ApiObject:
        return {
            "name": f"{self._name}-{child}",
            "namespace": PROXIES.namespace,
            "labels": labels_of(Role.OPERATORS, self._name),
        }

    def _custom(self, child: str, api: str, kind: str, spec: ApiObject) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{child}",
            api_version=api,
            kind=kind,
            metadata=self._metadata(child),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _certificate(secret: str, args: EntranceListenerArgs) -> ApiObject:
    return {
        "secretName": secret,
        "dnsNames": list(args.hosts),
        "duration": f"{24 * args.certificate_days}h",
        "renewBefore": f"{8 * args.certificate_days}h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": args.cluster_issuer},
    }


def _gateway(secret: pulumi.Output[str], args: EntranceListenerArgs, listener: str) -> ApiObject:
    tenants = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(args.tenants)}
    return {
        "gatewayClassName": args.gateway_class,
        "listeners": [
            {
                "name": listener,
                "port": PROXIES.port,
                "protocol": "HTTPS",
                "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [tenants]}}},
                "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": secret}]},
            }
        ],
    }
