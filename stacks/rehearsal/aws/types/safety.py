"""What outlives a failure and what bounds a bill: backup vaults and plans, budgets."""

from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update
from stacks.rehearsal.aws.types import tagging


def _tags(created: str) -> Tagging:
    return tagging.by_arn(
        "ResourceArn", keys="TagKeyList", form="map", told="Tags", reader="list_tags", created=created
    )


_LOCK = Call(
    operation="put_backup_vault_lock_configuration",
    params={"BackupVaultName": "{backupVaultName}"},
    send=("minRetentionDays", "maxRetentionDays", "changeableForDays"),
)
_BUDGET = ("budgetType", "timeUnit", "limitAmount", "limitUnit", "costFilters", "notifications")
_THE_BUDGET = {"AccountId": "{account}", "BudgetName": "{name}"}
_MAKE_BUDGET = Call(
    operation="create_budget",
    params={
        "AccountId": "{account}",
        "Budget": {"BudgetName": "{name}", "BudgetLimit": {"Amount": "{limitAmount}", "Unit": "{limitUnit}"}},
        "NotificationsWithSubscribers": "{warnings}",
    },
    send=("budgetType", "timeUnit", "costFilters"),
    into="Budget",
)


def _warnings(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    addresses = {"subscriberSnsTopicArns": "SNS", "subscriberEmailAddresses": "EMAIL"}
    return {
        "warnings": [
            {
                "Notification": {
                    "NotificationType": given["notificationType"],
                    "ComparisonOperator": given["comparisonOperator"],
                    "Threshold": given["threshold"],
                    "ThresholdType": given["thresholdType"],
                },
                "Subscribers": [
                    {"SubscriptionType": kind, "Address": address}
                    for name, kind in addresses.items()
                    for address in given.get(name) or []
                ],
            }
            for given in inputs.get("notifications") or []
        ]
    }


SAFETY = (
    ResourceType(
        type="aws:backup/vault:Vault",
        service="backup",
        id="BackupVaultName",
        create=Call(
            operation="create_backup_vault",
            params={"BackupVaultName": "{name}", "EncryptionKeyArn": "{kmsKeyArn}"},
        ),
        read=(
            Call(
                operation="describe_backup_vault",
                params={"BackupVaultName": "{id}"},
                result="{name: BackupVaultName, arn: BackupVaultArn, kmsKeyArn: EncryptionKeyArn}",
            ),
        ),
        delete=(Call(operation="delete_backup_vault", params={"BackupVaultName": "{id}"}),),
        replaces=frozenset({"name", "kmsKeyArn"}),
        name="name",
        name_limit=50,
        tagging=_tags("BackupVaultTags"),
        listing=Listing(operation="list_backup_vaults", ids="BackupVaultList[].BackupVaultName"),
    ),
    ResourceType(
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        service="backup",
        id="{backupVaultName}",
        create=_LOCK,
        read=(
            Call(
                operation="describe_backup_vault",
                params={"BackupVaultName": "{id}"},
                result="Locked && {backupVaultName: BackupVaultName, backupVaultArn: BackupVaultArn, "
                "minRetentionDays: MinRetentionDays, maxRetentionDays: MaxRetentionDays} || null",
            ),
        ),
        delete=(Call(operation="delete_backup_vault_lock_configuration", params={"BackupVaultName": "{id}"}),),
        updates=(Update(properties=("minRetentionDays", "maxRetentionDays", "changeableForDays"), call=_LOCK),),
        # The service answers the date after which the lock holds, not the days of grace.
        unread=frozenset({"changeableForDays"}),
        replaces=frozenset({"backupVaultName"}),
        part_of="aws:backup/vault:Vault",
    ),
    ResourceType(
        type="aws:backup/plan:Plan",
        service="backup",
        id="BackupPlanId",
        create=Call(
            operation="create_backup_plan",
            params={"BackupPlan": {"BackupPlanName": "{name}"}},
            send=("rules", "advancedBackupSettings"),
            into="BackupPlan",
        ),
        read=(
            Call(
                operation="get_backup_plan",
                params={"BackupPlanId": "{id}"},
                result="!DeletionDate && {name: BackupPlan.BackupPlanName, rules: BackupPlan.Rules, "
                "arn: BackupPlanArn, version: VersionId} || null",
            ),
        ),
        delete=(Call(operation="delete_backup_plan", params={"BackupPlanId": "{id}"}),),
        renames={
            "targetVaultName": "TargetBackupVaultName",
            "schedule": "ScheduleExpression",
            "deleteAfter": "DeleteAfterDays",
            "coldStorageAfter": "MoveToColdStorageAfterDays",
            "startWindow": "StartWindowMinutes",
            "completionWindow": "CompletionWindowMinutes",
        },
        # moto does not change a plan: the service would in place.
        replaces=frozenset({"name", "rules", "advancedBackupSettings"}),
        name="name",
        name_limit=50,
        tagging=_tags("BackupPlanTags"),
        listing=Listing(operation="list_backup_plans", ids="BackupPlansList[].BackupPlanId"),
    ),
    ResourceType(
        type="aws:budgets/budget:Budget",
        service="budgets",
        id="{account}:{name}",
        create=_MAKE_BUDGET,
        read=(
            Call(
                operation="describe_budget",
                params=_THE_BUDGET,
                result="Budget.{name: BudgetName, budgetType: BudgetType, timeUnit: TimeUnit, "
                "limitAmount: BudgetLimit.Amount, limitUnit: BudgetLimit.Unit, costFilters: CostFilters}",
            ),
            Call(
                operation="describe_notifications_for_budget",
                params=_THE_BUDGET,
                result="{notifications: Notifications}",
            ),
        ),
        delete=(Call(operation="delete_budget", params=_THE_BUDGET),),
        # moto does not change a budget, so it is made anew under its name.
        updates=(
            Update(properties=_BUDGET, call=Call(operation="delete_budget", params=_THE_BUDGET)),
            Update(properties=_BUDGET, call=_MAKE_BUDGET),
        ),
        derived=_warnings,
        computed={"arn": "arn:{partition}:budgets::{account}:budget/{name}", "accountId": "{account}"},
        unread=frozenset({"tags"}),
        replaces=frozenset({"name"}),
        name="name",
        name_limit=100,
        listing=Listing(operation="describe_budgets", params={"AccountId": "{account}"}, ids="Budgets[].BudgetName"),
    ),
)
"""The types of this module."""
