from typing import Any

import pytest

from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.aws.validation import invalid_properties
from stacks.rehearsal.plugins.errors import UnknownTokenError
from stacks.rehearsal.plugins.properties import UNKNOWN

VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (VERSIONING, {"versioningConfiguration": {"status": "Enabled"}}, "bucket", "required"),
        (VERSIONING, {"bucket": "b", "versioningConfiguration": {}}, "versioningConfiguration.status", "required"),
        (VERSIONING, {"bucket": 1, "versioningConfiguration": {"status": "Enabled"}}, "bucket", "must be a text"),
        ("aws:ec2/vpc:Vpc", {"cidrBlok": "x"}, "cidrBlok", "'cidrBlock' is meant?"),
        ("aws:ec2/vpc:Vpc", {"enableDnsSupport": "true"}, "enableDnsSupport", "must be true or false"),
        ("aws:ec2/vpc:Vpc", {"tags": {"a": 1}}, "tags.a", "must be a text"),
        ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": "g5.xlarge"}, "instanceTypes", "must be a list"),
        ("aws:rds/instance:Instance", {"instanceClass": "x", "storageType": "gp9"}, "storageType", "must be one of"),
        ("aws:ec2/vpc:Vpc", {"ipv4NetmaskLength": True}, "ipv4NetmaskLength", "must be a whole number"),
    ],
)
def test_what_the_cloud_would_refuse_is_named(token: str, inputs: dict[str, Any], path: str, reason: str) -> None:
    assert any(
        found.path == path and reason in found.reason for found in invalid_properties(type_schema(token), inputs)
    )


def test_good_inputs_and_unknown_ones_are_accepted() -> None:
    schema = type_schema(VERSIONING)
    assert invalid_properties(schema, {"bucket": UNKNOWN, "versioningConfiguration": {"status": "Enabled"}}) == []


def test_a_type_that_the_sdk_does_not_have_is_refused() -> None:
    for token in ("aws:s3/buckets:Buckets", "gcp:x/y:Z", "Bucket"):
        with pytest.raises(UnknownTokenError):
            type_schema(token)


def test_every_described_type_exists_in_the_sdk_with_the_properties_that_it_names() -> None:
    from stacks.rehearsal.aws.types import RESOURCE_TYPES

    for token, kind in RESOURCE_TYPES.items():
        schema = type_schema(token)
        named = {name.split(".")[0] for name in kind.replaces} | set(kind.defaults) | {kind.name or "id"} - {"id"}
        named |= {name for update in kind.updates for name in update.properties}
        assert named <= set(schema.inputs), (token, named - set(schema.inputs))
