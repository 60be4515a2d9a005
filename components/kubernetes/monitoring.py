"""Prometheus, Alertmanager and Grafana for one cluster, by the chart kube-prometheus-stack.

Tenants bring their own monitors, rules and dashboards (telemetry.py); they are found by the label `release`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts import WorkloadPrincipal
from components.kubernetes.alert_routes import alertmanager_config
from components.kubernetes.api_object import ApiObject, Cidr, ObjectName
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.operator_account import ACCOUNTS, Operator, account_values
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.operator_values import requests

RELEASE_LABEL: Mapping[str, str] = {"release": "kube-prometheus-stack"}
"""The label by which monitors, rules and dashboards are found."""

_PROMETHEUS_PORT = 9090
# The kubelet and the node exporter listen on the nodes' own addresses.
_NODE_PORTS = (9100, 10250)
_WEBHOOK_PORT = 10250
# Grafana is reached by `kubectl port-forward`, by whoever the cluster lets do that, to look and not to change.
_GRAFANA_SETTINGS: ApiObject = {
    "auth": {"disable_login_form": True},
    "auth.anonymous": {"enabled": True, "org_role": "Viewer"},
    "analytics": {"check_for_updates": False, "reporting_enabled": False},
}
# Control planes that a cloud runs show nothing of these.
_HIDDEN = ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")
_RESTRICTED: ApiObject = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@dataclass(frozen=True, kw_only=True)
class RemoteWrite:
    """Where measurements are written too. `settings` are the operator's own, such as `sigv4`; pods log in themselves.

    https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.RemoteWriteSpec
    """

    url: pulumi.Input[str]
    settings: Mapping[str, ApiObject] = field(default_factory=dict)


class MonitoringArgs(BaseModel):
    """How long measurements are kept and where; who hears of alerts.

    `routes` tells a receiver by severity. `receiver_secrets` are Kubernetes Secrets of the namespace whose keys
    receivers name as files. `hidden_control_plane` leaves out what only a control plane of one's own shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    retention_days: PositiveInt = 15
    storage_gib: PositiveInt = 50
    storage_class: ObjectName | None = None
    replicas: PositiveInt = 1
    memory_mib: PositiveInt = 4096
    scrape_interval_s: PositiveInt = 30
    external_labels: Mapping[str, str] = Field(default_factory=dict)
    routes: Mapping[str, str] = Field(default_factory=lambda: {"critical": "page", "warning": "ticket"})
    receiver_secrets: tuple[ObjectName, ...] = ()
    grafana: bool = True
    hidden_control_plane: bool = True
    identity_cidrs: tuple[Cidr, ...] = ()
    readers: tuple[ObjectName, ...] = (ACCOUNTS[Operator.KEDA].namespace,)
    timeout_s: PositiveInt = 900


class Monitoring(pulumi.ComponentResource):
    """Install the stack in a closed namespace.

    `readers` are namespaces whose pods may query Prometheus. `receivers` are Alertmanager's own lists by name (see
    alert_routes.py). Outputs: namespace, prometheus_url. `ready` is what monitors and rules are made after.
    Raises SettingsError for receivers that hold a secret, or that nobody is routed to.
    """

    Args: ClassVar[type[MonitoringArgs]] = MonitoringArgs
    namespace: str = ACCOUNTS[Operator.PROMETHEUS].namespace
    prometheus_url: str = f"http://prometheus-operated.{namespace}.svc:{_PROMETHEUS_PORT}"
    ready: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        args: MonitoringArgs,
        *,
        remote_write: RemoteWrite | None = None,
        receivers: Mapping[str, ApiObject] | None = None,
        identities: Mapping[Operator, WorkloadPrincipal] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Monitoring", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        space = OperatorNamespace(
            f"{name}-space",
            OperatorNamespaceArgs(
                namespace=self.namespace,
                security="privileged",
                privileged_because="the node exporter reads the node's own /proc and /sys in its network namespace",
                served_ports=(_WEBHOOK_PORT,),
                served_to=dict.fromkeys(args.readers, (_PROMETHEUS_PORT,)),
                outside_ports=_NODE_PORTS,
                reaches_pods=True,
                identity_cidrs=args.identity_cidrs,
            ),
            opts=inside,
        )
        made = ChartRelease(
            f"{name}-stack",
            ChartReleaseArgs(chart="kube-prometheus-stack", timeout_s=args.timeout_s),
            namespace=space.namespace,
            values=stack_values(args, remote_write, receivers or {}, identities or {}),
            opts=inside,
        )
        self.ready = [made.release]
        self.register_outputs({"namespace": self.namespace, "prometheus_url": self.prometheus_url})


