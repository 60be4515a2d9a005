"""Who did what (CloudTrail), what changed (Config) and what looks like an attack (GuardDuty), in one closed bucket.

The bucket takes records from the services alone, and its object lock keeps them from everybody for the retention. An
account has one recorder and one detector a region: where the organisation runs them already, switch them off here.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field

from components.aws.account import Account
from components.aws.closed_bucket import close_bucket
from components.aws.policy import Statement, allow, assumed_by, deny, document, grant
from components.contracts import AuditTrail, KeyHandle

_TRAIL_PREFIX, _CONFIG_PREFIX = "trail", "config"


class AuditArgs(BaseModel):
    """How long records are kept, and which of the account's recorders are this stack's to run.

    In `compliance` mode nobody can delete a record early, AWS included; `governance` leaves a way for a named role.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    retention_days: Annotated[int, Field(ge=1, le=3653)] = 365
    lock: Literal["governance", "compliance"] = "governance"
    record_configuration: bool = True
    detect_threats: bool = True
    record_object_access: bool = False
    protect: bool = True


class Audit(pulumi.ComponentResource):
    """Make the bucket of records and start the recorders. Outputs: trail (its ARN), uri."""

    Args: ClassVar[type[AuditArgs]] = AuditArgs
    trail: AuditTrail

    def __init__(
        self,
        name: str,
        args: AuditArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Audit", name, {}, opts)
        self._name, self._platform, self._key = name, platform, key
        trail_name = platform.physical_name("trail", name)
        trail_arn = platform.arn("cloudtrail", f"trail/{trail_name}")
        bucket, ready = self._bucket(args, trail_arn)
        trail = aws.cloudtrail.Trail(
            f"{name}-trail",
            name=trail_name,
            s3_bucket_name=bucket.bucket,
            s3_key_prefix=_TRAIL_PREFIX,
            kms_key_id=key.id,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            event_selectors=[
                aws.cloudtrail.TrailEventSelectorArgs(
                    read_write_type="All",
                    include_management_events=True,
                    data_resources=[
                        aws.cloudtrail.TrailEventSelectorDataResourceArgs(
                            type="AWS::S3::Object", values=[f"arn:{platform.partition}:s3"]
                        )
                    ]
                    if args.record_object_access
                    else None,
                )
            ],
            tags=platform.tags(f"{name}-trail"),
            opts=platform.options(self, depends_on=ready),
        )
        if args.record_configuration:
            self._recorder(bucket, ready)
        if args.detect_threats:
            aws.guardduty.Detector(
                f"{name}-detector",
                enable=True,
                finding_publishing_frequency="FIFTEEN_MINUTES",
                tags=platform.tags(f"{name}-detector"),
                opts=platform.options(self),
            )
        self.trail = AuditTrail(id=trail.arn, uri=pulumi.Output.concat("s3://", bucket.bucket, "/", _TRAIL_PREFIX))
        self.register_outputs({"trail": trail.arn, "uri": self.trail.uri})

    def _bucket(self, args: AuditArgs, trail_arn: str) -> tuple[aws.s3.Bucket, list[pulumi.Resource]]:
        platform, name = self._platform, f"{self._name}-records"
        bucket = aws.s3.Bucket(
            name,
            object_lock_enabled=True,
            tags=platform.tags(name),
            opts=platform.options(self, protect=args.protect),
        )
        closed, versioning = close_bucket(name, bucket, parent=self, platform=platform)
        aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket.id,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode=args.lock.upper(), days=args.retention_days
                )
            ),
            opts=platform.options(self, depends_on=[versioning]),
        )
        by_key = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms", kms_master_key_id=self._key.id
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_key, bucket_key_enabled=True
                )
            ],
            opts=platform.options(self),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="life",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.retention_days + 1),
                    noncurrent_version_expiration=(
                        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=1)
                    ),
                )
            ],
            opts=platform.options(self, depends_on=[versioning]),
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=document(self._bucket_statements(bucket, trail_arn)),
            opts=platform.options(self, depends_on=[closed]),
        )
        return bucket, [policy]

    def _bucket_statements(self, bucket: aws.s3.Bucket, trail_arn: str) -> list[Statement]:
        everything = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
        statements = [deny("OnlyTls", ["s3:*"], everything, condition={"Bool": {"aws:SecureTransport": "false"}})]
        sources = {
            "cloudtrail": (_TRAIL_PREFIX, {"StringEquals": {"aws:SourceArn": trail_arn}}),
            "config": (_CONFIG_PREFIX, {"StringEquals": {"aws:SourceAccount": self._platform.account_id}}),
        }
        for service, (prefix, condition) in sources.items():
            principal = {"Service": f"{service}.amazonaws.com"}
            objects = [pulumi.Output.concat(bucket.arn, f"/{prefix}/AWSLogs/{self._platform.account_id}/*")]
            looks = ("s3:GetBucketAcl", "s3:ListBucket")
            statements += [
                grant(f"Look{service.title()}", principal, looks, [bucket.arn], condition=condition),
                grant(f"Write{service.title()}", principal, ("s3:PutObject",), objects, condition=condition),
            ]
        return statements

    def _recorder(self, bucket: aws.s3.Bucket, ready: list[pulumi.Resource]) -> None:
        platform, name = self._platform, f"{self._name}-recorder"
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=assumed_by("config.amazonaws.com", account_id=platform.account_id),
            description="Records the configuration of the account's resources",
            tags=platform.tags(f"{name}-role"),
            opts=platform.options(self),
        )
        attached = aws.iam.RolePolicyAttachment(
            f"{name}-reads",
            role=role.name,
            policy_arn=platform.managed_policy("service-role/AWS_ConfigRole"),
            opts=platform.options(self),
        )
        objects = [pulumi.Output.concat(bucket.arn, f"/{_CONFIG_PREFIX}/AWSLogs/{platform.account_id}/*")]
        written = aws.iam.RolePolicy(
            f"{name}-writes",
            role=role.id,
            policy=document(
                [
                    allow("WriteRecords", ("s3:PutObject",), objects),
                    allow("LookAtBucket", ("s3:GetBucketAcl",), [bucket.arn]),
                    allow("Encrypt", ("kms:GenerateDataKey", "kms:Decrypt"), [self._key.id]),
                ]
            ),
            opts=platform.options(self),
        )
        recorder = aws.cfg.Recorder(
            name,
            role_arn=role.arn,
            recording_group=aws.cfg.RecorderRecordingGroupArgs(all_supported=True, include_global_resource_types=True),
            opts=platform.options(self, depends_on=[attached, written]),
        )
        channel = aws.cfg.DeliveryChannel(
            f"{name}-channel",
            s3_bucket_name=bucket.bucket,
            s3_key_prefix=_CONFIG_PREFIX,
            s3_kms_key_arn=self._key.id,
            opts=platform.options(self, depends_on=[recorder, *ready]),
        )
        aws.cfg.RecorderStatus(
            f"{name}-on", name=recorder.name, is_enabled=True, opts=platform.options(self, depends_on=[channel])
        )
