from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN
from tests.support.policies import STACK, broken, findings, resource

KEY, TRAIL, VAULT = "kms/key:Key", "cloudtrail/trail:Trail", "backup/vault:Vault"
COMPLETE = {"isMultiRegionTrail": True, "enableLogFileValidation": True, "kmsKeyId": "k"}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, False),
        ({"enableKeyRotation": False}, False),
        ({"enableKeyRotation": True}, True),
        ({"customerMasterKeySpec": "SYMMETRIC_DEFAULT"}, False),
        ({"customerMasterKeySpec": "ECC_NIST_P256", "keyUsage": "SIGN_VERIFY"}, True),
    ],
)
def test_symmetric_keys_rotate(settings: dict[str, Any], kept: bool) -> None:
    assert (broken("key-rotates", resource(KEY, **settings)) == []) is kept


@pytest.mark.parametrize(("days", "kept"), [(7, False), (30, True), (None, True), (UNKNOWN, True)])
def test_a_deleted_key_comes_back_for_a_month(days: Any, kept: bool) -> None:
    assert (broken("key-deleted-late", resource(KEY, deletionWindowInDays=days)) == []) is kept


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        (None, "logs are kept for ever"),
        (0, "logs are kept for ever"),
        (14, "logs are gone after 14 days"),
        (30, None),
        (UNKNOWN, None),
    ],
)
def test_logs_are_kept_for_a_while_and_not_for_ever(days: Any, problem: str | None) -> None:
    group = resource("cloudwatch/logGroup:LogGroup", retentionInDays=days)
    assert [it.problem for it in findings("logs-retained", group)] == ([problem] if problem else [])
    if days == 30:
        assert broken("logs-retained", group, minimum_days=90) == [("it", "retentionInDays")]


def test_a_trail_records_everything_unchangeably() -> None:
    assert broken("trail-complete", resource(TRAIL, **COMPLETE)) == []
    careless = resource(TRAIL, enableLogging=False, includeGlobalServiceEvents=False)
    assert [path for _, path in broken("trail-complete", careless)] == [
        "isMultiRegionTrail",
        "enableLogFileValidation",
        "enableLogging",
        "includeGlobalServiceEvents",
        "kmsKeyId",
    ]


def test_an_account_without_records_is_found_at_the_stack() -> None:
    stack, key = resource(STACK, "t"), resource(KEY)
    assert [path for _, path in broken("account-recorded", stack, key)] == [
        "aws:cloudtrail/trail:Trail",
        "aws:cfg/recorder:Recorder",
        "aws:guardduty/detector:Detector",
    ]
    recorders = [resource(kind) for kind in (TRAIL, "cfg/recorder:Recorder", "guardduty/detector:Detector")]
    assert broken("account-recorded", stack, key, *recorders) == []
    assert broken("account-recorded", stack, resource("kubernetes:core/v1:Namespace")) == []


def test_a_vault_is_locked() -> None:
    vault = resource(VAULT, "vault", name="v")
    lock = "backup/vaultLockConfiguration:VaultLockConfiguration"
    assert broken("backup-vault-locked", vault) == [("vault", "vaultLockConfiguration")]
    assert broken("backup-vault-locked", vault, resource(lock, backupVaultName="v")) != []
    assert broken("backup-vault-locked", vault, resource(lock, backupVaultName="other", minRetentionDays=7)) != []
    assert broken("backup-vault-locked", vault, resource(lock, backupVaultName="v", minRetentionDays=7)) == []


def test_a_database_is_in_a_plan() -> None:
    database = resource("rds/instance:Instance", "db")
    parts = [resource(kind) for kind in (VAULT, "backup/plan:Plan", "backup/selection:Selection")]
    assert broken("database-in-backup-plan", database, *parts) == []
    (found,) = findings("database-in-backup-plan", database, *parts[:2])
    assert found.problem == "no plan backs the data up: Selection missing"


def test_data_and_networks_are_protected() -> None:
    for policy, kind in (("data-protected", KEY), ("network-protected", "ec2/vpc:Vpc")):
        assert broken(policy, resource(kind)) == [("it", "options.protect")]
        assert broken(policy, resource(kind, protect=True)) == []
