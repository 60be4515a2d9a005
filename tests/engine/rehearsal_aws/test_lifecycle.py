import json
from typing import Any

import pytest

from stacks.rehearsal.aws.inventory import inventory
from tests.support.pulumi_stack import EngineError

pytestmark = pytest.mark.engine

PROGRAM = """
tags = {{"owner": "{owner}"}}
key = aws.kms.Key("key", enable_key_rotation=True, deletion_window_in_days=7, description="data", tags=tags)
aws.kms.Alias("alias", name="alias/rehearsed", target_key_id=key.key_id)
vpc = aws.ec2.Vpc("net", cidr_block="{cidr}", enable_dns_hostnames=True, enable_dns_support=True, tags=tags)
zones = aws.get_availability_zones(state="available")
subnet = aws.ec2.Subnet(
    "subnet", vpc_id=vpc.id, cidr_block="{subnet}", availability_zone=zones.names[0], map_public_ip_on_launch=True
)
gateway = aws.ec2.InternetGateway("internet", vpc_id=vpc.id)
table = aws.ec2.RouteTable("table", vpc_id=vpc.id)
aws.ec2.Route("default", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
aws.ec2.RouteTableAssociation("association", subnet_id=subnet.id, route_table_id=table.id)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="web")
aws.vpc.SecurityGroupIngressRule(
    "https", security_group_id=group.id, ip_protocol="tcp", from_port=443, to_port=443, cidr_ipv4="10.0.0.0/8"
)
bucket = aws.s3.Bucket("data", tags=tags)
aws.s3.BucketVersioning("versions", bucket=bucket.id, versioning_configuration={{"status": "Enabled"}})
aws.s3.BucketPublicAccessBlock(
    "private", bucket=bucket.id, block_public_acls=True, block_public_policy=True, ignore_public_acls=True,
    restrict_public_buckets=True,
)
aws.s3.BucketServerSideEncryptionConfiguration(
    "encryption", bucket=bucket.id,
    rules=[{{
        "apply_server_side_encryption_by_default": {{"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}},
        "bucket_key_enabled": True,
    }}],
)
aws.s3.BucketPolicy("tls", bucket=bucket.id, policy=bucket.arn.apply(lambda arn: json.dumps({{
    "Version": "2012-10-17",
    "Statement": [{{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn],
                   "Condition": {{"Bool": {{"aws:SecureTransport": "false"}}}}}}],
}})))
aws.s3.BucketLifecycleConfiguration("lifecycle", bucket=bucket.id, rules=[{{
    "id": "old", "status": "Enabled", "filter": {{"prefix": ""}},
    "noncurrent_version_expiration": {{"noncurrent_days": 30}},
}}])
trust = aws.iam.get_policy_document(statements=[{{
    "actions": ["sts:AssumeRole"], "principals": [{{"type": "Service", "identifiers": ["pods.eks.amazonaws.com"]}}],
}}])
role = aws.iam.Role("role", assume_role_policy=trust.json, tags=tags)
aws.iam.RolePolicyAttachment("read", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
secret = aws.secretsmanager.Secret("secret")
aws.secretsmanager.SecretVersion("version", secret_id=secret.id, secret_string=pulumi.Output.secret("hunter2-plain"))
workspace = aws.amp.Workspace("metrics", alias="metrics", tags=tags)
aws.ec2.PlacementGroup("together", strategy="cluster", tags=tags)
pulumi.export("bucket", bucket.bucket)
pulumi.export("vpc", vpc.id)
"""
FIRST = {"owner": "one", "cidr": "10.0.0.0/16", "subnet": "10.0.1.0/24"}


def test_a_stack_goes_up_stays_as_it_is_changes_and_leaves_nothing(program: Any) -> None:
    program.write(PROGRAM.format(**FIRST))
    made = program.up()
    assert set(made.values()) == {"create"}
    outputs = program.outputs()
    s3 = program.client("s3")
    rule = s3.get_bucket_encryption(Bucket=outputs["bucket"])["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert s3.get_bucket_versioning(Bucket=outputs["bucket"])["Status"] == "Enabled"
    vpc = program.client("ec2").describe_vpcs(VpcIds=[outputs["vpc"]])["Vpcs"][0]
    assert vpc["Tags"] == [{"Key": "owner", "Value": "one"}]
    assert "hunter2-plain" not in program.state()

    assert program.up() == {}
    program.pulumi("refresh", "--yes", "--skip-preview", "--stack", "t")
    assert program.up() == {}

    program.write(PROGRAM.format(**{**FIRST, "owner": "two"}))
    assert program.up() == dict.fromkeys(["key", "net", "data", "role", "metrics", "together"], "update")
    vpc = program.client("ec2").describe_vpcs(VpcIds=[outputs["vpc"]])["Vpcs"][0]
    assert vpc["Tags"] == [{"Key": "owner", "Value": "two"}]

    assert program.emulated()
    program.pulumi("destroy", "--yes", "--skip-preview", "--stack", "t")
    assert program.emulated() == []
    assert program.client("ec2").describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["false"]}])["Vpcs"] == []
    assert s3.list_buckets()["Buckets"] == []
    assert program.client("iam").list_roles()["Roles"] == []
    assert program.client("secretsmanager").list_secrets()["SecretList"] == []
    emulated = {entry.type: entry.reason for entry in program.journal().entries() if entry.fidelity == "emulated"}
    assert list(emulated) == ["aws:ec2/placementGroup:PlacementGroup"]
    assert emulated["aws:ec2/placementGroup:PlacementGroup"].endswith("has no placement groups")
    assert not any(entry.reason for entry in program.journal().entries() if entry.fidelity == "real")
    assert inventory(program.moto.endpoint, "eu-central-1") == ()


