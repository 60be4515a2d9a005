"""Backups of what a cluster holds beside its volumes' contents, by Velero into a bucket of the cloud.

https://velero.io/docs/. Databases and disks are backed up by the cloud's own service. Alerts verify that backups are
made and whole; restoring one is a runbook, as it needs a place to restore to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts import WorkloadPrincipal
from components.kubernetes.api_object import ApiObject, Cidr, ImageDigest, ObjectName
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.monitoring import RELEASE_LABEL
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.operator_values import requests

_METRICS_PORT = 8085
_LOCATION = "default"
_USER_ID = 65532
_POD_SECURITY: ApiObject = {
    "runAsNonRoot": True,
    "runAsUser": _USER_ID,
    "runAsGroup": _USER_ID,
    "fsGroup": _USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY: ApiObject = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
# What a cluster makes by itself, and secrets' copies that their operator makes again.
_LEFT_OUT = ("events", "events.events.k8s.io", "nodes", "leases.coordination.k8s.io")


@dataclass(frozen=True, kw_only=True)
class BackupStorage:
    """Where backups go: a bucket of the cloud, in the words of Velero's plugin for it.

    `settings` are the location's own `config`, such as a region and a key.
    """

    provider: str
    bucket: pulumi.Input[str]
    settings: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    prefix: str = "cluster"


class ClusterBackupArgs(BaseModel):
    """When backups are made, of which namespaces (all where none is named), and how long they are kept.

    `plugin_image` is Velero's plugin for the cloud. An alert is raised when no backup has succeeded for `stale_hours`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    plugin_image: ImageDigest
    schedule: str = Field(default="23 2 * * *", pattern=r"^\S+ \S+ \S+ \S+ \S+$")
    namespaces: tuple[ObjectName, ...] = ()
    retention_days: PositiveInt = 30
    stale_hours: PositiveInt = 26
    monitored: bool = True
    monitoring_namespace: ObjectName = "monitoring"
    identity_cidrs: tuple[Cidr, ...] = ()
    install: bool = True


