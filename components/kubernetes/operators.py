"""Operators that tenants' objects are asked of: KEDA, cert-manager, External Secrets and a Gateway API controller.

Each is one chart in a closed namespace of its own. What is named in none of `install` is there already, put there by
GitOps for example; its objects are made all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts import WorkloadPrincipal
from components.kubernetes.api_object import ApiObject, Cidr, ObjectName
from components.kubernetes.certificate_issuer import CertificateIssuer, CertificateIssuerArgs
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.operator_values import (
    cert_manager_values,
    external_secrets_values,
    gateway_values,
    keda_values,
    requests,
)
from components.kubernetes.ordering import after

Installed = Literal["keda", "cert-manager", "external-secrets", "gateway"]
ALL: frozenset[Installed] = frozenset(("keda", "cert-manager", "external-secrets", "gateway"))

# Envoy listens on a port below 1024 plus 10000: https://gateway.envoyproxy.io/docs/tasks/traffic/gateway-address/
_PROXIES = (10080, 10443)
# Ports that the API server calls, and those that hold measurements, by the charts' own values.
_WEBHOOKS: Mapping[Operator, tuple[int, ...]] = {
    Operator.KEDA: (6443, 9443),
    Operator.CERT_MANAGER: (10250,),
    Operator.EXTERNAL_SECRETS: (10250,),
    Operator.GATEWAY: (9443, *_PROXIES),
}
_MEASURES: Mapping[Operator, tuple[int, ...]] = {
    Operator.KEDA: (8080, 9022),
    Operator.CERT_MANAGER: (9402,),
    Operator.EXTERNAL_SECRETS: (8080,),
    Operator.GATEWAY: (19001,),
}
_CHARTS: Mapping[Operator, str] = {
    Operator.KEDA: "keda",
    Operator.CERT_MANAGER: "cert-manager",
    Operator.EXTERNAL_SECRETS: "external-secrets",
    Operator.GATEWAY: "envoy-gateway",
}
# cert-manager asks the domain's own name servers whether an answer is there, and ACME servers by HTTP.
_OUTSIDE: Mapping[Operator, tuple[int, ...]] = {Operator.CERT_MANAGER: (53, 80)}
_CALLS_PODS = frozenset((Operator.KEDA, Operator.GATEWAY))


class OperatorsArgs(BaseModel):
    """What is installed, in how many replicas, and the names by which tenants ask for it.

    `monitored` has their measurements collected, for which the Prometheus operator must be there.
    `gateway_service` is how clients reach the proxies: a load balancer of the cloud, or addresses inside the cluster.
    With a `proxy_service` all Gateways share the proxies of that one Service, which only policies made elsewhere open
    (entrance_listener.py); without, each has its own, open to all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    install: frozenset[Installed] = ALL
    replicas: PositiveInt = 2
    issuer: CertificateIssuerArgs = CertificateIssuerArgs()
    secret_store: ObjectName = "cloud"  # noqa: S105 - a name
    secret_refresh_s: PositiveInt = 300
    gateway_class: ObjectName = "edge"
    gateway_controller: str = "gateway.envoyproxy.io/gatewayclass-controller"
    gateway_service: Literal["LoadBalancer", "ClusterIP", "NodePort"] = "LoadBalancer"
    proxy_service: ObjectName | None = None
    proxies: PositiveInt = 2
    monitored: bool = True
    monitor_labels: Mapping[str, str] = Field(default_factory=lambda: {"release": "kube-prometheus-stack"})
    monitoring_namespace: ObjectName = "monitoring"
    identity_cidrs: tuple[Cidr, ...] = ()


