"""Table-described types against a real moto server: made, read back without drift, changed, removed."""

import json

import pytest

from stacks.rehearsal.plugins.errors import RehearsalError
from tests.support.aws_rehearsal import Cloud

TAGS = {"owner": "a"}
TRUST = '{"Version":"2012-10-17","Statement":[]}'


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
        kmsKeyId="arn:aws:kms:eu-central-1:123456789012:key/0a1b",
        multiAz=True,
        engineVersion="17.4",
        storageType="gp3",
        maintenanceWindow="sun:04:00-sun:05:00",
        backupWindow="02:00-03:00",
        enabledCloudwatchLogsExports=["postgresql"],
        copyTagsToSnapshot=True,
        deletionProtection=True,
        skipFinalSnapshot=True,
        tags=TAGS,
    )
    rds = cloud.client("rds")
    name = cloud.made["database"][1].id
    rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=False, EngineVersion="17.5", ApplyImmediately=True)
    assert set(cloud.drift("database")) == {"multiAz", "engineVersion"}
    with pytest.raises(RehearsalError, match="Cannot delete protected DB Instance"):
        cloud.plugin.delete(cloud.made["database"][0], name, cloud.made["database"][1].properties)
    cloud.change(
        "database",
        deletionProtection=False,
        backupWindow="03:00-03:30",
        enabledCloudwatchLogsExports=["upgrade"],
        tags={"owner": "b"},
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
    imported = cloud.plugin.read(cloud.made["vpc"][0], vpc, {}, {})
    assert imported is not None
    assert imported.inputs["cidrBlock"] == "10.0.0.0/16"
    assert imported.inputs["tags"] == {"owner": "a", "stack": "s"}


def test_each_route_of_a_table_is_read_by_its_own_destination(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    internet = cloud.make("aws:ec2/internetGateway:InternetGateway", "internet", vpcId=vpc)
    subnet = cloud.make("aws:ec2/subnet:Subnet", "subnet", vpcId=vpc, cidrBlock="10.0.0.0/24")
    address = cloud.make("aws:ec2/eip:Eip", "address", domain="vpc")
    nat = cloud.make("aws:ec2/natGateway:NatGateway", "nat", allocationId=address, subnetId=subnet)
    table = cloud.make("aws:ec2/routeTable:RouteTable", "table", vpcId=vpc)
    route = "aws:ec2/route:Route"
    cloud.make(route, "default", routeTableId=table, destinationCidrBlock="0.0.0.0/0", gatewayId=internet)
    cloud.make(route, "office", routeTableId=table, destinationCidrBlock="192.168.0.0/16", natGatewayId=nat)
    cloud.client("ec2").replace_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=internet)
    assert cloud.drift("default") == {}
    assert set(cloud.drift("office")) == {"natGatewayId"}
    cloud.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16")
    assert not cloud.is_there("office")
    del cloud.made["office"]
    cloud.remove_all()


def test_endpoints_and_flow_logs_are_read_back_and_changed_in_place(cloud: Cloud) -> None:
    vpc = cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    subnets = [
        cloud.make("aws:ec2/subnet:Subnet", f"subnet-{index}", vpcId=vpc, cidrBlock=f"10.0.{index}.0/24")
        for index in range(2)
    ]
    tables = [cloud.make("aws:ec2/routeTable:RouteTable", f"table-{index}", vpcId=vpc) for index in range(2)]
    group = cloud.make("aws:ec2/securityGroup:SecurityGroup", "group", vpcId=vpc)
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    service = "com.amazonaws.eu-central-1"
    cloud.make(
        endpoint,
        "interface",
        vpcId=vpc,
        serviceName=f"{service}.sts",
        vpcEndpointType="Interface",
        subnetIds=subnets[:1],
        securityGroupIds=[group],
        privateDnsEnabled=True,
        policy=TRUST,
        tags=TAGS,
    )
    cloud.make(
        endpoint,
        "gateway",
        vpcId=vpc,
        serviceName=f"{service}.s3",
        vpcEndpointType="Gateway",
        routeTableIds=tables[:1],
        tags=TAGS,
    )
    cloud.change("interface", subnetIds=subnets)
    cloud.change("gateway", routeTableIds=tables)
    cloud.client("ec2").modify_vpc_endpoint(VpcEndpointId=cloud.made["gateway"][1].id, RemoveRouteTableIds=tables[:1])
    assert cloud.drift("gateway")
    role = cloud.make("aws:iam/role:Role", "writer", assumeRolePolicy=TRUST)
    log = cloud.make("aws:cloudwatch/logGroup:LogGroup", "log", tags=TAGS)
    assert role
    cloud.make(
        "aws:ec2/flowLog:FlowLog",
        "flow",
        vpcId=vpc,
        trafficType="ALL",
        logDestination=cloud.output("log", "arn"),
        logDestinationType="cloud-watch-logs",
        iamRoleArn=cloud.output("writer", "arn"),
        maxAggregationInterval=600,
        tags=TAGS,
    )
    assert log
    cloud.remove_all()


def test_a_replicated_bucket_and_a_registry_s_lifecycle_are_read_back(cloud: Cloud) -> None:
    source, copy = (cloud.make("aws:s3/bucket:Bucket", name, tags=TAGS) for name in ("source", "copy"))
    for name in ("source", "copy"):
        cloud.make(
            "aws:s3/bucketVersioning:BucketVersioning",
            f"{name}-versions",
            bucket=cloud.made[name][1].id,
            versioningConfiguration={"status": "Enabled"},
        )
    cloud.make("aws:iam/role:Role", "copier", assumeRolePolicy=TRUST)
    cloud.make(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "replication",
        bucket=source,
        role=cloud.output("copier", "arn"),
        rules=[{"id": "all", "status": "Enabled", "destination": {"bucket": f"arn:aws:s3:::{copy}"}}],
    )
    cloud.client("s3").delete_bucket_replication(Bucket=source)
    assert not cloud.is_there("replication")
    del cloud.made["replication"]
    registry = cloud.make("aws:ecr/repository:Repository", "images", tags=TAGS)
    rules = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan",
             "countNumber": 5}, "action": {"type": "expire"}}]}  # fmt: skip
    cloud.make("aws:ecr/lifecyclePolicy:LifecyclePolicy", "keep", repository=registry, policy=json.dumps(rules))
    cloud.remove_all()


def test_a_policy_that_was_changed_behind_its_back_is_drift(cloud: Cloud) -> None:
    cloud.make("aws:iam/role:Role", "role", assumeRolePolicy=TRUST, tags=TAGS)
    name = cloud.made["role"][1].id
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    cloud.make("aws:iam/rolePolicy:RolePolicy", "inline", role=name, policy=json.dumps(allowed))
    iam = cloud.client("iam")
    allowed["Statement"][0]["Action"] = "s3:*"  # type: ignore[index]
    iam.put_role_policy(RoleName=name, PolicyName=cloud.output("inline", "name"), PolicyDocument=json.dumps(allowed))
    assert set(cloud.drift("inline")) == {"policy"}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    iam.tag_role(RoleName=name, Tags=[{"Key": "owner", "Value": "someone"}])
    assert set(cloud.drift("role")) == {"assumeRolePolicy", "tags.owner"}
    cloud.remove_all()
