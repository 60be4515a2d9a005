"""The way in from outside, by the Gateway API, with a certificate from cert-manager.

https://gateway-api.sigs.k8s.io/reference/spec/ and https://cert-manager.io/docs/reference/api-docs/. It makes no
GatewayClass, no issuer and no DNS record: the cluster's and the cloud's components do.
"""

from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.labels import Role, labels_of

_GATEWAY_API = "gateway.networking.k8s.io/v1"

# Probes and metrics stay inside; whoever is outside has the API and the console.
_PUBLIC_PATHS = ("/v1", "/generate", "/generate_stream", "/tokenize", "/chat_tokenize", "/info", "/console")


class IngressArgs(BaseModel):
    """The public name, the class of load balancer, and the issuer of the certificate.

    `request_timeout_s` bounds a whole answer, streams included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hostname: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[a-z]{2,}$")
    gateway_class: ObjectName
    cluster_issuer: ObjectName
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

        def custom(api: str, kind: str, child: str, spec: ApiObject) -> kubernetes.apiextensions.CustomResource:
            return kubernetes.apiextensions.CustomResource(
                f"{name}-{child}",
                api_version=api,
                kind=kind,
                metadata={"name": f"{name}-{child}", "namespace": namespace, "labels": labels_of(Role.EDGE, name)},
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )

        certificate = custom(
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
        same_namespace = {"namespaces": {"from": "Same"}}
        entrance = custom(
            _GATEWAY_API,
            "Gateway",
            "gateway",
            {
                "gatewayClassName": args.gateway_class,
                "listeners": [
                    {
                        "name": "https",
                        "hostname": args.hostname,
                        "port": 443,
                        "protocol": "HTTPS",
                        "allowedRoutes": same_namespace,
                        "tls": {
                            "mode": "Terminate",
                            "certificateRefs": [
                                {"kind": "Secret", "name": certificate.id.apply(lambda _: f"{name}-tls")}
                            ],
                        },
                    },
                    {
                        "name": "http",
                        "hostname": args.hostname,
                        "port": 80,
                        "protocol": "HTTP",
                        "allowedRoutes": same_namespace,
                    },
                ],
            },
        )
        attached = entrance.id.apply(lambda _: f"{name}-gateway")

        def parent(section: str) -> list[ApiObject]:
            return [{"name": attached, "sectionName": section}]

        route = custom(
            _GATEWAY_API,
            "HTTPRoute",
            "route",
            {
                "parentRefs": parent("https"),
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
        custom(
            _GATEWAY_API,
            "HTTPRoute",
            "redirect",
            {
                "parentRefs": parent("http"),
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
        self.url = route.id.apply(lambda _: f"https://{args.hostname}")
        self.register_outputs({"url": self.url})
