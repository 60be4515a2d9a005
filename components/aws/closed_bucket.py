"""What every bucket of the suite has: no public access, one owner, and versions. It makes no bucket."""

import pulumi
import pulumi_aws as aws

from components.aws.account import Account


def close_bucket(
    name: str, bucket: aws.s3.Bucket, *, parent: pulumi.Resource, platform: Account
) -> tuple[aws.s3.BucketPublicAccessBlock, aws.s3.BucketVersioning]:
    """Refuse every public access to `bucket`, ignore access lists, and keep versions.

    Returns what a bucket policy and what replication, locks and life cycles must wait for.
    """
    closed = aws.s3.BucketPublicAccessBlock(
        f"{name}-closed",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=platform.options(parent),
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-owner",
        bucket=bucket.id,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=platform.options(parent),
    )
    versioning = aws.s3.BucketVersioning(
        f"{name}-versions",
        bucket=bucket.id,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=platform.options(parent),
    )
    return closed, versioning
