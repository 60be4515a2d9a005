"""The way in from outside, by the Gateway API: by a Gateway of its own with a certificate, or by a shared listener.

https://gateway-api.sigs.k8s.io/reference/spec/ and https://cert-manager.io/docs/reference/api-docs/. It makes no
GatewayClass, no issuer and no DNS record: the cluster's and the cloud's components do.
"""

from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.entrance_listener import ListenerRef
from components.kubernetes.labels import Role, labels_of

_GATEWAY_API = "gateway.networking.k8s.io/v1"

# Probes and metrics stay inside; whoever is outside has the API and the console.
_PUBLIC_PATHS = ("/v1", "/generate", "/generate_stream", "/tokenize", "/chat_tokenize", "/info", "/console")


class IngressArgs(BaseModel):
    """The public name, the class of load balancer, and the issuer of the certificate.

    With a `listener` the route is attached to that one, and neither a Gateway nor a certificate is made.
    `request_timeout_s` bounds a whole answer, streams included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hostname: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[a-z]{2,}$")
    gateway_class: ObjectName
    cluster_issuer: ObjectName
    listener: ListenerRef | None = None
    service_port: PositiveInt = 8080
    request_timeout_s: PositiveInt = 600
    certificate_days: PositiveInt = 90


class Ingress(pulumi.ComponentResource):
    """Serve one Service at `https://<hostname>`; plain HTTP is answered with a redirect.

    Output: url.
    """

    Args: ClassVar[type[IngressArgs]] = IngressArgs
    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: IngressArgs,
        *,
        namespace: pulumi.Input[str],
        service: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Ingress", name, {}, opts)
        self._name, self._namespace = name, namespace
        parents = self._own_gateway(args) if args.listener is None else _shared(args.listener)
        route = self._custom(
            _GATEWAY_API,
            "HTTPRoute",
            "route",
            {
                "parentRefs": parents,
                "hostnames": [args.hostname],
                "rules": [
                    {
                        "matches": [
                            *({"path": {"type": "PathPrefix", "value": path}} for path in _PUBLIC_PATHS),
                            # TGI's compatible entrance.
                            {"method": "POST", "path": {"type": "Exact", "value": "/"}},
                        ],
                        "timeouts": {"request": f"{args.request_timeout_s}s"},
                        "backendRefs": [{"name": service, "port": args.service_port}],
                    }
                ],
            },
        )
        self.url = route.id.apply(lambda _: f"https://{args.hostname}")
        self.register_outputs({"url": self.url})

    def _own_gateway(self, args: IngressArgs) -> list[ApiObject]:
        """Make a Gateway whose plain port only redirects, and return the listener that routes go to."""
        name = self._name
        certificate = self._custom(
            "cert-manager.io/v1",
            "Certificate",
            "certificate",
            {
                "secretName": f"{name}-tls",
                "dnsNames": [args.hostname],
                "duration": f"{24 * args.certificate_days}h",
                "renewBefore": f"{8 * args.certificate_days}h",
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": args.cluster_issuer},
            },
        )
        secret = certificate.id.apply(lambda _: f"{name}-tls")
        gateway = self._custom(_GATEWAY_API, "Gateway", "gateway", _gateway(args, secret))
        attached = gateway.id.apply(lambda _: f"{name}-gateway")
        self._custom(
            _GATEWAY_API,
            "HTTPRoute",
            "redirect",
            {
                "parentRefs": [{"name": attached, "sectionName": "http"}],
                "hostnames": [args.hostname],
                "rules": [
                    {
                        "filters": [
                            {
                                "type": "RequestRedirect",
                                "requestRedirect": {"scheme": "https", "statusCode": 301},
                            }
                        ]
                    }
                ],
            },
        )
        return [{"name": attached, "sectionName": "https"}]

    def _custom(self, api: str, kind: str, child: str, spec: ApiObject) -> kubernetes.apiextensions.CustomResource:
        name = f"{self._name}-{child}"
        return kubernetes.apiextensions.CustomResource(
            name,
            api_version=api,
            kind=kind,
            metadata={"name": name, "namespace": self._namespace, "labels": labels_of(Role.EDGE, self._name)},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _shared(listener: ListenerRef) -> list[ApiObject]:
    return [{"name": listener.gateway, "namespace": listener.namespace, "sectionName": listener.listener}]


def _gateway(args: IngressArgs, secret: pulumi.Output[str]) -> ApiObject:
    same_namespace = {"namespaces": {"from": "Same"}}
    return {
        "gatewayClassName": args.gateway_class,
        "listeners": [
            {
                "name": "https",
                "hostname": args.hostname,
                "port": 443,
                "protocol": "HTTPS",
                "allowedRoutes": same_namespace,
                "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": secret}]},
            },
            {
                "name": "http",
                "hostname": args.hostname,
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": same_namespace,
            },
        ],
    }
