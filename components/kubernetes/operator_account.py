"""Which service account each operator runs under, so that a cloud can give it permissions before it is installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from components.contracts import WorkloadPrincipal
from components.kubernetes.api_object import ApiObject


class Operator(StrEnum):
    """Operators that may speak to the cloud, or to a service of it."""

    KEDA = "keda"
    CERT_MANAGER = "cert-manager"
    EXTERNAL_SECRETS = "external-secrets"
    GATEWAY = "gateway"
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    NODE_AUTOSCALER = "node-autoscaler"
    BACKUP = "backup"
    ENTRANCE = "entrance"


@dataclass(frozen=True, kw_only=True)
class OperatorAccount:
    """One service account, by the names that the charts' values set."""

    namespace: str
    service_account: str


ACCOUNTS: Mapping[Operator, OperatorAccount] = {
    Operator.KEDA: OperatorAccount(namespace="keda", service_account="keda-operator"),
    Operator.CERT_MANAGER: OperatorAccount(namespace="cert-manager", service_account="cert-manager"),
    Operator.EXTERNAL_SECRETS: OperatorAccount(namespace="external-secrets", service_account="external-secrets"),
    Operator.GATEWAY: OperatorAccount(namespace="edge", service_account="envoy-gateway"),
    Operator.PROMETHEUS: OperatorAccount(namespace="monitoring", service_account="prometheus"),
    Operator.ALERTMANAGER: OperatorAccount(namespace="monitoring", service_account="alertmanager"),
    # Karpenter asks to be in a namespace whose requests the API server serves first:
    # https://karpenter.sh/docs/getting-started/getting-started-with-karpenter/
    Operator.NODE_AUTOSCALER: OperatorAccount(namespace="kube-system", service_account="karpenter"),
    Operator.BACKUP: OperatorAccount(namespace="velero", service_account="velero-server"),
    Operator.ENTRANCE: OperatorAccount(namespace="entrance", service_account="entrance-controller"),
}


def account_values(operator: Operator, identities: Mapping[Operator, WorkloadPrincipal]) -> ApiObject:
    """Return the values by which most charts make an account: its name, and the annotations of its identity, if any."""
    identity = identities.get(operator)
    return {
        "create": True,
        "name": ACCOUNTS[operator].service_account,
        "annotations": dict(identity.annotations) if identity is not None else {},
    }
