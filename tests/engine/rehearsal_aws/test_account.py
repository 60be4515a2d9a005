"""A whole account of every component on the real engine: up, nothing to do, drift, mended, destroyed, nothing left."""

import json
from typing import Any

import pytest

from stacks.rehearsal.aws.inventory import inventory

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

REGION = "eu-central-1"
# What is protected in production would refuse to be destroyed.
PROGRAM = """
from components.aws.account import Account, AccountArgs
from tests.contract.aws import examples
from tests.support.aws_account import ACCOUNT_ID, REGION, TAGS

for name in dir(examples):
    arguments = getattr(examples, name)
    if name.endswith("Args") and "protect" in arguments.model_fields:
        arguments.model_fields["protect"].default = False
        arguments.model_rebuild(force=True)
made = examples.everything(Account("account", AccountArgs(account_id=ACCOUNT_ID, region=REGION, tags=TAGS)))
pulumi.export("cluster", made["cluster"].cluster.name)
pulumi.export("network", made["network"].network.id)
"""
ENDPOINT = "https://127.0.0.1:6443"
AUTHORITY = "cmVoZWFyc2Fs"


def test_a_whole_account_goes_up_stays_drifts_is_mended_and_leaves_nothing(program: Any) -> None:
    program.environment["INFERLOOP_REHEARSAL_CLUSTER_ENDPOINT"] = ENDPOINT
    program.environment["INFERLOOP_REHEARSAL_CLUSTER_CA"] = AUTHORITY
    program.write(PROGRAM)
    program.up()
    cluster = program.outputs()["cluster"]
    _network_spans_three_zones(program, program.outputs()["network"])
    _cluster_is_as_asked(program, cluster)
    _data_is_encrypted(program)

    _nothing_changes(program)

    groups = _spoil(program, cluster)
    seen = program.pulumi("refresh", "--yes", "--skip-preview", "--diff", "--stack", "t")
    assert "blockPublicAcls" in seen
    assert "s3:*" in seen
    mended = program.up()
    assert sorted(mended.values()) == ["create", "update", "update"], mended
    assert len(program.client("eks").list_nodegroups(clusterName=cluster)["nodegroups"]) == groups
    _nothing_changes(program)

    program.pulumi("destroy", "--yes", "--skip-preview", "--stack", "t")
    assert inventory(program.moto.endpoint, REGION) == ()
    assert program.emulated() == []
    emulated = {entry.type: entry.reason for entry in program.journal().entries() if entry.fidelity == "emulated"}
    assert all(reason.startswith("moto ") for reason in emulated.values()), emulated


def _network_spans_three_zones(program: Any, vpc: str) -> None:
    subnets = program.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    zones = {zone: sum(subnet["AvailabilityZone"] == zone for subnet in subnets) for zone in _zones(subnets)}
    assert zones == {"eu-central-1a": 3, "eu-central-1b": 3, "eu-central-1c": 3}
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets if "isolated" in _name(subnet))


def _zones(subnets: list[dict[str, Any]]) -> set[str]:
    return {subnet["AvailabilityZone"] for subnet in subnets}


def _name(subnet: dict[str, Any]) -> str:
    return next((tag["Value"] for tag in subnet["Tags"] if tag["Key"] == "Name"), "")


def _cluster_is_as_asked(program: Any, cluster: str) -> None:
    eks, iam = program.client("eks"), program.client("iam")
    found = eks.describe_cluster(name=cluster)["cluster"]
    assert found["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert found["encryptionConfig"][0]["resources"] == ["secrets"]
    groups = [
        eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    ]
    assert {group["capacityType"] for group in groups} == {"ON_DEMAND", "SPOT"}
    gpu = [group for group in groups if group.get("taints")]
    assert all({"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"} in it["taints"] for it in gpu)
    nodes = groups[0]["nodeRole"].rpartition("/")[2]
    attached = iam.list_attached_role_policies(RoleName=nodes)["AttachedPolicies"]
    assert "AmazonEKSWorkerNodePolicy" in {policy["PolicyName"] for policy in attached}
    # The program's own kubeconfig leads to the rehearsal's API server.
    assert f'"{ENDPOINT}"' in program.state()
    assert AUTHORITY in program.state()


def _data_is_encrypted(program: Any) -> None:
    s3, kms = program.client("s3"), program.client("kms")
    for bucket in s3.list_buckets()["Buckets"]:
        rules = s3.get_bucket_encryption(Bucket=bucket["Name"])["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("aws:kms", "AES256")
        assert s3.get_public_access_block(Bucket=bucket["Name"])["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    own = [key for key in kms.list_aliases()["Aliases"] if not key["AliasName"].startswith("alias/aws/")]
    assert own
    assert all(kms.get_key_rotation_status(KeyId=key["TargetKeyId"])["KeyRotationEnabled"] for key in own)
    database = program.client("rds").describe_db_instances()["DBInstances"][0]
    assert database["StorageEncrypted"]
    assert database["MultiAZ"]


def _spoil(program: Any, cluster: str) -> int:
    """Make a bucket public, widen a role's policy and delete a node group; return how many there were."""
    s3, iam, eks = program.client("s3"), program.client("iam"), program.client("eks")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    role, policy = next(
        (role["RoleName"], name)
        for role in iam.list_roles()["Roles"]
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    )
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(everything))
    names = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    eks.delete_nodegroup(clusterName=cluster, nodegroupName=names[-1])
    return len(names)


def _nothing_changes(program: Any) -> None:
    assert program.up() == {}
