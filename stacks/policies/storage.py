"""Buckets, disks, queues, secrets and images: closed, encrypted, versioned, and unchangeable where they must be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.identity import everybody_in, statements_of
from stacks.policies.policy import ALWAYS, FROM_PILOT, Policy, Severity
from stacks.policies.resource import (
    UNKNOWN,
    Finding,
    Options,
    Resource,
    as_list,
    belongs_to,
    finding,
    is_on,
    is_stated,
    of_type,
    value_at,
)

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BLOCKS = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",)
_BLOCK_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ACLS = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2")
_PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "website")
_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
_BY_KEY = ("aws:kms", "aws:kms:dsse", UNKNOWN)
_BUCKET_POLICIES = ("aws:s3/bucketPolicy:BucketPolicy",)
_VERSIONING = ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2")
_LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_QUEUE = "aws:sqs/queue:Queue"
_REPOSITORY = "aws:ecr/repository:Repository"
# Property of each type that names the stack's own key; a service's key cannot be revoked, nor its use be audited.
_KEY_PROPERTIES: Mapping[str, str] = {
    "aws:amp/workspace:Workspace": "kmsKeyArn",
    "aws:backup/vault:Vault": "kmsKeyArn",
    "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
    "aws:ebs/volume:Volume": "kmsKeyId",
    "aws:efs/fileSystem:FileSystem": "kmsKeyId",
    "aws:elasticache/replicationGroup:ReplicationGroup": "kmsKeyId",
    "aws:rds/cluster:Cluster": "kmsKeyId",
    "aws:rds/instance:Instance": "kmsKeyId",
    "aws:secretsmanager/secret:Secret": "kmsKeyId",
    "aws:sns/topic:Topic": "kmsMasterKeyId",
    _REPOSITORY: "encryptionConfigurations",
}
# Property of each type that holds disks, and where in one of them its encryption is switched on.
_DISKS: Mapping[str, Mapping[str, str]] = {
    "aws:ebs/volume:Volume": {"": "encrypted"},
    "aws:efs/fileSystem:FileSystem": {"": "encrypted"},
    "aws:ec2/instance:Instance": {"rootBlockDevice": "encrypted", "ebsBlockDevices": "encrypted"},
    "aws:ec2/launchTemplate:LaunchTemplate": {"blockDeviceMappings": "ebs.encrypted"},
}


def _parts(resources: Sequence[Resource], bucket: Resource, types: tuple[str, ...]) -> list[Resource]:
    """Return the resources of `types` that say something about `bucket`."""
    return [it for it in of_type(resources, *types) if belongs_to(it, "bucket", bucket, "bucket", "id")]


def _check_closed(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    for bucket in of_type(resources, *BUCKETS):
        blocks = _parts(resources, bucket, _BLOCKS)
        if not blocks:
            yield finding(
                bucket,
                "bucketPublicAccessBlock",
                "nothing blocks public access to the bucket",
                f"add a BucketPublicAccessBlock with {', '.join(_BLOCK_FLAGS)} (components/aws/closed_bucket.py)",
            )
        for block in blocks:
            open_flags = [flag for flag in _BLOCK_FLAGS if not is_on(block.get(flag))]
            if open_flags:
                yield finding(
                    block, open_flags[0], f"{', '.join(open_flags)} are not set", "set all four flags to true"
                )
        for part in (bucket, *_parts(resources, bucket, _ACLS)):
            if part.get("acl") in _PUBLIC_ACLS:
                yield finding(part, "acl", f"{part.get('acl')} opens the bucket", "remove the list; grant by roles")


def _algorithms(resources: Sequence[Resource], bucket: Resource) -> list[Any]:
    """Return how objects of `bucket` are encrypted by default."""
    path = "applyServerSideEncryptionByDefault.sseAlgorithm"
    found: list[Any] = []
    for part in _parts(resources, bucket, _ENCRYPTION):
        rules = part.get("rules")
        found += [UNKNOWN] if rules is UNKNOWN else [value_at(rule, path) for rule in as_list(rules)]
    return found


def _check_encrypted(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    for bucket in of_type(resources, *BUCKETS):
        if not any(_algorithms(resources, bucket)):
            yield finding(
                bucket,
                "serverSideEncryptionConfiguration",
                "nothing states how objects are encrypted",
                "add a BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms and kmsMasterKeyId",
            )


def _check_bucket_key(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    balancers = [
        it for it in of_type(resources, _LOAD_BALANCER) if it.get("loadBalancerType") in (None, "application", UNKNOWN)
    ]
    for bucket in of_type(resources, *BUCKETS):
        # Application load balancers write their log by S3's own key and no other:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        if any(belongs_to(it, "accessLogs.bucket", bucket, "bucket", "id") for it in balancers):
            continue
        algorithms = _algorithms(resources, bucket)
        if any(algorithms) and not any(algorithm in _BY_KEY for algorithm in algorithms):
            yield finding(
                bucket,
                "serverSideEncryptionConfiguration",
                "objects are encrypted by no key of the stack",
                "set sseAlgorithm to aws:kms and kmsMasterKeyId to a key of components/aws/keys.py",
            )


def _check_tls(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    for bucket in of_type(resources, *BUCKETS):
        documents = [it.get("policy") for it in _parts(resources, bucket, _BUCKET_POLICIES)]
        # What is not known before the update is looked at in the update.
        if UNKNOWN not in documents and not any(_denies_plain(it) for it in (*documents, bucket.get("policy"))):
            yield finding(
                bucket,
                "bucketPolicy",
                "requests without TLS are answered",
                'add a BucketPolicy that denies s3:* where "aws:SecureTransport" is "false"',
            )


def _denies_plain(document: Any) -> bool:
    return any(
        statement.get("Effect") == "Deny"
        and everybody_in(statement)
        and str(value_at(statement, "Condition.Bool") and statement["Condition"]["Bool"].get("aws:SecureTransport"))
        in ("false", "False")
        for statement in statements_of(document)
    )


def _check_versioned(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    for bucket in of_type(resources, *BUCKETS):
        states = [it.get("versioningConfiguration.status") for it in _parts(resources, bucket, _VERSIONING)]
        if not any(state in ("Enabled", UNKNOWN) for state in states):
            yield finding(
                bucket,
                "versioning",
                "an overwritten or deleted object is lost",
                "add a BucketVersioning with status Enabled",
            )


def _check_own_key(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = _KEY_PROPERTIES[resource.type]
    value = resource.get(path)
    if resource.type == _REPOSITORY:
        stated = value is UNKNOWN or any(is_stated(value_at(it, "kmsKey")) for it in as_list(value))
    else:
        stated = is_stated(value)
    if not stated:
        yield finding(resource, path, "is encrypted by no key of the stack", f"set {path} (components/aws/keys.py)")


def _check_queue(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = "sqsManagedSseEnabled"
    if not is_on(resource.get(path)) and not is_stated(resource.get("kmsMasterKeyId")):
        yield finding(resource, path, "nothing states how messages are encrypted", f"set {path} or kmsMasterKeyId")


def _check_disks(resource: Resource, _options: Options) -> Iterator[Finding]:
    for path, switch in _DISKS[resource.type].items():
        for index, disk in enumerate(as_list(resource.get(path)) if path else [resource.properties]):
            where = f"{path}[{index}].{switch}" if path else switch
            # A mapping without `ebs` is of a disk that belongs to the machine, or of none.
            if "." in switch and not is_stated(value_at(disk, switch.partition(".")[0])):
                continue
            if not is_on(value_at(disk, switch)):
                yield finding(resource, where, "the disk is not encrypted", f"set {switch} to true")


def _check_immutable(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = "imageTagMutability"
    if resource.get(path) not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", UNKNOWN):
        yield finding(resource, path, "a tag can be moved to another image", f"set {path} to IMMUTABLE")


def _check_scanned(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = "imageScanningConfiguration.scanOnPush"
    if not is_on(resource.get(path)):
        yield finding(resource, path, "images are not scanned for vulnerabilities", f"set {path} to true")


POLICIES = (
    Policy(
        name="bucket-closed-to-public",
        description="Every bucket blocks public access lists and public policies.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset(BUCKETS),
        check_stack=_check_closed,
    ),
    Policy(
        name="bucket-encrypted",
        description="Every bucket states how its objects are encrypted.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=frozenset(BUCKETS),
        check_stack=_check_encrypted,
    ),
    Policy(
        name="bucket-encrypted-by-own-key",
        description="Every bucket that can encrypts its objects by a key of the stack.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_CONFIDENTIAL),
        enforcement=FROM_PILOT,
        types=frozenset(BUCKETS),
        check_stack=_check_bucket_key,
    ),
    Policy(
        name="bucket-tls-only",
        description="Every bucket refuses requests without TLS.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_TRANSMISSION, Control.SOC2_TRANSMISSION),
        enforcement=ALWAYS,
        types=frozenset(BUCKETS),
        check_stack=_check_tls,
    ),
    Policy(
        name="bucket-versioned",
        description="Every bucket keeps the versions of its objects.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_RESTORE, Control.HIPAA_INTEGRITY, Control.SOC2_AVAILABILITY_BACKUP),
        enforcement=FROM_PILOT,
        types=frozenset(BUCKETS),
        check_stack=_check_versioned,
    ),
    Policy(
        name="encrypted-by-own-key",
        description="Whatever keeps data, logs, secrets or images is encrypted by a key of the stack.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_CONFIDENTIAL),
        enforcement=FROM_PILOT,
        types=frozenset(_KEY_PROPERTIES),
        check=_check_own_key,
    ),
    Policy(
        name="queue-encrypted",
        description="Every queue states how its messages are encrypted, by the service's own key at least.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=frozenset({_QUEUE}),
        check=_check_queue,
    ),
    Policy(
        name="disk-encrypted",
        description="Every disk and file system is encrypted.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=frozenset(_DISKS),
        check=_check_disks,
    ),
    Policy(
        name="image-tags-immutable",
        description="A tag of an image registry names the same image for ever.",
        severity=Severity.MEDIUM,
        controls=(Control.HIPAA_INTEGRITY, Control.SOC2_UNAUTHORIZED_SOFTWARE, Control.SOC2_CHANGES),
        enforcement=ALWAYS,
        types=frozenset({_REPOSITORY}),
        check=_check_immutable,
    ),
    Policy(
        name="images-scanned",
        description="Images are scanned for known vulnerabilities when they are pushed.",
        severity=Severity.MEDIUM,
        controls=(Control.HIPAA_MALICIOUS_SOFTWARE, Control.SOC2_UNAUTHORIZED_SOFTWARE, Control.SOC2_DETECTION),
        enforcement=ALWAYS,
        types=frozenset({_REPOSITORY}),
        check=_check_scanned,
    ),
)