def test_a_replacement_names_the_property_that_causes_it(program: Any) -> None:
    program.write(PROGRAM.format(**FIRST))
    program.up()
    program.write(PROGRAM.format(**{**FIRST, "cidr": "10.1.0.0/16", "subnet": "10.1.1.0/24"}))
    told = json.loads(program.pulumi("preview", "--json", "--stack", "t"))
    reasons = {
        step["urn"].rsplit("::", 1)[-1]: step["replaceReasons"] for step in told["steps"] if step["op"] == "replace"
    }
    assert reasons["net"] == ["cidrBlock"]
    assert set(reasons["subnet"]) == {"vpcId", "cidrBlock"}


def test_a_bucket_made_public_behind_its_back_is_drift_that_up_mends(program: Any) -> None:
    program.write(PROGRAM.format(**FIRST))
    program.up()
    bucket = program.outputs()["bucket"]
    s3 = program.client("s3")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    s3.delete_bucket_policy(Bucket=bucket)
    seen = program.pulumi("refresh", "--yes", "--skip-preview", "--diff", "--stack", "t")
    assert "blockPublicAcls" in seen
    assert program.up() == {"private": "update", "tls": "create"}
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert program.up() == {}


@pytest.mark.parametrize("kind", ["fail", "throttle", "timeout"])
def test_a_second_up_recovers_from_a_call_that_went_wrong(program: Any, kind: str) -> None:
    program.write(
        """
        for name in ("a", "b"):
            aws.s3.Bucket(name)
        """
    )
    program.faults = f"create:aws:s3/bucket:Bucket:2:{kind}"
    with pytest.raises(EngineError, match="--fail"):
        program.up()
    program.up()
    assert len(program.client("s3").list_buckets()["Buckets"]) == 2
    assert program.up() == {}


def test_what_the_cloud_would_refuse_is_refused_before_any_call(program: Any) -> None:
    program.write(
        """
        aws.s3.BucketVersioning("v", bucket=7, versioning_configuration={"status": "Enabled", "mfa": "x"})
        """
    )
    with pytest.raises(EngineError) as refused:
        program.up()
    assert "must be a text, not a number" in refused.value.output
    assert "there is no such property" in refused.value.output
    # The host may report the program's end with a traceback of its own; the plugin never does.
    assert "stacks/rehearsal" not in refused.value.output


def test_a_second_up_recovers_whatever_went_wrong_with_several_types(program: Any) -> None:
    program.write(
        """
        aws.sqs.Queue("queue", message_retention_seconds=300)
        aws.route53.Zone("zone", name="models.example.test")
        aws.backup.Vault("vault")
        aws.wafv2.WebAcl(
            "firewall", scope="REGIONAL", default_action={"allow": {}},
            visibility_config={
                "cloudwatch_metrics_enabled": True, "metric_name": "all", "sampled_requests_enabled": True
            },
        )
        """
    )
    program.faults = ",".join(
        (
            "create:aws:sqs/queue:Queue:1:timeout",
            "create:aws:route53/zone:Zone:1:throttle",
            "create:aws:backup/vault:Vault:1:fail",
            "create:aws:wafv2/webAcl:WebAcl:1:timeout",
        )
    )
    with pytest.raises(EngineError, match="--fail"):
        program.up()
    # The engine stops beginning things at the first failure, so another may come in the next run: once for each type.
    failures = 1
    while failures < 4 and not _succeeds(program):
        failures += 1
    assert program.up() == {}
    assert sorted(item.type for item in inventory(program.moto.endpoint, "eu-central-1")) == [
        "aws:backup/vault:Vault",
        "aws:route53/zone:Zone",
        "aws:sqs/queue:Queue",
        "aws:wafv2/webAcl:WebAcl",
    ]
    program.pulumi("destroy", "--yes", "--skip-preview", "--stack", "t")
    assert inventory(program.moto.endpoint, "eu-central-1") == ()


def _succeeds(program: Any) -> bool:
    try:
        program.up()
    except EngineError:
        return False
    return True
