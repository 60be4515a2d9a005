"""Rules that every AWS resource of the suite keeps, checked over all that the components make."""

import inspect
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pulumi
import pytest
from pydantic import BaseModel

from components.aws.tags import REQUIRED_TAGS
from components.contracts import (
    CONTRACTS,
    FOUNDATION_CONTRACTS,
    Capability,
    Foundation,
)
from components.contracts.node_autoscaler import NodeAutoscaler
from tests.contract.aws.examples import everything
from tests.support.aws_account import Deployment, Recorded, can_carry_tags, deploy

PROMISED: Mapping[str, tuple[type, ...]] = {
    "account": (CONTRACTS[Capability.PLATFORM],),
    "karpenter": (NodeAutoscaler,),
    "keys": (FOUNDATION_CONTRACTS[Foundation.KEYS],),
    "network": (FOUNDATION_CONTRACTS[Foundation.NETWORK],),
    "secrets": (CONTRACTS[Capability.SECRETS],),
    "objects": (FOUNDATION_CONTRACTS[Foundation.OBJECT_STORE], CONTRACTS[Capability.VOLUMES]),
    "registry": (FOUNDATION_CONTRACTS[Foundation.IMAGE_REGISTRY],),
    "database": (CONTRACTS[Capability.DATABASE],),
    "cache": (FOUNDATION_CONTRACTS[Foundation.CACHE],),
    "alerts": (FOUNDATION_CONTRACTS[Foundation.ALERTS],),
    "alarms": (FOUNDATION_CONTRACTS[Foundation.ALARMS],),
    "audit": (FOUNDATION_CONTRACTS[Foundation.AUDIT],),
    "backup": (FOUNDATION_CONTRACTS[Foundation.BACKUP],),
    "cost": (FOUNDATION_CONTRACTS[Foundation.COST],),
    "operator-access": (FOUNDATION_CONTRACTS[Foundation.OPERATOR_ACCESS],),
    "telemetry": (FOUNDATION_CONTRACTS[Foundation.TELEMETRY],),
    "edge": (FOUNDATION_CONTRACTS[Foundation.EDGE],),
    "entrance": (FOUNDATION_CONTRACTS[Foundation.LOAD_BALANCER],),
    "entrance-access": (FOUNDATION_CONTRACTS[Foundation.ENTRANCE_ACCESS],),
    "cluster": (FOUNDATION_CONTRACTS[Foundation.CLUSTER],),
    "pools": (FOUNDATION_CONTRACTS[Foundation.GPU_POOLS],),
    "identities": (FOUNDATION_CONTRACTS[Foundation.WORKLOAD_IDENTITY],),
}
# Property by type: what must be there, and must not be empty or false.
ENCRYPTED: Mapping[str, tuple[str, ...]] = {
    "amp/workspace:Workspace": ("kmsKeyArn", "loggingConfiguration"),
    "backup/vault:Vault": ("kmsKeyArn",),
    "sns/topic:Topic": ("kmsMasterKeyId",),
    "sqs/queue:Queue": ("sqsManagedSseEnabled",),
    "cloudtrail/trail:Trail": ("kmsKeyId", "enableLogFileValidation"),
    "cfg/deliveryChannel:DeliveryChannel": ("s3KmsKeyArn",),
    "cloudwatch/logGroup:LogGroup": ("kmsKeyId", "retentionInDays"),
    "ec2/launchTemplate:LaunchTemplate": ("blockDeviceMappings", "metadataOptions"),
    "eks/cluster:Cluster": ("encryptionConfig", "enabledClusterLogTypes"),
    "ecr/repository:Repository": ("encryptionConfigurations",),
    "elasticache/replicationGroup:ReplicationGroup": (
        "atRestEncryptionEnabled",
        "transitEncryptionEnabled",
        "kmsKeyId",
        "authToken",
    ),
    "kms/key:Key": ("enableKeyRotation", "policy"),
    "rds/instance:Instance": ("storageEncrypted", "kmsKeyId", "performanceInsightsKmsKeyId"),
    "secretsmanager/secret:Secret": ("kmsKeyId", "policy"),
}
DATA = {
    "backup/vault:Vault",
    "ecr/repository:Repository",
    "route53/zone:Zone",
    "eks/cluster:Cluster",
    "kms/key:Key",
    "rds/instance:Instance",
    "s3/bucket:Bucket",
}
SECRET_INPUTS = {"password", "authToken", "secretString"}
# Load balancers that read requests write their log by no other key than S3's own.
WRITTEN_BY_S3_KEY = {"entrance-log-id": "AES256"}
# Each bucket has one of each.
BUCKET_GUARDS = (
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "s3/bucketVersioning:BucketVersioning",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "s3/bucketPolicy:BucketPolicy",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "s3/bucketOwnershipControls:BucketOwnershipControls",
)


