"""What the whole cluster is equipped with, and what its operators may do in the cloud."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.contracts import Foundation
from components.contracts.operator_facts import OperatorFacts, ServiceAccountName
from components.kubernetes.cluster_backup import BackupStorage
from components.kubernetes.cluster_services import CloudFacts, ClusterOffer, ClusterServices, ClusterServicesArgs
from components.kubernetes.monitoring import RemoteWrite
from components.kubernetes.operator_account import ACCOUNTS, Operator
from stacks.layers.additions import Additions
from stacks.layers.foundation import Ground
from stacks.layers.serving import VELERO_PLUGIN, image
from stacks.settings.cloud import PilotFields, ScaleUpFields, StagingFields

STORAGE_CLASS = "encrypted"


def equip_cluster(ground: Ground, additions: Additions, settings: StagingFields) -> ClusterOffer:
    """Make what belongs to the whole cluster, and return the names by which tenants ask for it."""
    facts = _operator_facts(ground, additions, settings)
    services = ClusterServices(
        "services",
        ClusterServicesArgs.model_validate(_services(facts, additions, settings)),
        facts=CloudFacts(
            secret_provider=facts.secret_provider,
            dns_solver=facts.dns_solver,
            gateway_annotations=facts.entrance_annotations,
            volume_parameters={STORAGE_CLASS: facts.volume_parameters},
            remote_write=RemoteWrite(url=facts.remote_write_url, settings=facts.remote_write),
            receivers=facts.receivers,
            node_autoscaler=additions.autoscaler,
            entrance=additions.entrance,
            backup_storage=BackupStorage(
                provider=facts.backup_provider, bucket=facts.backup_bucket, settings=facts.backup_location
            ),
            identities={Operator(name): principal for name, principal in facts.identities.items()},
            identity_cidrs=ground.cloud.platform.capabilities.identity_cidrs,
        ),
        opts=pulumi.ResourceOptions(providers=[ground.kubernetes]),
    )
    return services.offer


def _operator_facts(ground: Ground, additions: Additions, settings: StagingFields) -> OperatorFacts:
    cloud, keys = ground.cloud, ground.keys
    facts: OperatorFacts = cloud.make(
        Foundation.OPERATOR_ACCESS,
        "operator-access",
        "",
        {},
        cluster=ground.cluster,
        accounts={
            str(operator): ServiceAccountName(namespace=it.namespace, service_account=it.service_account)
            for operator, it in ACCOUNTS.items()
        },
        secrets=[ground.database.dsn, *ground.secrets.values()],
        secret_key=keys["secrets"],
        telemetry=ground.telemetry,
        backups=ground.buckets["backups"],
        disk_key=keys["disks"],
        edge=additions.public_zone,
        alerts=additions.alert_route,
        alert_key=keys["alerts"],
    ).facts
    return facts


def _services(facts: OperatorFacts, additions: Additions, settings: StagingFields) -> Mapping[str, Any]:
    installed = settings.operators == "install"
    operators: dict[str, Any] = {"issuer": {"authority": _authority(settings)}}
    monitoring = {
        "retention_days": settings.monitoring.retention_days,
        "storage_gib": settings.monitoring.storage_gib,
        "storage_class": STORAGE_CLASS,
        "routes": _routes(additions),
    }
    return {
        "storage": {"classes": {STORAGE_CLASS: {"provisioner": facts.volume_provisioner, "default": True}}},
        "monitoring": monitoring if installed else None,
        "operators": operators if installed else {**operators, "install": ()},
        "gpu": {} if installed else None,
        "autoscaling": _autoscaling(settings) if isinstance(settings, ScaleUpFields) else None,
        "backup": (
            {"plugin_image": image(settings.images, VELERO_PLUGIN), "install": installed}
            if isinstance(settings, PilotFields)
            else None
        ),
        "entrance": _entrance(settings, installed) if isinstance(settings, PilotFields) else None,
    }


def _entrance(settings: PilotFields, installed: bool) -> Mapping[str, Any]:
    return {"hosts": settings.public_hostnames(), "tenants": settings.tenant_names(), "install": installed}


def _authority(settings: StagingFields) -> Mapping[str, Any]:
    if not isinstance(settings, PilotFields):
        return {"kind": "own"}
    return {"kind": "acme", "email": settings.certificate.email, "server": settings.certificate.server}


def _routes(additions: Additions) -> Mapping[str, str]:
    """Return the receiver of each severity of alerts, as far as somebody is told."""
    if additions.alert_route is None:
        return {}
    return {
        severity: receiver
        for severity, receiver in {"critical": "page", "warning": "ticket"}.items()
        if receiver in additions.alert_route.routes
    }


def _autoscaling(settings: ScaleUpFields) -> Mapping[str, Any]:
    wanted = settings.node_autoscaling
    return {
        "pools": {
            "general": {
                "machine_families": wanted.general_families,
                "max_cpus": wanted.max_cpus,
                "spot": wanted.spot,
                "fallback_cpus": wanted.max_cpus if wanted.spot else 0,
            },
            **{
                f"gpu-{kind.lower()}": {
                    "machine_families": families,
                    "gpu_kind": kind,
                    "max_gpus": wanted.max_gpus,
                    "spot": wanted.spot,
                    "fallback_gpus": wanted.max_gpus if wanted.spot else 0,
                }
                for kind, families in wanted.gpu_families.items()
            },
        },
        "install": settings.operators == "install",
    }
