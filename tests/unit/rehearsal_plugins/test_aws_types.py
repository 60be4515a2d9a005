"""Table-described types against a real moto server: made, read back without drift, removed."""

from collections.abc import Iterator
from typing import Any

import pytest

from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.aws.plugin import AwsPlugin
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.plugins.provider import ResourceRef, ResourceState

TAGS = {"owner": "a"}


class Cloud:
    def __init__(self, endpoint: str) -> None:
        self.plugin = AwsPlugin(endpoint, None)
        self.plugin.configure({"region": "eu-central-1", "defaultTags": '{"tags": {"stack": "s"}}'})
        self.made: list[tuple[ResourceRef, ResourceState]] = []

    def make(self, token: str, name: str, **inputs: Any) -> str:
        resource = ResourceRef(type=token, name=name, urn=name)
        checked, failures = self.plugin.check(resource, inputs, {}, b"seed")
        assert list(failures) == []
        state = self.plugin.create(resource, checked)
        found = self.plugin.read(resource, state.id, state.properties, checked)
        assert found is not None
        assert self.plugin.diff(resource, found.inputs, checked, ()).changes == {}, token
        self.made.append((resource, state))
        return state.id

    def remove_all(self) -> None:
        while self.made:
            resource, state = self.made.pop()
            self.plugin.delete(resource, state.id, state.properties)
            ends_with_another = resource.type.endswith((":SecretVersion", ":TopicPolicy", ":BucketVersioning"))
            if not ends_with_another:
                assert self.plugin.read(resource, state.id, state.properties, {}) is None, resource.type


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with MotoServer() as server:
        yield Cloud(server.endpoint)


def test_logs_alerts_and_registries_come_back_as_they_were_asked_for(cloud: Cloud) -> None:
    cloud.make("aws:cloudwatch/logGroup:LogGroup", "log", retentionInDays=7, tags=TAGS)
    topic = cloud.make("aws:sns/topic:Topic", "topic", kmsMasterKeyId="alias/aws/sns", tags=TAGS)
    cloud.make("aws:sns/topicPolicy:TopicPolicy", "policy", arn=topic, policy='{"Version":"2012-10-17","Statement":[]}')
    cloud.make("aws:sns/topicSubscription:TopicSubscription", "mail", topic=topic, protocol="email", endpoint="a@b.c")
    cloud.make(
        "aws:ecr/repository:Repository",
        "images",
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfigurations=[{"encryptionType": "KMS"}],
        tags=TAGS,
    )
    cloud.remove_all()


def test_a_database_with_its_groups_comes_back_as_it_was_asked_for(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnets = [
        cloud.make(
            "aws:ec2/subnet:Subnet",
            zone,
            vpcId=vpc,
            cidrBlock=f"10.0.{index}.0/24",
            availabilityZone=f"eu-central-1{zone}",
        )
        for index, zone in enumerate("ab")
    ]
    subnet_group = cloud.make("aws:rds/subnetGroup:SubnetGroup", "subnets", subnetIds=subnets, tags=TAGS)
    parameters = cloud.make(
        "aws:rds/parameterGroup:ParameterGroup",
        "parameters",
        family="postgres17",
        parameters=[{"name": "rds.force_ssl", "value": "1"}],
    )
    cloud.make(
        "aws:rds/instance:Instance",
        "database",
        instanceClass="db.t4g.small",
        engine="postgres",
        allocatedStorage=20,
        username="owner",
        password="not-read-back",
        dbSubnetGroupName=subnet_group,
        parameterGroupName=parameters,
        storageEncrypted=True,
        skipFinalSnapshot=True,
        tags=TAGS,
    )
    cloud.remove_all()


def test_gateways_endpoints_and_inline_policies_come_back_as_they_were_asked_for(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnet = cloud.make("aws:ec2/subnet:Subnet", "subnet", vpcId=vpc, cidrBlock="10.0.0.0/24")
    address = cloud.make("aws:ec2/eip:Eip", "address", domain="vpc", tags=TAGS)
    cloud.make("aws:ec2/natGateway:NatGateway", "nat", allocationId=address, subnetId=subnet, tags=TAGS)
    role = cloud.make("aws:iam/role:Role", "role", assumeRolePolicy='{"Version":"2012-10-17","Statement":[]}')
    allowed = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::x"}]}'
    cloud.make("aws:iam/rolePolicy:RolePolicy", "inline", role=role, policy=allowed)
    bucket = cloud.make("aws:s3/bucket:Bucket", "logs")
    cloud.make(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "owner",
        bucket=bucket,
        rule={"objectOwnership": "BucketOwnerEnforced"},
    )
    cloud.remove_all()


def test_a_refusal_names_the_service_the_call_and_the_reason(cloud: Cloud) -> None:
    with pytest.raises(RehearsalError, match=r"ec2 create_subnet: InvalidVpcID\.NotFound"):
        cloud.make("aws:ec2/subnet:Subnet", "subnet", vpcId="vpc-0", cidrBlock="10.0.0.0/24")


def test_default_tags_are_added_and_the_resource_is_imported_with_all_it_has(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16", tags=TAGS)
    imported = cloud.plugin.read(cloud.made[0][0], vpc, {}, {})
    assert imported is not None
    assert imported.inputs["cidrBlock"] == "10.0.0.0/16"
    assert imported.inputs["tags"] == {"owner": "a", "stack": "s"}
