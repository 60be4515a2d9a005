"""The values that the operators' charts are installed with: two replicas, restricted pods, measured where wanted.

Keys are the charts' own, at the versions of the lock of charts.
"""

from collections.abc import Mapping

from components.contracts import WorkloadPrincipal
from components.kubernetes.api_object import ApiObject
from components.kubernetes.operator_account import Operator, account_values

_CLUSTER_CRITICAL = "system-cluster-critical"
Identities = Mapping[Operator, WorkloadPrincipal]


def requests(cpu_millicores: int, memory_mib: int) -> ApiObject:
    """Return a container's resources; memory is limited to what is asked for."""
    memory = f"{memory_mib}Mi"
    return {"requests": {"cpu": f"{cpu_millicores}m", "memory": memory}, "limits": {"memory": memory}}


def keda_values(*, replicas: int, monitor_labels: Mapping[str, str] | None, identities: Identities) -> ApiObject:
    """https://github.com/kedacore/charts/tree/main/keda; the metrics server is one for a cluster by its nature."""
    monitor = {"enabled": monitor_labels is not None, "additionalLabels": dict(monitor_labels or {})}
    return {
        "crds": {"install": True},
        "operator": {"replicaCount": replicas},
        "metricsServer": {"replicaCount": replicas},
        "webhooks": {"enabled": True, "replicaCount": replicas, "failurePolicy": "Fail"},
        "podDisruptionBudget": {it: {"maxUnavailable": 1} for it in ("operator", "metricServer", "webhooks")},
        "priorityClassName": _CLUSTER_CRITICAL,
        "serviceAccount": {"operator": account_values(Operator.KEDA, identities)},
        "resources": {
            "operator": requests(100, 512),
            "metricServer": requests(50, 256),
            "webhooks": requests(20, 128),
        },
        "prometheus": {
            part: {"enabled": True, "serviceMonitor": monitor} for part in ("operator", "metricServer", "webhooks")
        },
    }


def cert_manager_values(
    *, replicas: int, monitor_labels: Mapping[str, str] | None, identities: Identities, gateway_api: bool
) -> ApiObject:
    """https://cert-manager.io/docs/installation/helm/ and its best practice page."""
    return {
        # Definitions stay when the release goes, so that no certificate is lost with it.
        "crds": {"enabled": True, "keep": True},
        "global": {"priorityClassName": _CLUSTER_CRITICAL},
        "replicaCount": replicas,
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "serviceAccount": account_values(Operator.CERT_MANAGER, identities),
        "config": {
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
            "enableGatewayAPI": gateway_api,
        },
        "resources": requests(50, 256),
        "webhook": {
            "replicaCount": replicas,
            "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
            "resources": requests(20, 128),
        },
        "cainjector": {"replicaCount": replicas, "resources": requests(20, 256)},
        "startupapicheck": {"resources": requests(10, 64)},
        "prometheus": {
            "enabled": True,
            "servicemonitor": {"enabled": monitor_labels is not None, "labels": dict(monitor_labels or {})},
        },
    }


def external_secrets_values(
    *, replicas: int, monitor_labels: Mapping[str, str] | None, identities: Identities
) -> ApiObject:
    """https://external-secrets.io/latest/guides/security-best-practices/: only what is used is reconciled."""
    return {
        "installCRDs": True,
        "crds": {"createPushSecret": False, "createClusterPushSecret": False},
        "processPushSecret": False,
        "processClusterPushSecret": False,
        "processClusterExternalSecret": False,
        "processClusterGenerator": False,
        "leaderElect": True,
        "replicaCount": replicas,
        "priorityClassName": _CLUSTER_CRITICAL,
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "serviceAccount": account_values(Operator.EXTERNAL_SECRETS, identities),
        "resources": requests(50, 256),
        "webhook": {
            "replicaCount": replicas,
            "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
            "resources": requests(20, 128),
        },
        "certController": {"resources": requests(20, 128)},
        "serviceMonitor": {"enabled": monitor_labels is not None, "additionalLabels": dict(monitor_labels or {})},
    }


def gateway_values(*, replicas: int, controller: str) -> ApiObject:
    """https://gateway.envoyproxy.io/docs/install/gateway-helm-api/; it brings the Gateway API's definitions too."""
    return {
        "crds": {"enabled": True},
        "podDisruptionBudget": {"minAvailable": 1},
        "deployment": {
            "replicas": replicas,
            "priorityClassName": _CLUSTER_CRITICAL,
            "envoyGateway": {"resources": requests(100, 512)},
        },
        "config": {
            "envoyGateway": {
                "gateway": {"controllerName": controller},
                "provider": {"type": "Kubernetes"},
                "logging": {"level": {"default": "info"}},
            }
        },
    }
