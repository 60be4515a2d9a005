"""The closed bucket that a load balancer writes its access log to."""

from collections.abc import Sequence
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.aws.account import Account
from components.aws.closed_bucket import close_bucket
from components.aws.policy import Statement, deny, document, grant
from components.contracts import KeyHandle

# By layer; sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html and
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html
_WRITERS = {
    4: ("delivery.logs.amazonaws.com", "logs", "*"),
    7: ("logdelivery.elasticloadbalancing.amazonaws.com", "elasticloadbalancing", "loadbalancer/*"),
}


def access_log_bucket(
    name: str,
    *,
    parent: pulumi.Resource,
    platform: Account,
    layer: Literal[4, 7],
    key: KeyHandle | None,
    retention_days: int,
    protect: bool,
) -> tuple[aws.s3.Bucket, Sequence[pulumi.Resource]]:
    """Return a bucket that one kind of load balancer may write to, and what must be there before it does.

    Without `key` objects are encrypted by S3's own key: load balancers of layer 7 write by no other.
    """
    bucket = aws.s3.Bucket(name, tags=platform.tags(name), opts=platform.options(parent, protect=protect))
    closed, versioning = close_bucket(name, bucket, parent=parent, platform=platform)
    by_key = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms" if key is not None else "AES256",
        kms_master_key_id=key.id if key is not None else None,
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=by_key, bucket_key_enabled=key is not None
            )
        ],
        opts=platform.options(parent),
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=bucket.id,
        rules=[
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="life",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=retention_days),
                noncurrent_version_expiration=(
                    aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(noncurrent_days=1)
                ),
            )
        ],
        opts=platform.options(parent, depends_on=[versioning]),
    )
    policy = aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.id,
        policy=document(_statements(bucket, platform, layer)),
        opts=platform.options(parent, depends_on=[closed]),
    )
    return bucket, (policy, encryption)


def _statements(bucket: aws.s3.Bucket, platform: Account, layer: Literal[4, 7]) -> list[Statement]:
    everything = [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]
    writer, service, source = _WRITERS[layer]
    own = {"ArnLike": {"aws:SourceArn": platform.arn(service, source)}}
    objects = [pulumi.Output.concat(bucket.arn, f"/AWSLogs/{platform.account_id}/*")]
    return [
        deny("OnlyTls", ["s3:*"], everything, condition={"Bool": {"aws:SecureTransport": "false"}}),
        grant("Look", {"Service": writer}, ("s3:GetBucketAcl",), [bucket.arn], condition=own),
        grant("Write", {"Service": writer}, ("s3:PutObject",), objects, condition=own),
    ]
