"""S3 buckets: versioned, encrypted by the stack's key, closed to the public, and reached by TLS only.

Access is granted by workloads' roles, never by a bucket's policy, which only refuses. Deleting a bucket that is
protected takes `protect: false` first, and one that holds objects is never emptied by the engine.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.aws.account import Account
from components.aws.closed_bucket import close_bucket
from components.aws.policy import allow, assumed_by, deny, document
from components.contracts import BucketHandle, KeyHandle, VolumeHandle

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class BucketArgs(BaseModel):
    """One bucket's life. Days count from a version's creation, or from when a newer one replaced it.

    `replicate_to` is the ARN of a bucket in another region or account, `replica_key` the ARN of the key that encrypts
    the copies; that bucket must be versioned, and its owner must let this account's replication role write.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    noncurrent_days: PositiveInt = 30
    archive_after_days: PositiveInt | None = None
    expire_after_days: PositiveInt | None = None
    replicate_to: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}$")] | None = None
    replica_key: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:")] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "BucketArgs":
        if (self.replicate_to is None) != (self.replica_key is None):
            raise ValueError("replicate_to and replica_key go together; give both, or neither")
        if self.archive_after_days and self.expire_after_days and self.archive_after_days >= self.expire_after_days:
            raise ValueError(
                f"archive_after_days {self.archive_after_days} comes too late for expire_after_days "
                f"{self.expire_after_days}; make it smaller"
            )
        return self


class ObjectStoreArgs(BaseModel):
    """The buckets by role."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    buckets: Mapping[Role, BucketArgs]
    protect: bool = True


class ObjectStore(pulumi.ComponentResource):
    """Make one bucket for each role; grant nobody access. Outputs: uris (`s3://…` by role).

    It satisfies the contracts of an object store (`buckets`) and of volumes (`handles`).
    """

    Args: ClassVar[type[ObjectStoreArgs]] = ObjectStoreArgs
    buckets: Mapping[str, BucketHandle]
    handles: Mapping[str, VolumeHandle]

    def __init__(
        self,
        name: str,
        args: ObjectStoreArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:ObjectStore", name, {}, opts)
        self._platform, self._key = platform, key
        self.buckets = {
            role: self._bucket(f"{name}-{role}", bucket, protect=args.protect) for role, bucket in args.buckets.items()
        }
        self.handles = {role: VolumeHandle(uri=bucket.uri) for role, bucket in self.buckets.items()}
        self.register_outputs({"uris": {role: bucket.uri for role, bucket in self.buckets.items()}})

    def _bucket(self, name: str, args: BucketArgs, *, protect: bool) -> BucketHandle:
        platform = self._platform
        bucket = aws.s3.Bucket(
            name, tags=platform.tags(name, backup=True), opts=platform.options(self, protect=protect)
        )
        closed, versioning = close_bucket(name, bucket, parent=self, platform=platform)
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
        everything = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=document(
                [
                    deny("OnlyTls", ["s3:*"], everything, condition={"Bool": {"aws:SecureTransport": "false"}}),
                    deny("OnlyTls12", ["s3:*"], everything, condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
                ]
            ),
            opts=platform.options(self, depends_on=[closed]),
        )
        self._lifecycle(name, bucket, versioning, args)
        if args.replicate_to is not None and args.replica_key is not None:
            self._replicate(name, bucket, versioning, args.replicate_to, args.replica_key)
        return BucketHandle(
            id=bucket.arn, name=bucket.bucket, uri=pulumi.Output.concat("s3://", bucket.bucket), key=self._key
        )

    def _lifecycle(
        self, name: str, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning, args: BucketArgs
    ) -> None:
        archive = [
            aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(
                days=args.archive_after_days, storage_class="INTELLIGENT_TIERING"
            )
        ]
        expiration = aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_after_days)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="life",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=7
                        )
                    ),
                    noncurrent_version_expiration=(
                        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                            noncurrent_days=args.noncurrent_days
                        )
                    ),
                    transitions=archive if args.archive_after_days else None,
                    expiration=expiration if args.expire_after_days else None,
                )
            ],
            opts=self._platform.options(self, depends_on=[versioning]),
        )

    def _replicate(
        self, name: str, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning, target: str, target_key: str
    ) -> None:
        platform = self._platform
        role = aws.iam.Role(
            f"{name}-replication",
            assume_role_policy=assumed_by("s3.amazonaws.com", account_id=platform.account_id),
            description="Copies new objects to another bucket",
            tags=platform.tags(f"{name}-replication"),
            opts=platform.options(self),
        )
        objects = [pulumi.Output.concat(bucket.arn, "/*")]
        reads = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
        writes = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")
        aws.iam.RolePolicy(
            f"{name}-replicate",
            role=role.id,
            policy=document(
                [
                    allow("ReadBucket", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [bucket.arn]),
                    allow("ReadObjects", reads, objects),
                    allow("WriteCopies", writes, [f"{target}/*"]),
                    allow("Decrypt", ["kms:Decrypt"], [self._key.id]),
                    allow("EncryptCopies", ["kms:Encrypt"], [target_key]),
                ]
            ),
            opts=platform.options(self),
        )
        encrypted = aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
            status="Enabled"
        )
        aws.s3.BucketReplicationConfig(
            f"{name}-copies",
            bucket=bucket.id,
            role=role.arn,
            rules=[
                aws.s3.BucketReplicationConfigRuleArgs(
                    id="all",
                    status="Enabled",
                    filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
                    delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
                        status="Enabled"
                    ),
                    source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                        sse_kms_encrypted_objects=encrypted
                    ),
                    destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
                        bucket=target,
                        encryption_configuration=(
                            aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                                replica_kms_key_id=target_key
                            )
                        ),
                    ),
                )
            ],
            opts=platform.options(self, depends_on=[versioning]),
        )
