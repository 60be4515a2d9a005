"""AWS Backup: a locked vault, daily recovery points of all that carries the backup tag, and restores as a test.

Locked in governance mode unless `compliance_lock` is set; that lock can be undone by nobody after its days of grace.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.aws.account import Account
from components.aws.policy import assumed_by
from components.aws.tags import BACKUP_TAG
from components.contracts import BackupVault, KeyHandle

Cron = Annotated[str, Field(pattern=r"^cron\(.+\)$")]
_POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
_S3_POLICIES = ("AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore")
# https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
_MAX_CONTINUOUS_DAYS = 35
# https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
_SHORTEST_GRACE_DAYS = 3


class BackupArgs(BaseModel):
    """When backups are made (UTC), how long they are kept, and when they are restored as a test.

    `continuous` keeps the log that point-in-time recovery needs, for at most 35 days. `compliance_lock` is the days of
    grace after which nobody, AWS included, can shorten the retention or delete the vault. `restore_tested` are the
    kinds of databases that are restored as a test.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schedule: Cron = "cron(0 3 * * ? *)"
    retention_days: Annotated[int, Field(ge=1, le=3653)] = 35
    minimum_retention_days: PositiveInt = 7
    maximum_retention_days: PositiveInt = 365
    continuous: bool = True
    compliance_lock: Annotated[int, Field(ge=_SHORTEST_GRACE_DAYS)] | None = None
    restore_test_schedule: Cron | None = "cron(0 6 ? * SUN *)"
    restore_tested: tuple[Literal["RDS", "Aurora"], ...] = ("RDS",)
    restore_test_hours: Annotated[int, Field(ge=1, le=168)] = 4
    protect: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> "BackupArgs":
        if self.continuous and self.retention_days > _MAX_CONTINUOUS_DAYS:
            raise ValueError(
                f"continuous backups are kept for at most {_MAX_CONTINUOUS_DAYS} days, not {self.retention_days}; "
                "lower retention_days, or set continuous: false"
            )
        if not self.minimum_retention_days <= self.retention_days <= self.maximum_retention_days:
            raise ValueError(
                f"retention_days {self.retention_days} is outside what the vault's lock allows "
                f"({self.minimum_retention_days} to {self.maximum_retention_days}); change one of them"
            )
        return self


class Backup(pulumi.ComponentResource):
    """Make one vault, its lock, the plan and the restore test. Outputs: vault (its ARN).

    What is backed up says so itself, by the tag that `vault.selector` names.
    """

    Args: ClassVar[type[BackupArgs]] = BackupArgs
    vault: BackupVault

    def __init__(
        self,
        name: str,
        args: BackupArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Backup", name, {}, opts)
        vault = aws.backup.Vault(
            f"{name}-vault",
            name=platform.physical_name("backup_vault", name),
            kms_key_arn=key.id,
            tags=platform.tags(f"{name}-vault"),
            opts=platform.options(self, protect=args.protect),
        )
        aws.backup.VaultLockConfiguration(
            f"{name}-lock",
            backup_vault_name=vault.name,
            min_retention_days=args.minimum_retention_days,
            max_retention_days=args.maximum_retention_days,
            changeable_for_days=args.compliance_lock,
            opts=platform.options(self),
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=assumed_by("backup.amazonaws.com", account_id=platform.account_id),
            description="Makes and restores backups",
            tags=platform.tags(f"{name}-role"),
            opts=platform.options(self),
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy.rpartition('/')[2]}",
                role=role.name,
                policy_arn=platform.managed_policy(policy),
                opts=platform.options(self),
            )
            for policy in (*(f"service-role/{it}" for it in _POLICIES), *_S3_POLICIES)
        ]
        plan = aws.backup.Plan(
            f"{name}-plan",
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=vault.name,
                    schedule=args.schedule,
                    enable_continuous_backup=args.continuous,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=args.retention_days),
                    recovery_point_tags=platform.tags(f"{name}-recovery-point"),
                )
            ],
            tags=platform.tags(f"{name}-plan"),
            opts=platform.options(self),
        )
        selector = {BACKUP_TAG: platform.args.tags.stack}
        aws.backup.Selection(
            f"{name}-selection",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            selection_tags=[
                aws.backup.SelectionSelectionTagArgs(type="STRINGEQUALS", key=tag, value=value)
                for tag, value in selector.items()
            ],
            opts=platform.options(self, depends_on=attached),
        )
        if args.restore_test_schedule is not None:
            self._restore_test(name, args, args.restore_test_schedule, platform, vault, role)
        self.vault = BackupVault(id=vault.arn, selector=selector)
        self.register_outputs({"vault": vault.arn})

    def _restore_test(
        self,
        name: str,
        args: BackupArgs,
        schedule: str,
        platform: Account,
        vault: aws.backup.Vault,
        role: aws.iam.Role,
    ) -> None:
        test = aws.backup.RestoreTestingPlan(
            f"{name}-restore-test",
            name=platform.physical_name("restore_test", name),
            schedule_expression=schedule,
            start_window_hours=1,
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.arn],
                recovery_point_types=["CONTINUOUS", "SNAPSHOT"] if args.continuous else ["SNAPSHOT"],
                selection_window_days=args.minimum_retention_days,
            ),
            tags=platform.tags(f"{name}-restore-test"),
            opts=platform.options(self),
        )
        for kind in args.restore_tested:
            aws.backup.RestoreTestingSelection(
                f"{name}-restore-test-{kind.lower()}",
                name=platform.physical_name("restore_test", name, kind.lower()),
                restore_testing_plan_name=test.name,
                protected_resource_type=kind,
                protected_resource_arns=["*"],
                iam_role_arn=role.arn,
                validation_window_hours=args.restore_test_hours,
                opts=platform.options(self),
            )