class ClusterBackup(pulumi.ComponentResource):
    """Install Velero, and make its location, its schedule and alerts on it. Output: schedule, its name.

    Definitions come with the first release; an upgrade of Velero has `velero install --crds-only` run first.
    """

    Args: ClassVar[type[ClusterBackupArgs]] = ClusterBackupArgs
    schedule: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ClusterBackupArgs,
        *,
        storage: BackupStorage,
        identity: WorkloadPrincipal | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ClusterBackup", name, {}, opts)
        self._name = name
        namespace: pulumi.Input[str] = ACCOUNTS[Operator.BACKUP].namespace
        needs: list[pulumi.Resource] = []
        if args.install:
            space = OperatorNamespace(
                f"{name}-space",
                OperatorNamespaceArgs(
                    namespace=ACCOUNTS[Operator.BACKUP].namespace,
                    served_to={args.monitoring_namespace: (_METRICS_PORT,)},
                    identity_cidrs=args.identity_cidrs,
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            namespace = space.namespace
            made = ChartRelease(
                f"{name}-server",
                ChartReleaseArgs(chart="velero"),
                namespace=namespace,
                values=server_values(args, identity),
                opts=pulumi.ResourceOptions(parent=self),
            )
            needs.append(made.release)
        location = self._custom(
            "location",
            "velero.io/v1",
            "BackupStorageLocation",
            _LOCATION,
            namespace,
            {
                "provider": storage.provider,
                "default": True,
                "accessMode": "ReadWrite",
                "objectStorage": {"bucket": storage.bucket, "prefix": storage.prefix},
                "config": dict(storage.settings),
                # Whether the bucket can be written is looked at again and again, and is a measurement.
                "validationFrequency": "10m",
            },
            needs,
        )
        schedule = self._custom(
            "schedule", "velero.io/v1", "Schedule", name, namespace, schedule_spec(args), [location]
        )
        if args.monitored:
            groups = [{"name": "cluster-backup", "rules": backup_rules(name, args.stale_hours)}]
            self._custom(
                "alerts",
                "monitoring.coreos.com/v1",
                "PrometheusRule",
                f"{name}-alerts",
                namespace,
                {"groups": groups},
                [schedule],
                RELEASE_LABEL,
            )
        self.schedule = pulumi.Output.from_input(schedule.urn).apply(lambda _: name)
        self.register_outputs({"schedule": self.schedule})

    def _custom(
        self,
        child: str,
        api: str,
        kind: str,
        object_name: str,
        namespace: pulumi.Input[str],
        spec: ApiObject,
        needs: Sequence[pulumi.Resource],
        labels: Mapping[str, str] | None = None,
    ) -> pulumi.Resource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{child}",
            api_version=api,
            kind=kind,
            metadata={
                "name": object_name,
                "namespace": namespace,
                "labels": {**labels_of(Role.OPERATORS, self._name), **(labels or {})},
            },
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )


def schedule_spec(args: ClusterBackupArgs) -> ApiObject:
    """Return the Schedule's `spec`."""
    return {
        "schedule": args.schedule,
        # A schedule that goes takes no backup with it.
        "useOwnerReferencesInBackup": False,
        "template": {
            "storageLocation": _LOCATION,
            "includedNamespaces": list(args.namespaces) or ["*"],
            "excludedResources": list(_LEFT_OUT),
            "snapshotVolumes": False,
            "ttl": f"{24 * args.retention_days}h0m0s",
        },
    }


def backup_rules(schedule: str, stale_hours: int) -> list[ApiObject]:
    """Return alerts on a schedule's backups; metrics: https://velero.io/docs/main/troubleshooting/."""
    here = f'{{schedule="{schedule}"}}'
    newest = f"time() - max(velero_backup_last_successful_timestamp{here})"

    def alert(name: str, expression: str, held: str, summary: str) -> ApiObject:
        return {
            "alert": name,
            "expr": expression,
            "for": held,
            "labels": {"severity": "critical"},
            "annotations": {"summary": summary},
        }

    return [
        alert(
            "ClusterBackupIsOld",
            f"{newest} > {3600 * stale_hours} or absent(velero_backup_last_successful_timestamp{here})",
            # A schedule's first backup may be a day away.
            f"{stale_hours}h",
            f"No backup of the cluster has succeeded for {stale_hours} hours",
        ),
        alert(
            "ClusterBackupFailed",
            f"increase(velero_backup_failure_total{here}[1h]) > 0 or "
            f"increase(velero_backup_partial_failure_total{here}[1h]) > 0 or "
            f"increase(velero_backup_validation_failure_total{here}[1h]) > 0",
            "0m",
            "A backup of the cluster has failed, or left something out",
        ),
        alert(
            "ClusterBackupStoreIsAway",
            "min(velero_backup_storage_location_available) == 0",
            "30m",
            "Velero cannot reach the bucket that it writes backups to",
        ),
    ]


def server_values(args: ClusterBackupArgs, identity: WorkloadPrincipal | None) -> ApiObject:
    """Return the values of https://github.com/vmware-tanzu/helm-charts/tree/main/charts/velero."""
    plugin = {
        "name": "plugin",
        "image": args.plugin_image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": _CONTAINER_SECURITY,
        "resources": requests(10, 64),
        "volumeMounts": [{"mountPath": "/target", "name": "plugins"}],
    }
    monitor = {"enabled": args.monitored, "additionalLabels": dict(RELEASE_LABEL)}
    return {
        "initContainers": [plugin],
        # The location and the schedule are objects of their own; volumes are the cloud's to back up.
        "backupsEnabled": False,
        "snapshotsEnabled": False,
        "deployNodeAgent": False,
        "upgradeCRDs": False,
        "credentials": {"useSecret": False},
        "serviceAccount": {
            "server": {
                "create": True,
                "name": ACCOUNTS[Operator.BACKUP].service_account,
                "annotations": dict(identity.annotations) if identity is not None else {},
            }
        },
        "podSecurityContext": _POD_SECURITY,
        "containerSecurityContext": _CONTAINER_SECURITY,
        "resources": requests(200, 512),
        "metrics": {"enabled": True, "serviceMonitor": monitor},
    }
