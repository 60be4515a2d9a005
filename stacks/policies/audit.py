"""Keys, records, backups and protection: what is left when something went wrong."""

from collections.abc import Iterator, Sequence

from stacks.policies.cluster import CLUSTER
from stacks.policies.controls import Control
from stacks.policies.network import VPC
from stacks.policies.policy import ADVICE, ALWAYS, FROM_ENTERPRISE, FROM_PILOT, Option, Policy, Severity
from stacks.policies.resource import (
    UNKNOWN,
    Finding,
    Options,
    Resource,
    belongs_to,
    finding,
    is_on,
    is_stated,
    of_type,
)
from stacks.policies.storage import BUCKETS

_KEY = "aws:kms/key:Key"
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_TRAIL = "aws:cloudtrail/trail:Trail"
_DETECTOR = "aws:guardduty/detector:Detector"
_RECORDER = "aws:cfg/recorder:Recorder"
_VAULT = "aws:backup/vault:Vault"
_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
_PLAN = "aws:backup/plan:Plan"
_SELECTION = "aws:backup/selection:Selection"
_DATABASES = ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
_STACK = "pulumi:pulumi:Stack"
_DATA = frozenset(
    {
        *BUCKETS,
        *_DATABASES,
        CLUSTER,
        _KEY,
        _VAULT,
        "aws:dynamodb/table:Table",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:route53/zone:Zone",
    }
)


def _check_rotation(resource: Resource, _options: Options) -> Iterator[Finding]:
    # The service rotates symmetric keys of its own making only.
    asymmetric = resource.get("customerMasterKeySpec") not in (None, "SYMMETRIC_DEFAULT", UNKNOWN)
    if not asymmetric and not is_on(resource.get("enableKeyRotation")):
        path = "enableKeyRotation"
        yield finding(resource, path, "the key stays the same for ever", f"set {path} to true")


def _check_retention(resource: Resource, options: Options) -> Iterator[Finding]:
    path, fewest = "retentionInDays", options["minimum_days"]
    days = resource.get(path)
    if days is UNKNOWN:
        return
    if not days:
        yield finding(resource, path, "logs are kept for ever", f"set {path} to {fewest} or more")
    elif days < fewest:
        yield finding(resource, path, f"logs are gone after {days} days", f"set {path} to {fewest} or more")


def _check_trail(resource: Resource, _options: Options) -> Iterator[Finding]:
    for path, problem in (
        ("isMultiRegionTrail", "calls in other regions are not recorded"),
        ("enableLogFileValidation", "records can be changed unnoticed"),
    ):
        if not is_on(resource.get(path)):
            yield finding(resource, path, problem, f"set {path} to true")
    for path, problem in (
        ("enableLogging", "nothing is recorded"),
        ("includeGlobalServiceEvents", "calls of global services, such as IAM, are not recorded"),
    ):
        # On unless it is switched off.
        if resource.get(path) is False or resource.get(path) == "false":
            yield finding(resource, path, problem, f"set {path} to true")
    if not is_stated(resource.get("kmsKeyId")):
        yield finding(resource, "kmsKeyId", "records are encrypted by no key of the stack", "set kmsKeyId")