def stack_values(
    args: MonitoringArgs,
    remote_write: RemoteWrite | None,
    receivers: Mapping[str, ApiObject],
    identities: Mapping[Operator, WorkloadPrincipal],
) -> ApiObject:
    """Return the chart's values.

    https://github.com/prometheus-community/helm-charts/tree/main/charts/kube-prometheus-stack
    """
    chosen: ApiObject = {"matchLabels": dict(RELEASE_LABEL)}
    writes = [{"url": remote_write.url, **remote_write.settings}] if remote_write is not None else []
    return {
        "crds": {"enabled": True},
        "prometheusOperator": {
            "resources": requests(100, 256),
            "prometheusConfigReloader": {"resources": requests(10, 64)},
            "admissionWebhooks": {"failurePolicy": "Fail"},
        },
        "prometheus": {
            "serviceAccount": account_values(Operator.PROMETHEUS, identities),
            "prometheusSpec": {
                "replicas": args.replicas,
                "retention": f"{args.retention_days}d",
                # The disk never fills: old measurements go first.
                "retentionSize": f"{args.storage_gib * 9 // 10}GiB",
                "scrapeInterval": f"{args.scrape_interval_s}s",
                "externalLabels": dict(args.external_labels),
                "resources": requests(500, args.memory_mib),
                "storageSpec": _storage(args.storage_gib, args.storage_class),
                "remoteWrite": writes,
                # Tenants' monitors carry the label wherever they stand.
                "serviceMonitorSelector": chosen,
                "podMonitorSelector": chosen,
                "ruleSelector": chosen,
                "probeSelector": chosen,
                "scrapeConfigSelector": chosen,
                "podAntiAffinity": "soft",
            },
        },
        "alertmanager": {
            "serviceAccount": account_values(Operator.ALERTMANAGER, identities),
            "config": alertmanager_config(args.routes, receivers),
            "alertmanagerSpec": {
                "replicas": args.replicas,
                "secrets": list(args.receiver_secrets),
                "resources": requests(50, 256),
                "storage": _storage(2, args.storage_class),
            },
        },
        "grafana": {
            "enabled": args.grafana,
            "env": {"GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"},
            "grafana.ini": _GRAFANA_SETTINGS,
            "resources": requests(50, 256),
            "containerSecurityContext": _RESTRICTED,
            "sidecar": {
                "resources": requests(20, 128),
                "dashboards": {
                    "enabled": True,
                    "label": "grafana_dashboard",
                    "labelValue": "1",
                    "searchNamespace": "ALL",
                    # Without an administrator there is nobody to tell; Grafana reads the folder again by itself.
                    "skipReload": True,
                    "provider": {"allowUiUpdates": False},
                },
                "datasources": {"enabled": True, "skipReload": True},
            },
        },
        "kube-state-metrics": {"resources": requests(20, 256)},
        "prometheus-node-exporter": {
            "resources": requests(20, 64),
            "priorityClassName": "system-node-critical",
            # GPU nodes are nodes too.
            "tolerations": [{"operator": "Exists"}],
        },
        **({part: {"enabled": False} for part in _HIDDEN} if args.hidden_control_plane else {}),
    }


def _storage(gib: int, storage_class: str | None) -> ApiObject:
    return {
        "volumeClaimTemplate": {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": f"{gib}Gi"}},
                **({"storageClassName": storage_class} if storage_class else {}),
            }
        }
    }
