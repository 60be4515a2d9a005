"""Databases and caches: not public, encrypted at rest and on the way, and recoverable."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.policy import ALWAYS, FROM_PILOT, Option, Policy, Severity
from stacks.policies.resource import (
    UNKNOWN,
    Finding,
    Options,
    Resource,
    as_list,
    belongs_to,
    finding,
    is_off,
    is_on,
    is_stated,
    of_type,
)

_INSTANCE = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
# Type of a server → the property that names its parameters, and their type.
_PARAMETERS: Mapping[str, tuple[str, str]] = {
    _INSTANCE: ("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
    _CLUSTER: ("dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
}
_FORCE_TLS = "rds.force_ssl"
_ENCRYPTION: Mapping[str, str] = {
    _INSTANCE: "storageEncrypted",
    _CLUSTER: "storageEncrypted",
    _CACHE: "atRestEncryptionEnabled",
}


def _check_public(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = "publiclyAccessible"
    if not is_off(resource.get(path)):
        yield finding(resource, path, "the database has an address on the internet", f"set {path} to false")


def _check_encrypted(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = _ENCRYPTION[resource.type]
    # Members and replicas inherit it from what they follow.
    inherits = any(is_stated(resource.get(it)) for it in ("globalReplicationGroupId", "replicateSourceDb"))
    if not inherits and not is_on(resource.get(path)):
        yield finding(resource, path, "data is not encrypted at rest", f"set {path} to true")


def _check_tls(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    for server in of_type(resources, *_PARAMETERS):
        if not str(server.get("engine")).endswith(("postgres", "postgresql")):
            continue
        named_by, kind = _PARAMETERS[server.type]
        chosen = server.get(named_by)
        groups = [
            it for it in of_type(resources, kind) if belongs_to(server, named_by, it, "name") or chosen == it.name
        ]
        if not any(_forces_tls(group) for group in groups):
            yield finding(
                server,
                named_by,
                "connections without TLS are accepted",
                f"name a parameter group that sets {_FORCE_TLS} to 1 (components/aws/postgres.py)",
            )


def _forces_tls(group: Resource) -> bool:
    parameters = group.get("parameters")
    return parameters is UNKNOWN or any(
        isinstance(it, Mapping) and it.get("name") == _FORCE_TLS and it.get("value") in ("1", 1, UNKNOWN)
        for it in as_list(parameters)
    )


def _check_cache(resource: Resource, _options: Options) -> Iterator[Finding]:
    if not is_on(resource.get("transitEncryptionEnabled")):
        path = "transitEncryptionEnabled"
        yield finding(resource, path, "the cache is reached without TLS", f"set {path} to true")
    elif resource.get("transitEncryptionMode") == "preferred":
        path = "transitEncryptionMode"
        yield finding(resource, path, "the cache may be reached without TLS", f"set {path} to required")
    if not is_stated(resource.get("authToken")) and not is_stated(resource.get("userGroupIds")):
        yield finding(
            resource, "authToken", "the cache lets in whoever reaches it", "set authToken to a secret, or userGroupIds"
        )


def _check_recoverable(resource: Resource, options: Options) -> Iterator[Finding]:
    days = resource.get("backupRetentionPeriod")
    if days is not UNKNOWN and not _at_least(days, options["minimum_days"]):
        yield finding(
            resource,
            "backupRetentionPeriod",
            f"backups are kept for fewer than {options['minimum_days']} days",
            f"set backupRetentionPeriod to {options['minimum_days']} or more",
        )
    if not is_on(resource.get("deletionProtection")):
        path = "deletionProtection"
        yield finding(resource, path, "one call deletes the database", f"set {path} to true")
    if not is_off(resource.get("skipFinalSnapshot")):
        path = "skipFinalSnapshot"
        yield finding(resource, path, "nothing is left of a deleted database", f"set {path} to false")


def _at_least(value: Any, minimum: float) -> bool:
    return isinstance(value, int | float) and value >= minimum


POLICIES = (
    Policy(
        name="database-not-public",
        description="No database has an address on the internet.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset({_INSTANCE, _CLUSTER_INSTANCE}),
        check=_check_public,
    ),
    Policy(
        name="database-encrypted",
        description="Every database and cache encrypts what it stores.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=frozenset(_ENCRYPTION),
        check=_check_encrypted,
    ),
    Policy(
        name="database-tls-only",
        description="Every PostgreSQL database refuses connections without TLS.",
        severity=Severity.HIGH,
        controls=(
            Control.GDPR_ENCRYPTION,
            Control.HIPAA_TRANSMISSION,
            Control.HIPAA_TRANSMISSION_ENCRYPTION,
            Control.SOC2_TRANSMISSION,
        ),
        enforcement=ALWAYS,
        types=frozenset(_PARAMETERS),
        check_stack=_check_tls,
    ),
    Policy(
        name="cache-tls-and-password",
        description="Every cache is reached by TLS only, and asks who is there.",
        severity=Severity.HIGH,
        controls=(
            Control.GDPR_ENCRYPTION,
            Control.HIPAA_AUTHENTICATION,
            Control.HIPAA_TRANSMISSION_ENCRYPTION,
            Control.SOC2_LOGICAL_ACCESS,
            Control.SOC2_TRANSMISSION,
        ),
        enforcement=ALWAYS,
        types=frozenset({_CACHE}),
        check=_check_cache,
    ),
    Policy(
        name="database-recoverable",
        description="Every database has backups, and is not deleted by one call or without a last snapshot.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_RESTORE, Control.HIPAA_BACKUP_PLAN, Control.SOC2_AVAILABILITY_BACKUP),
        enforcement=FROM_PILOT,
        types=frozenset({_INSTANCE, _CLUSTER}),
        check=_check_recoverable,
        options=(
            Option(
                name="minimum_days",
                description="Fewest days for which automatic backups are kept",
                schema={"type": "integer", "minimum": 1, "maximum": 35},
                default=7,
            ),
        ),
    ),
)