@cache
def whole() -> tuple[Deployment, dict[str, Any]]:
    components: dict[str, Any] = {}

    def build(platform: Any) -> None:
        components.update(everything(platform))

    return deploy(build), components


def resources() -> tuple[Recorded, ...]:
    return tuple(it for it in whole()[0].resources if it.type.startswith("aws:"))


def policies() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for it in resources():
        for key in ("policy", "assumeRolePolicy"):
            text = it.inputs.get(key)
            if isinstance(text, str) and "Statement" in text:
                for statement in json.loads(text)["Statement"]:
                    yield f"{it.name}: {statement.get('Sid')}", statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_account_is_not_empty() -> None:
    assert len(resources()) > 80


def test_every_foundation_is_provided() -> None:
    assert {contract for contracts in PROMISED.values() for contract in contracts} >= set(FOUNDATION_CONTRACTS.values())


@pytest.mark.parametrize("name", PROMISED)
def test_a_component_satisfies_its_contracts(name: str) -> None:
    _, components = whole()
    assert set(components) == set(PROMISED)
    assert all(isinstance(components[name], contract) for contract in PROMISED[name])


@pytest.mark.parametrize("name", PROMISED)
def test_a_component_takes_frozen_args_and_named_wiring_and_says_what_it_does(name: str) -> None:
    kind = type(whole()[1][name])
    assert issubclass(kind.Args, BaseModel)
    assert kind.Args.model_config["frozen"]
    assert kind.Args.model_config["extra"] == "forbid"
    parameters = list(inspect.signature(kind).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["name", "args"]
    assert {parameter.kind for parameter in parameters[2:]} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters[-1].name == "opts"
    assert kind.__doc__
    assert inspect.getmodule(kind).__doc__


def test_type_tokens_and_names_follow_the_rules() -> None:
    deployment, components = whole()
    tokens = {f"inferloop:aws:{type(it).__name__}" for it in components.values()}
    assert {it.type for it in deployment.resources if it.type.startswith("inferloop:")} == tokens
    for it in deployment.resources:
        if not it.type.startswith("inferloop:"):
            owner = it.parent.rpartition("::")[2]
            assert it.name.startswith(f"{owner}-"), it.name


def test_every_resource_belongs_to_a_component_and_uses_the_accounts_provider() -> None:
    for it in resources():
        assert "inferloop:aws:" in it.parent, it.name
        assert "pulumi:providers:aws::account-provider" in it.provider, it.name


def test_everything_that_can_carries_the_required_tags() -> None:
    tagged = [it for it in resources() if can_carry_tags(it.type)]
    assert len(tagged) > 40
    for it in tagged:
        assert set(it.inputs.get("tags") or {}) >= REQUIRED_TAGS, f"{it.type} {it.name}"
        assert all(it.inputs["tags"].values())


def test_no_policy_allows_every_action_or_anything_on_everything() -> None:
    found = list(policies())
    assert len(found) > 20
    for where, statement in found:
        if statement["Effect"] != "Allow":
            continue
        assert not [action for action in as_list(statement["Action"]) if action.rpartition(":")[2] == "*"], where
        assert statement.get("Principal") not in ("*", {"AWS": "*"}), where
        if "Principal" not in statement and "*" in as_list(statement["Resource"]):
            reads = re.compile(r"\w[\w-]*:(Describe|List|Get|BatchGet|BatchCheck)")
            assert statement.get("Condition") or all(reads.match(it) for it in as_list(statement["Action"])), where


def test_roles_of_services_act_only_for_this_account() -> None:
    roles = [it for it in resources() if it.type == "aws:iam/role:Role"]
    for it in roles:
        for statement in it.document("assumeRolePolicy")["Statement"]:
            services = as_list(statement["Principal"]["Service"])
            # Instances and clusters are of this account by their nature, and send no such condition.
            if not {"ec2.amazonaws.com", "eks.amazonaws.com", "pods.eks.amazonaws.com"} & set(services):
                assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012", it.name


def test_everything_is_encrypted_at_rest_and_in_transit() -> None:
    seen = set()
    for it in resources():
        for key in ENCRYPTED.get(it.type.removeprefix("aws:"), ()):
            assert it.inputs.get(key), f"{it.name}.{key}"
            seen.add(it.type.removeprefix("aws:"))
    assert seen == set(ENCRYPTED)


def test_every_node_disk_is_encrypted_and_every_node_wants_session_tokens_for_its_metadata() -> None:
    templates = [it for it in resources() if it.type == "aws:ec2/launchTemplate:LaunchTemplate"]
    for it in templates:
        for mapping in it.inputs["blockDeviceMappings"]:
            assert (mapping["ebs"]["encrypted"], bool(mapping["ebs"]["kmsKeyId"])) == ("true", True), it.name
        assert it.inputs["metadataOptions"]["httpTokens"] == "required", it.name
        assert it.inputs["metadataOptions"]["httpPutResponseHopLimit"] == 1, it.name
    assert len(templates) == 3


def test_every_bucket_is_closed_versioned_encrypted_and_reached_by_tls_only() -> None:
    buckets = [it for it in resources() if it.type == "aws:s3/bucket:Bucket"]
    for guard in BUCKET_GUARDS:
        guarded = {it.inputs["bucket"] for it in resources() if it.type == f"aws:{guard}"}
        assert guarded == {f"{it.name}-id" for it in buckets}, guard
    for it in resources():
        if it.type == f"aws:{BUCKET_GUARDS[0]}":
            flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
            assert all(it.inputs[flag] is True for flag in flags)
        if it.type == f"aws:{BUCKET_GUARDS[1]}":
            assert it.inputs["versioningConfiguration"]["status"] == "Enabled"
        if it.type == f"aws:{BUCKET_GUARDS[2]}":
            algorithm = it.inputs["rules"][0]["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
            assert algorithm == WRITTEN_BY_S3_KEY.get(it.inputs["bucket"], "aws:kms"), it.name
        if it.type == f"aws:{BUCKET_GUARDS[3]}":
            assert '"aws:SecureTransport": "false"' in it.inputs["policy"]


def test_nothing_is_public_by_default() -> None:
    for it in resources():
        assert it.inputs.get("publiclyAccessible") in (None, False), it.name
        assert it.inputs.get("mapPublicIpOnLaunch") in (None, False), it.name
        assert (it.inputs.get("vpcConfig") or {}).get("endpointPublicAccess") in (None, False), it.name
        if it.type.endswith("SecurityGroupIngressRule"):
            from_group = it.inputs.get("referencedSecurityGroupId")
            assert from_group or ipaddress.ip_network(it.inputs["cidrIpv4"]).is_private, it.name
        if it.type == "aws:ec2/securityGroup:SecurityGroup":
            assert not it.inputs.get("ingress"), it.name


def test_data_is_protected_and_kept_when_it_is_deleted() -> None:
    seen = set()
    for it in resources():
        if it.type.removeprefix("aws:") in DATA:
            assert it.protect, it.name
            assert it.retain, it.name
            seen.add(it.type.removeprefix("aws:"))
    assert seen == DATA


def test_secret_values_reach_the_engine_as_secrets() -> None:
    given = [(it, key) for it in resources() for key in SECRET_INPUTS & set(it.inputs) if it.inputs[key]]
    assert len(given) >= 5
    for it, key in given:
        assert key in it.secret_inputs, f"{it.name}.{key}"


def test_secret_handles_are_secret_and_references_are_not() -> None:
    async def secrecy(handle: Any) -> tuple[bool, bool, bool]:
        parts = (handle.value, handle.reference, handle.revision)
        return tuple([await part.is_secret() for part in parts])  # type: ignore[return-value]

    def build(platform: Any) -> dict[str, Any]:
        made = everything(platform)
        handles = (made["database"].endpoint.dsn, made["cache"].endpoint.url, *made["secrets"].handles.values())
        return {str(index): pulumi.Output.from_input(secrecy(handle)) for index, handle in enumerate(handles)}

    assert set(map(tuple, deploy(build).result.values())) == {(True, False, False)}
