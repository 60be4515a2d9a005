"""KMS keys, one for each purpose, with yearly rotation and policies that name who may use them for what.

The account itself may administer a key, but not decrypt with it; services use it only on behalf of this account, and
through the one service that the purpose names. No role is named here: what a workload may decrypt stands in its own
role's policy, and is further confined to that service.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.aws.account import Account
from components.aws.policy import Statement, document, grant
from components.contracts import KeyHandle

# Services that callers use by their own permissions: the key answers only calls that come through them.
_VIA: Mapping[str, tuple[str, ...]] = {
    "audit": ("s3",),
    "backup": ("backup", "rds", "s3"),
    "cache": ("elasticache", "secretsmanager"),
    "cluster": ("eks",),
    "database": ("rds", "secretsmanager"),
    "disks": ("ec2",),
    "objects": ("s3",),
    "registry": ("ecr",),
    "secrets": ("secretsmanager",),
    "telemetry": ("aps",),
}
# Services that act by themselves, as principals of their own.
_PRINCIPALS: Mapping[str, tuple[str, ...]] = {
    "alerts": ("cloudwatch", "budgets", "sns", "events", "backup"),
    "audit": ("cloudtrail", "config", "guardduty"),
    "logs": ("logs",),
    "network_logs": ("delivery.logs",),
}
PURPOSES = tuple(sorted({*_VIA, *_PRINCIPALS}))
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:ListRetirableGrants",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
# In a key's own policy `*` is that key: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
_THIS_KEY = ("*",)


class KeysArgs(BaseModel):
    """The purposes to make keys for, and their lives. A deleted key is kept for `deletion_window_days` first."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    purposes: tuple[str, ...] = PURPOSES
    rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    protect: bool = True

    @field_validator("purposes")
    @classmethod
    def _are_known(cls, purposes: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(purposes) - set(PURPOSES))
        if unknown:
            raise ValueError(f"no key policy for {', '.join(unknown)}; purposes are {', '.join(PURPOSES)}")
        return purposes


class Keys(pulumi.ComponentResource):
    """Make one KMS key and alias for each purpose; give no workload access. Outputs: ids (ARNs by purpose)."""

    Args: ClassVar[type[KeysArgs]] = KeysArgs
    handles: Mapping[str, KeyHandle]

    def __init__(
        self, name: str, args: KeysArgs, *, platform: Account, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferloop:aws:Keys", name, {}, opts)
        handles: dict[str, KeyHandle] = {}
        for purpose in args.purposes:
            key = aws.kms.Key(
                f"{name}-{purpose}",
                description=f"{platform.args.tags.stack}: {purpose.replace('_', ' ')}",
                enable_key_rotation=True,
                rotation_period_in_days=args.rotation_days,
                deletion_window_in_days=args.deletion_window_days,
                policy=document(_statements(platform, purpose)),
                tags=platform.tags(f"{name}-{purpose}"),
                opts=platform.options(self, protect=args.protect),
            )
            aws.kms.Alias(
                f"{name}-{purpose}-alias",
                name=f"alias/{platform.physical_name('key_alias', purpose)}",
                target_key_id=key.key_id,
                opts=platform.options(self),
            )
            handles[purpose] = KeyHandle(id=key.arn)
        self.handles = handles
        self.register_outputs({"ids": {purpose: handle.id for purpose, handle in handles.items()}})


def _statements(platform: Account, purpose: str) -> list[Statement]:
    root = {"AWS": f"arn:{platform.partition}:iam::{platform.account_id}:root"}
    statements = [grant("Administration", root, _ADMINISTRATION, _THIS_KEY)]
    through: dict[str, Any] = {}
    if services := _VIA.get(purpose):
        through = {
            "StringEquals": {
                "kms:CallerAccount": platform.account_id,
                "kms:ViaService": [f"{service}.{platform.region}.amazonaws.com" for service in services],
            }
        }
        # A grant that a service asks for holds only for the resource that it is made for.
        own = {
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {"kms:CallerAccount": platform.account_id},
        }
        statements += [
            grant("UseThroughService", root, _USE, _THIS_KEY, condition=through),
            grant("GrantToService", root, ("kms:CreateGrant",), _THIS_KEY, condition=own),
        ]
    if purpose == "disks":
        # Auto Scaling starts nodes by its own role, whose permissions name no key:
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
        starter = {"AWS": platform.service_linked_role("autoscaling", "AutoScaling")}
        resource = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        statements += [
            grant("UseByAutoScaling", starter, _USE, _THIS_KEY, condition=through),
            grant("GrantToAutoScaling", starter, ("kms:CreateGrant",), _THIS_KEY, condition=resource),
        ]
    if services := _PRINCIPALS.get(purpose):
        principals = [
            f"{service}.{platform.region}.amazonaws.com" if service == "logs" else f"{service}.amazonaws.com"
            for service in services
        ]
        condition: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": platform.account_id}}
        if purpose == "logs":
            context = "kms:EncryptionContext:aws:logs:arn"
            condition = {"ArnLike": {context: platform.arn("logs", "log-group:*")}}
        statements.append(grant("UseByService", {"Service": principals}, _USE, _THIS_KEY, condition=condition))
    return statements