def _check_recorded(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    if not any(it.type.startswith("aws:") for it in resources):
        return
    for kind, what in ((_TRAIL, "calls"), (_RECORDER, "configuration"), (_DETECTOR, "threats")):
        if not of_type(resources, kind):
            for stack in of_type(resources, _STACK):
                yield finding(
                    stack, kind, f"nothing records the account's {what}", "add the component components/aws/audit.py"
                )


def _check_vault(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    locks = of_type(resources, _LOCK)
    for vault in of_type(resources, _VAULT):
        own = [it for it in locks if belongs_to(it, "backupVaultName", vault, "name")]
        if not any(is_stated(it.get("minRetentionDays")) for it in own):
            yield finding(
                vault,
                "vaultLockConfiguration",
                "backups can be deleted before their time",
                "add a VaultLockConfiguration with minRetentionDays (components/aws/backup.py)",
            )


def _check_plan(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    missing = [kind for kind in (_VAULT, _PLAN, _SELECTION) if not of_type(resources, kind)]
    if missing:
        for database in of_type(resources, *_DATABASES):
            names = ", ".join(kind.rpartition(":")[2] for kind in missing)
            yield finding(
                database, "backup", f"no plan backs the data up: {names} missing", "add components/aws/backup.py"
            )


def _check_protected(resource: Resource, _options: Options) -> Iterator[Finding]:
    if not resource.protect:
        yield finding(
            resource,
            "options.protect",
            "an update or destroy may delete it",
            "make it with protect and retain_on_delete (components/aws/account.py: options)",
        )


def _check_deletion_window(resource: Resource, _options: Options) -> Iterator[Finding]:
    window = resource.get("deletionWindowInDays")
    if isinstance(window, int | float) and window < 30:
        yield finding(
            resource,
            "deletionWindowInDays",
            f"{window} days after its deletion nothing can be decrypted any more",
            "set deletionWindowInDays to 30",
        )


POLICIES = (
    Policy(
        name="key-rotates",
        description="Every symmetric key is replaced by a new one each year.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=frozenset({_KEY}),
        check=_check_rotation,
    ),
    Policy(
        name="key-deleted-late",
        description="A deleted key can be brought back for as long as the service allows.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_RESTORE, Control.SOC2_AVAILABILITY_BACKUP, Control.SOC2_DISPOSAL),
        enforcement=ADVICE,
        types=frozenset({_KEY}),
        check=_check_deletion_window,
    ),
    Policy(
        name="logs-retained",
        description="Logs are kept long enough to look at, and not for ever.",
        severity=Severity.MEDIUM,
        controls=(
            Control.GDPR_STORAGE_LIMITATION,
            Control.GDPR_BREACH,
            Control.HIPAA_ACTIVITY_REVIEW,
            Control.HIPAA_AUDIT,
            Control.SOC2_MONITORING,
            Control.SOC2_DISPOSAL,
        ),
        enforcement=FROM_PILOT,
        types=frozenset({_LOG_GROUP}),
        check=_check_retention,
        options=(
            Option(
                name="minimum_days",
                description="Fewest days for which logs are kept",
                schema={"type": "integer", "minimum": 1},
                default=30,
            ),
        ),
    ),
    Policy(
        name="trail-complete",
        description="A trail records every region, in files that are encrypted and cannot be changed unnoticed.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_BREACH, Control.HIPAA_AUDIT, Control.HIPAA_INTEGRITY, Control.SOC2_MONITORING),
        enforcement=ALWAYS,
        types=frozenset({_TRAIL}),
        check=_check_trail,
    ),
    Policy(
        name="account-recorded",
        description="Calls, configuration and threats of the account are recorded.",
        severity=Severity.HIGH,
        controls=(
            Control.GDPR_ACCOUNTABILITY,
            Control.GDPR_BREACH,
            Control.HIPAA_ACTIVITY_REVIEW,
            Control.HIPAA_AUDIT,
            Control.SOC2_DETECTION,
            Control.SOC2_MONITORING,
        ),
        enforcement=FROM_ENTERPRISE,
        types=frozenset({_STACK}),
        check_stack=_check_recorded,
    ),
    Policy(
        name="backup-vault-locked",
        description="Backups cannot be deleted before their time, by anybody.",
        severity=Severity.HIGH,
        controls=(
            Control.GDPR_RESTORE,
            Control.HIPAA_BACKUP_PLAN,
            Control.HIPAA_INTEGRITY,
            Control.SOC2_AVAILABILITY_BACKUP,
        ),
        enforcement=ALWAYS,
        types=frozenset({_VAULT}),
        check_stack=_check_vault,
    ),
    Policy(
        name="database-in-backup-plan",
        description="A stack with a database has a vault, a plan and a selection of what is backed up.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_RESTORE, Control.HIPAA_BACKUP_PLAN, Control.SOC2_AVAILABILITY_BACKUP),
        enforcement=FROM_PILOT,
        types=frozenset(_DATABASES),
        check_stack=_check_plan,
    ),
    Policy(
        name="data-protected",
        description="Databases, keys, buckets, clusters, registries and vaults are not deleted by an update.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_RESILIENCE, Control.HIPAA_INTEGRITY, Control.SOC2_AVAILABILITY_BACKUP),
        enforcement=FROM_PILOT,
        types=_DATA,
        check=_check_protected,
    ),
    Policy(
        name="network-protected",
        description="A network is not deleted by an update.",
        severity=Severity.LOW,
        controls=(Control.GDPR_RESILIENCE, Control.SOC2_AVAILABILITY_BACKUP),
        enforcement=ADVICE,
        types=frozenset({VPC}),
        check=_check_protected,
    ),
)
