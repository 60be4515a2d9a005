"""S3 buckets and the resources that each set one aspect of a bucket."""

from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.table import EMPTY, Call, Listing, ResourceType, Update


def _aspect(
    type_token: str,
    *,
    put: str,
    get: str,
    delete: Call,
    send: tuple[str, ...],
    into: str = "",
    result: str = "@",
    under: str = "",
    renames: Mapping[str, str] = EMPTY,
    unread: frozenset[str] = frozenset(),
    defaults: Mapping[str, Any] = EMPTY,
) -> ResourceType:
    """Describe a resource whose id is its bucket's name, and which every change writes whole."""
    write = Call(operation=put, params={"Bucket": "{bucket}"}, send=send, into=into)
    return ResourceType(
        type=type_token,
        service="s3",
        id="{bucket}",
        create=write,
        read=(Call(operation=get, params={"Bucket": "{id}"}, result=result, under=under),),
        delete=(delete,),
        updates=(Update(properties=send, call=write),),
        computed={"bucket": "{id}"},
        renames=renames,
        unread=unread,
        defaults=defaults,
        replaces=frozenset({"bucket"}),
        part_of="aws:s3/bucket:Bucket",
    )


OBJECTS = (
    ResourceType(
        type="aws:s3/bucket:Bucket",
        service="s3",
        id="{bucket}",
        create=Call(
            operation="create_bucket",
            params={
                "Bucket": "{bucket}",
                "ObjectLockEnabledForBucket": "{objectLockEnabled}",
                "CreateBucketConfiguration": "{bucketConfiguration}",
            },
        ),
        read=(
            Call(operation="head_bucket", params={"Bucket": "{id}"}, result="{bucket: ''}"),
            Call(operation="get_bucket_tagging", params={"Bucket": "{id}"}, result="{tags: TagSet}", optional=True),
            Call(
                operation="get_object_lock_configuration",
                params={"Bucket": "{id}"},
                result="{objectLockEnabled: ObjectLockConfiguration.ObjectLockEnabled == 'Enabled'}",
                optional=True,
            ),
        ),
        delete=(Call(operation="delete_bucket", params={"Bucket": "{id}"}),),
        computed={
            "bucket": "{id}",
            "arn": "arn:{partition}:s3:::{id}",
            "bucketDomainName": "{id}.s3.amazonaws.com",
            "bucketRegionalDomainName": "{id}.s3.{region}.amazonaws.com",
            "bucketRegion": "{region}",
        },
        replaces=frozenset({"bucket", "objectLockEnabled"}),
        name="bucket",
        listing=Listing(operation="list_buckets", ids="Buckets[].Name"),
        updates=(
            Update(
                properties=("tags",),
                call=Call(
                    operation="put_bucket_tagging", params={"Bucket": "{id}", "Tagging": {"TagSet": "{tagList}"}}
                ),
                on_create=True,
            ),
        ),
    ),
    _aspect(
        "aws:s3/bucketVersioning:BucketVersioning",
        put="put_bucket_versioning",
        get="get_bucket_versioning",
        send=("versioningConfiguration",),
        result="Status && @",
        under="versioningConfiguration",
        delete=Call(
            operation="put_bucket_versioning",
            params={"Bucket": "{id}", "VersioningConfiguration": {"Status": "Suspended"}},
        ),
    ),
    _aspect(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        put="put_bucket_encryption",
        get="get_bucket_encryption",
        send=("rules",),
        into="ServerSideEncryptionConfiguration",
        result="ServerSideEncryptionConfiguration",
        renames={"kmsMasterKeyId": "KMSMasterKeyID"},
        delete=Call(operation="delete_bucket_encryption", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        put="put_public_access_block",
        get="get_public_access_block",
        send=("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
        into="PublicAccessBlockConfiguration",
        result="PublicAccessBlockConfiguration",
        delete=Call(operation="delete_public_access_block", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        put="put_bucket_ownership_controls",
        get="get_bucket_ownership_controls",
        send=("rule",),
        into="OwnershipControls",
        result="OwnershipControls",
        delete=Call(operation="delete_bucket_ownership_controls", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketPolicy:BucketPolicy",
        put="put_bucket_policy",
        get="get_bucket_policy",
        send=("policy",),
        delete=Call(operation="delete_bucket_policy", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        put="put_bucket_lifecycle_configuration",
        get="get_bucket_lifecycle_configuration",
        send=("rules",),
        into="LifecycleConfiguration",
        delete=Call(operation="delete_bucket_lifecycle", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        put="put_bucket_replication",
        get="get_bucket_replication",
        send=("role", "rules"),
        into="ReplicationConfiguration",
        result="ReplicationConfiguration",
        # moto answers every rule with a delete-marker replication of its own.
        unread=frozenset({"rules"}),
        delete=Call(operation="delete_bucket_replication", params={"Bucket": "{id}"}),
    ),
    _aspect(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        put="put_object_lock_configuration",
        get="get_object_lock_configuration",
        send=("objectLockEnabled", "rule"),
        into="ObjectLockConfiguration",
        result="ObjectLockConfiguration",
        delete=Call(
            operation="put_object_lock_configuration",
            params={"Bucket": "{id}", "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
        ),
        defaults={"objectLockEnabled": "Enabled"},
    ),
)
"""The types of this module."""
