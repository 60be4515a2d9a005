"""What a cloud tells the operators of a cluster: how its services are spoken to, and who may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pulumi

from components.contracts.foundation import WorkloadPrincipal


@dataclass(frozen=True, kw_only=True)
class ServiceAccountName:
    """One service account of the cluster."""

    namespace: str
    service_account: str


@dataclass(frozen=True, kw_only=True)
class OperatorFacts:
    """Plain data and outputs, in the words of each operator; None where the stack has nothing of the kind.

    `secret_provider` is a ClusterSecretStore's `provider`, `dns_solver` an ACME solver of cert-manager, `receivers`
    are Alertmanager's by severity, `remote_write` is the Prometheus operator's beside its URL, `backup_location` is
    Velero's `config` for the bucket `backup_bucket`. `identities` are by operator, as in the accounts handed in.
    """

    secret_provider: Mapping[str, Any]
    dns_solver: Mapping[str, Any] | None
    receivers: Mapping[str, Any]
    remote_write_url: pulumi.Output[str]
    remote_write: Mapping[str, Any]
    volume_provisioner: str
    volume_parameters: Mapping[str, pulumi.Input[str]]
    entrance_annotations: Mapping[str, pulumi.Input[str]]
    backup_provider: str
    backup_bucket: pulumi.Output[str]
    backup_location: Mapping[str, pulumi.Input[str]]
    identities: Mapping[str, WorkloadPrincipal] = field(default_factory=dict)


@runtime_checkable
class OperatorAccess(Protocol):
    """The cloud permissions of a cluster's operators, and the words by which they reach its services."""

    @property
    def facts(self) -> OperatorFacts:
        """What the operators are told."""
