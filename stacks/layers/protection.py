"""What phases 3 to 5 put around the ground: alerts, backups, a budget, a firewalled public name, a cache, audit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pulumi

from components.contracts import (
    AlarmSubjects,
    AlertRoute,
    AuditTrail,
    BackupVault,
    Budget,
    CacheEndpoint,
    Capability,
    EdgeEndpoint,
    Foundation,
)
from components.contracts.node_autoscaler import NodeAutoscalerFacts
from stacks.layers.cloud import Arguments, checked_args
from stacks.layers.entrance import Entrance, access_args, load_balancer_args, make_entrance
from stacks.layers.foundation import Ground
from stacks.settings.cloud import EnterpriseFields, PilotFields, ScaleUpFields

CACHE_PASSWORD = "cache-password"  # noqa: S105  # The secret's name.

# Logs for point-in-time recovery are kept no longer:
# https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
_LONGEST_CONTINUOUS_DAYS = 35

# The day of the week on which recovery points are restored as a test.
_RESTORE_TEST = "cron(0 6 ? * SUN *)"


@dataclass(frozen=True, kw_only=True)
class Production:
    """What makes an account fit for production. `alarms` are the ids of the cloud's own alarms, by name."""

    alarms: Mapping[str, pulumi.Output[str]]
    alerts: AlertRoute
    backup: BackupVault
    budget: Budget
    edge: EdgeEndpoint
    entrance: Entrance


def production_args(settings: PilotFields) -> Iterator[tuple[Foundation | Capability, str, Arguments]]:
    """Yield each capability of phase 3, the section of the settings that it is told by, and what it is told."""
    protect = {"protect": settings.protect}
    yield Foundation.ALERTS, "alerts", settings.alerts.model_dump()
    backup = settings.backup
    yield (
        Foundation.BACKUP,
        "backup",
        {
            "retention_days": backup.retention_days,
            "maximum_retention_days": max(365, backup.retention_days),
            "continuous": backup.retention_days <= _LONGEST_CONTINUOUS_DAYS,
            "compliance_lock": backup.compliance_lock_grace_days,
            "restore_test_schedule": _RESTORE_TEST if backup.restore_test else None,
            **protect,
        },
    )
    yield Foundation.COST, "budget", settings.budget.model_dump()
    yield (
        Foundation.EDGE,
        "firewall",
        {
            "domain": settings.domain,
            "requests_per_address": settings.firewall.requests_per_address,
            "log_retention_days": settings.monitoring.log_retention_days,
            **protect,
        },
    )
    yield Foundation.LOAD_BALANCER, "entrance", load_balancer_args(settings)
    yield Foundation.ENTRANCE_ACCESS, "entrance", access_args(settings)


def protect_production(ground: Ground, settings: PilotFields) -> Production:
    """Make what phase 3 adds."""
    cloud, keys = ground.cloud, ground.keys
    args = {capability: (section, told) for capability, section, told in production_args(settings)}
    alerts = cloud.make(Foundation.ALERTS, "alerts", *args[Foundation.ALERTS], key=keys["alerts"]).route
    backup = cloud.make(Foundation.BACKUP, "backup", *args[Foundation.BACKUP], key=keys["backup"]).vault
    edge = cloud.make(Foundation.EDGE, "edge", *args[Foundation.EDGE], log_key=keys["logs"]).edge
    entrance = make_entrance(ground, edge, settings)
    subjects = AlarmSubjects(
        databases=[ground.database],
        network=ground.network,
        cluster=ground.cluster,
        vault=backup,
        edge=edge,
        load_balancer=entrance.load_balancer,
    )
    return Production(
        alarms=watch(ground, "alarms", alerts, subjects),
        alerts=alerts,
        backup=backup,
        budget=cloud.make(Foundation.COST, "cost", *args[Foundation.COST], alerts=alerts).budget,
        edge=edge,
        entrance=entrance,
    )


def watch(ground: Ground, name: str, alerts: AlertRoute, subjects: AlarmSubjects) -> Mapping[str, pulumi.Output[str]]:
    """Raise the cloud's own alarms on what is named, and return them by name."""
    alarms: Mapping[str, pulumi.Output[str]] = ground.cloud.make(
        Foundation.ALARMS, name, "", {}, alerts=alerts, subjects=subjects
    ).alarms
    return alarms


def add_cache(ground: Ground, alerts: AlertRoute, settings: ScaleUpFields) -> CacheEndpoint:
    """Make the cache of phase 4, with a password and alarms of its own."""
    cloud, keys = ground.cloud, ground.keys
    passwords = cloud.make(
        Capability.SECRETS, "cache-secrets", "", {"names": (CACHE_PASSWORD,)}, key=keys["secrets"]
    ).handles
    endpoint: CacheEndpoint = cloud.make(
        Foundation.CACHE,
        "cache",
        "cache",
        settings.cache.model_dump(),
        network=ground.network,
        password=passwords[CACHE_PASSWORD],
        key=keys["cache"],
    ).endpoint
    watch(ground, "cache-alarms", alerts, AlarmSubjects(caches=[endpoint]))
    return endpoint


def add_node_autoscaler(ground: Ground) -> NodeAutoscalerFacts:
    """Make what phase 4's node autoscaler needs of the cloud."""
    facts: NodeAutoscalerFacts = ground.cloud.make(
        Foundation.NODE_AUTOSCALER,
        "node-autoscaler",
        "node_autoscaling",
        {},
        network=ground.network,
        cluster=ground.cluster,
        disk_key=ground.keys["disks"],
    ).facts
    return facts


def add_audit(ground: Ground, settings: EnterpriseFields) -> AuditTrail:
    """Make the record of phase 5."""
    trail: AuditTrail = ground.cloud.make(
        Foundation.AUDIT,
        "audit",
        "audit",
        {**settings.audit.model_dump(), "protect": settings.protect},
        key=ground.keys["audit"],
    ).trail
    return trail


def check_production(settings: PilotFields) -> None:
    """Refuse what the cloud does not take of phase 3. Raises PreflightError that names the keys."""
    for capability, section, args in production_args(settings):
        checked_args(settings, capability, section, args)


def check_cache(settings: ScaleUpFields) -> None:
    """Refuse a cache that the cloud has not. Raises PreflightError that names the keys."""
    checked_args(settings, Foundation.CACHE, "cache", settings.cache.model_dump())


def check_audit(settings: EnterpriseFields) -> None:
    """Refuse an audit record that the cloud cannot keep. Raises PreflightError that names the keys."""
    checked_args(settings, Foundation.AUDIT, "audit", settings.audit.model_dump())
