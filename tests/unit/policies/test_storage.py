import json
from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN, Resource
from tests.support.policies import broken, resource

BUCKET = resource("s3/bucket:Bucket", "bucket", bucket="data")
FLAGS = {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True}
REFUSED = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
ONLY_TLS = {**REFUSED, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}


def of_bucket(kind: str, **properties: Any) -> Resource:
    return resource(f"s3/{kind[0].lower()}{kind[1:]}:{kind}", "part", bucket="data", **properties)


def encryption(algorithm: Any) -> Resource:
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}}]
    return of_bucket("BucketServerSideEncryptionConfiguration", rules=rules)


def policy(*statements: dict[str, Any]) -> Resource:
    return of_bucket("BucketPolicy", policy=json.dumps({"Statement": statements}))


def test_a_bucket_that_nothing_closes_is_found() -> None:
    assert broken("bucket-closed-to-public", BUCKET) == [("bucket", "bucketPublicAccessBlock")]
    assert broken("bucket-closed-to-public", BUCKET, of_bucket("BucketPublicAccessBlock", **FLAGS)) == []


def test_a_block_of_another_bucket_closes_none() -> None:
    other = resource("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket="logs", **FLAGS)
    assert broken("bucket-closed-to-public", BUCKET, other) == [("bucket", "bucketPublicAccessBlock")]


def test_a_block_is_known_by_what_its_bucket_was_computed_from() -> None:
    kind = "s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    block = resource(kind, references={"bucket": BUCKET.urn}, bucket=UNKNOWN, **FLAGS)
    assert broken("bucket-closed-to-public", BUCKET, block) == []


def test_every_flag_of_a_block_counts() -> None:
    block = of_bucket("BucketPublicAccessBlock", **{**FLAGS, "ignorePublicAcls": False})
    assert broken("bucket-closed-to-public", BUCKET, block) == [("part", "ignorePublicAcls")]


def test_an_access_list_that_opens_a_bucket_is_found() -> None:
    block = of_bucket("BucketPublicAccessBlock", **FLAGS)
    assert broken("bucket-closed-to-public", BUCKET, block, of_bucket("BucketAcl", acl="public-read")) == [
        ("part", "acl")
    ]
    assert broken("bucket-closed-to-public", BUCKET, block, of_bucket("BucketAcl", acl="private")) == []


@pytest.mark.parametrize(
    ("algorithm", "stated", "own"),
    [("aws:kms", True, True), ("AES256", True, False), (None, False, True), (UNKNOWN, True, True)],
)
def test_encryption_is_stated_and_by_an_own_key(algorithm: Any, stated: bool, own: bool) -> None:
    assert (broken("bucket-encrypted", BUCKET, encryption(algorithm)) == []) is stated
    assert (broken("bucket-encrypted-by-own-key", BUCKET, encryption(algorithm)) == []) is own


def test_only_the_log_of_an_application_load_balancer_may_lack_an_own_key() -> None:
    for kind, excused in (("application", True), ("network", False)):
        balancer = resource("lb/loadBalancer:LoadBalancer", loadBalancerType=kind, accessLogs={"bucket": "data"})
        found = broken("bucket-encrypted-by-own-key", BUCKET, encryption("AES256"), balancer)
        assert (found == []) is excused


def test_a_bucket_that_answers_without_tls_is_found() -> None:
    assert broken("bucket-tls-only", BUCKET) == [("bucket", "bucketPolicy")]
    assert broken("bucket-tls-only", BUCKET, policy({**ONLY_TLS, "Effect": "Allow"})) == [("bucket", "bucketPolicy")]
    assert broken("bucket-tls-only", BUCKET, policy({**ONLY_TLS, "Principal": {"AWS": "arn:x"}})) != []
    assert broken("bucket-tls-only", BUCKET, policy(REFUSED)) != []
    assert broken("bucket-tls-only", BUCKET, policy({"Effect": "Allow"}, ONLY_TLS)) == []
    assert broken("bucket-tls-only", BUCKET, of_bucket("BucketPolicy", policy=UNKNOWN)) == []
    within = resource("s3/bucket:Bucket", policy=json.dumps({"Statement": ONLY_TLS}))
    assert broken("bucket-tls-only", within) == []


def test_a_bucket_without_versions_is_found() -> None:
    for status, kept in (("Enabled", True), ("Suspended", False), (UNKNOWN, True)):
        versions = of_bucket("BucketVersioning", versioningConfiguration={"status": status})
        assert (broken("bucket-versioned", BUCKET, versions) == []) is kept
    assert broken("bucket-versioned", BUCKET) == [("bucket", "versioning")]


@pytest.mark.parametrize(
    ("kind", "path", "key"),
    [
        ("sns/topic:Topic", "kmsMasterKeyId", "alias/x"),
        ("secretsmanager/secret:Secret", "kmsKeyId", UNKNOWN),
        ("ecr/repository:Repository", "encryptionConfigurations", [{"encryptionType": "KMS", "kmsKey": "k"}]),
    ],
)
def test_what_no_key_of_the_stack_encrypts_is_found(kind: str, path: str, key: Any) -> None:
    assert broken("encrypted-by-own-key", resource(kind)) == [("it", path)]
    assert broken("encrypted-by-own-key", resource(kind, properties={path: key})) == []


def test_a_registry_encrypted_by_the_services_key_is_found() -> None:
    repository = resource("ecr/repository:Repository", encryptionConfigurations=[{"encryptionType": "KMS"}])
    assert broken("encrypted-by-own-key", repository) == [("it", "encryptionConfigurations")]


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, False),
        ({"sqsManagedSseEnabled": False}, False),
        ({"sqsManagedSseEnabled": True}, True),
        ({"kmsMasterKeyId": UNKNOWN}, True),
    ],
)
def test_a_queue_states_how_it_is_encrypted(settings: dict[str, Any], kept: bool) -> None:
    assert (broken("queue-encrypted", resource("sqs/queue:Queue", properties=settings)) == []) is kept


def test_disks_of_every_kind_are_encrypted() -> None:
    volume = resource("ebs/volume:Volume", size=1)
    assert broken("disk-encrypted", volume) == [("it", "encrypted")]
    machine = resource("ec2/instance:Instance", rootBlockDevice={"encrypted": True}, ebsBlockDevices=[{"size": 1}])
    assert broken("disk-encrypted", machine) == [("it", "ebsBlockDevices[0].encrypted")]
    mappings = [{"ebs": {"encrypted": "true"}}, {"ebs": {"encrypted": "false"}}, {"virtualName": "ephemeral0"}]
    template = resource("ec2/launchTemplate:LaunchTemplate", blockDeviceMappings=mappings)
    assert broken("disk-encrypted", template) == [("it", "blockDeviceMappings[1].ebs.encrypted")]


def test_images_cannot_be_replaced_and_are_scanned() -> None:
    careless = resource("ecr/repository:Repository", imageTagMutability="MUTABLE")
    assert broken("image-tags-immutable", careless) == [("it", "imageTagMutability")]
    assert broken("images-scanned", careless) == [("it", "imageScanningConfiguration.scanOnPush")]
    scanned = {"scanOnPush": True}
    careful = resource("ecr/repository:Repository", imageTagMutability="IMMUTABLE", imageScanningConfiguration=scanned)
    assert broken("image-tags-immutable", careful) == broken("images-scanned", careful) == []