class Operators(pulumi.ComponentResource):
    """Install the operators, and make the issuer, the secret store and the gateway class that tenants name.

    `secret_provider` is the `provider` of External Secrets' ClusterSecretStore and `dns_solver` cert-manager's solver,
    both as a cloud writes them; `gateway_annotations` tell the cloud what load balancer to make. Without a
    `secret_provider` there is no store. Outputs: issuer, gateway_class, secret_store (null without one),
    edge_namespace. `ready` is what tenants are made after.
    """

    Args: ClassVar[type[OperatorsArgs]] = OperatorsArgs
    edge_namespace: str = ACCOUNTS[Operator.GATEWAY].namespace
    ready: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        args: OperatorsArgs,
        *,
        secret_provider: ApiObject = None,
        dns_solver: ApiObject = None,
        gateway_annotations: Mapping[str, pulumi.Input[str]] | None = None,
        identities: Mapping[Operator, WorkloadPrincipal] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Operators", name, {}, opts)
        self._name, self._args = name, args
        monitors = args.monitor_labels if args.monitored else None
        known = identities or {}
        gateway = self._install(
            Operator.GATEWAY, gateway_values(replicas=args.replicas, controller=args.gateway_controller)
        )
        keda = self._install(
            Operator.KEDA, keda_values(replicas=args.replicas, monitor_labels=monitors, identities=known)
        )
        # It starts only where the Gateway API's definitions are there, which the gateway's chart brings.
        certificates = self._install(
            Operator.CERT_MANAGER,
            cert_manager_values(replicas=args.replicas, monitor_labels=monitors, identities=known, gateway_api=True),
            needs=gateway,
        )
        secrets = self._install(
            Operator.EXTERNAL_SECRETS,
            external_secrets_values(replicas=args.replicas, monitor_labels=monitors, identities=known),
        )
        issuer = CertificateIssuer(
            f"{name}-issuer",
            args.issuer,
            dns_solver=dns_solver,
            opts=_below(self, certificates),
        )
        ready: list[pulumi.Resource] = [*keda, issuer.resource, self._gateway_class(gateway, gateway_annotations or {})]
        if secret_provider is not None:
            store = {"provider": secret_provider, "refreshInterval": args.secret_refresh_s}
            ready.append(
                self._custom(
                    "secret-store", "external-secrets.io/v1", "ClusterSecretStore", args.secret_store, store, secrets
                )
            )
        self.ready = ready
        self.register_outputs(
            {
                "issuer": issuer.issuer,
                "gateway_class": args.gateway_class,
                "secret_store": args.secret_store if secret_provider is not None else None,
                "edge_namespace": self.edge_namespace,
            }
        )

    def _install(
        self, operator: Operator, values: ApiObject, *, needs: Sequence[pulumi.Resource] = ()
    ) -> list[pulumi.Resource]:
        """Install one chart, and return what its objects are made after: nothing where it is there already."""
        if str(operator) not in self._args.install:
            return []
        role = f"{self._name}-{operator}"
        space = OperatorNamespace(
            f"{role}-space",
            OperatorNamespaceArgs(
                namespace=ACCOUNTS[operator].namespace,
                served_ports=self._served(operator),
                served_to={self._args.monitoring_namespace: _MEASURES[operator]},
                outside_ports=_OUTSIDE.get(operator, ()),
                reaches_pods=operator in _CALLS_PODS,
                identity_cidrs=self._args.identity_cidrs,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        made = ChartRelease(
            role,
            ChartReleaseArgs(chart=_CHARTS[operator]),
            namespace=space.namespace,
            values=values,
            opts=_below(self, needs),
        )
        return [made.release]

    def _served(self, operator: Operator) -> tuple[int, ...]:
        shared = operator is Operator.GATEWAY and self._args.proxy_service is not None
        return tuple(port for port in _WEBHOOKS[operator] if not (shared and port in _PROXIES))

    def _gateway_class(
        self, needs: Sequence[pulumi.Resource], annotations: Mapping[str, pulumi.Input[str]]
    ) -> pulumi.Resource:
        """Make the class, and the deployment of the proxies that stand behind its Gateways."""
        args = self._args
        namespace = self.edge_namespace
        proxy: dict[str, Any] = {
            "provider": {
                "type": "Kubernetes",
                "kubernetes": {
                    "envoyDeployment": {
                        "replicas": args.proxies,
                        "container": {"resources": requests(250, 512)},
                        "pod": {"priorityClassName": "system-cluster-critical"},
                    },
                    "envoyPDB": {"maxUnavailable": 1},
                    "envoyService": {
                        "type": args.gateway_service,
                        "annotations": dict(annotations),
                        **({"name": args.proxy_service} if args.proxy_service else {}),
                    },
                },
            },
            # Clients' answers stream for minutes: a proxy that goes waits for them.
            "shutdown": {"drainTimeout": "600s"},
            # https://gateway.envoyproxy.io/docs/tasks/operations/deployment-mode/#merged-gateways-deployment
            **({"mergeGateways": True} if args.proxy_service else {}),
        }
        made = self._custom(
            "proxy", "gateway.envoyproxy.io/v1alpha1", "EnvoyProxy", args.gateway_class, proxy, needs, namespace
        )
        parameters = {
            "group": "gateway.envoyproxy.io",
            "kind": "EnvoyProxy",
            "namespace": namespace,
            "name": args.gateway_class,
        }
        return self._custom(
            "gateway-class",
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            args.gateway_class,
            {"controllerName": args.gateway_controller, "parametersRef": parameters},
            [made],
        )

    def _custom(
        self,
        child: str,
        api: str,
        kind: str,
        object_name: str,
        spec: ApiObject,
        needs: Sequence[pulumi.Resource],
        namespace: str | None = None,
    ) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{child}",
            api_version=api,
            kind=kind,
            metadata={
                "name": object_name,
                **({"namespace": namespace} if namespace else {}),
                "labels": labels_of(Role.OPERATORS, self._name),
            },
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )


def _below(parent: pulumi.Resource, needs: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(after(needs), pulumi.ResourceOptions(parent=parent))
