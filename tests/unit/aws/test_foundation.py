"""What each of the account's foundations makes, and which settings it refuses."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from components.aws.account import Account, AccountArgs
from components.aws.alerts import AlertsArgs
from components.aws.backup import BackupArgs
from components.aws.cache import CacheArgs
from components.aws.cluster import ClusterArgs
from components.aws.cost import CostArgs
from components.aws.image_registry import ImageRegistryArgs
from components.aws.keys import PURPOSES, Keys, KeysArgs
from components.aws.network import Network, NetworkArgs
from components.aws.object_store import BucketArgs, ObjectStore, ObjectStoreArgs
from components.aws.postgres import PostgresArgs
from components.aws.secrets import Secrets, SecretsArgs
from components.contracts import SubnetTier
from tests.support.aws_account import ACCOUNT_ID, TAGS, Deployment, deploy

ADMIN = "arn:aws:iam::123456789012:role/platform"


def keys(platform: Account) -> Any:
    return Keys("keys", KeysArgs(), platform=platform).handles


def network(nat: str, zones: tuple[str, ...] = ()) -> Deployment:
    def build(platform: Account) -> Any:
        args = NetworkArgs.model_validate({"nat": nat})
        return Network("network", args, platform=platform, log_key=keys(platform)["logs"]).network

    return deploy(build, zones=zones)


@pytest.mark.parametrize(("nat", "gateways"), [("none", 0), ("single", 1), ("per_zone", 3)])
def test_the_number_of_ways_out_is_a_setting(nat: str, gateways: int) -> None:
    made = network(nat)
    assert len(made.all("ec2/natGateway:NatGateway")) == gateways
    assert len(made.result.egress_addresses) == gateways
    routes = [it for it in made.all("ec2/route:Route") if it.inputs.get("natGatewayId")]
    assert len(routes) == (3 if gateways else 0)
    assert len({it.inputs["natGatewayId"] for it in routes}) == gateways


def test_isolated_subnets_have_no_way_out_and_everything_reaches_s3() -> None:
    made = network("per_zone")
    isolated = f"{made.one('ec2/routeTable:RouteTable', '-isolated-routes').name}-id"
    assert isolated not in {it.inputs["routeTableId"] for it in made.all("ec2/route:Route")}
    gateway = made.one("ec2/vpcEndpoint:VpcEndpoint", "-s3")
    assert len(gateway.inputs["routeTableIds"]) == 5
    services = {
        it.inputs["serviceName"].rpartition("eu-central-1.")[2] for it in made.all("ec2/vpcEndpoint:VpcEndpoint")
    }
    assert services == {"s3", "ecr.api", "ecr.dkr", "sts", "logs"}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_zones_come_from_the_settings(count: int) -> None:
    zones = tuple(f"eu-central-1{letter}" for letter in "abcd"[:count])
    made = network("single", zones)
    assert made.result.zones == zones
    assert len(made.all("ec2/subnet:Subnet")) == 3 * count
    assert all(len(made.result.subnets[tier]) == count for tier in SubnetTier)


def test_all_traffic_is_logged_to_an_encrypted_group_by_a_role_that_can_do_nothing_else() -> None:
    made = network("single")
    log = made.one("ec2/flowLog:FlowLog")
    assert log.inputs["trafficType"] == "ALL"
    (statement,) = made.one("iam/rolePolicy:RolePolicy", "-flow-log-write").document()["Statement"]
    assert [it.partition(":")[0] for it in statement["Action"]] == ["logs"] * 3
    assert statement["Resource"] == [f"{log.inputs['logDestination']}:*"]


def test_each_purpose_has_a_rotated_key_that_only_its_services_use() -> None:
    made = deploy(keys)
    assert set(made.result) == set(PURPOSES)
    for key in made.all("kms/key:Key"):
        assert key.inputs["enableKeyRotation"] is True
        administration, *uses = key.document()["Statement"]
        assert not {"kms:Decrypt", "kms:Encrypt", "kms:*"} & set(administration["Action"])
        assert uses
        assert all(use["Condition"] for use in uses)
    database = made.one("kms/key:Key", "-database").document()["Statement"][1]
    assert database["Condition"]["StringEquals"]["kms:ViaService"] == [
        "rds.eu-central-1.amazonaws.com",
        "secretsmanager.eu-central-1.amazonaws.com",
    ]


def test_the_logs_key_serves_only_log_groups_of_the_account() -> None:
    statement = deploy(keys).one("kms/key:Key", "-logs").document()["Statement"][1]
    assert statement["Principal"] == {"Service": ["logs.eu-central-1.amazonaws.com"]}
    assert f":{ACCOUNT_ID}:log-group:*" in json.dumps(statement["Condition"])


def test_the_provider_refuses_any_other_account() -> None:
    made = deploy(lambda platform: platform.description)
    (provider,) = [it for it in made.resources if it.type == "pulumi:providers:aws"]
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ACCOUNT_ID]
    assert made.result == {"account_id": ACCOUNT_ID, "region": "eu-central-1"}


def test_a_bucket_is_copied_elsewhere_only_by_setting() -> None:
    target, target_key = "arn:aws:s3:::copies", "arn:aws:kms:eu-west-1:1:key/2"

    def build(platform: Account) -> Any:
        buckets = {"plain": BucketArgs(), "copied": BucketArgs(replicate_to=target, replica_key=target_key)}
        args = ObjectStoreArgs(buckets=buckets, protect=False)
        return ObjectStore("objects", args, platform=platform, key=keys(platform)["objects"]).buckets

    made = deploy(build)
    copies = made.one("s3/bucketReplicationConfig:BucketReplicationConfig")
    assert copies.name == "objects-copied-copies"
    assert copies.inputs["rules"][0]["destination"]["bucket"] == target
    assert made.result["plain"].uri == "s3://objects-plain"
    assert not any(it.protect for it in made.all("s3/bucket:Bucket"))


def test_a_secret_is_rotated_by_raising_its_generation_alone() -> None:
    def build(platform: Account) -> Any:
        args = SecretsArgs(names=("one", "two"), generations={"two": 2})
        return Secrets("secrets", args, platform=platform, key=keys(platform)["secrets"]).handles

    made = deploy(build)
    generations = {it.name: it.inputs["generation"] for it in made.resources if it.type.endswith(":GeneratedValue")}
    assert generations == {"secrets-one-value": 1, "secrets-two-value": 2}
    assert made.result["one"].reference.startswith("arn:aws:secretsmanager")
    assert made.result["one"].value == "0123456789abcdef"


ACCOUNT = {"account_id": ACCOUNT_ID, "region": "eu-central-1", "tags": TAGS.model_dump()}
REFUSED = [
    (AccountArgs, {**ACCOUNT, "account_id": "12"}, "account_id"),
    (AccountArgs, {**ACCOUNT, "region": "moon-1"}, "known are af-south-1"),
    (AccountArgs, {**ACCOUNT, "zones": ["us-east-1a"]}, "write them like eu-central-1a"),
    (AccountArgs, {**ACCOUNT, "zones": ["eu-central-1a", "eu-central-1a"]}, "named twice"),
    (NetworkArgs, {"cidr": "8.8.0.0/16"}, "not private"),
    (NetworkArgs, {"nat": "two"}, "per_zone"),
    (NetworkArgs, {"flow_log_retention_days": 40}, "take 60"),
    (NetworkArgs, {"zones": 3}, "Extra inputs"),
    (KeysArgs, {"purposes": ["fun"]}, "purposes are alerts"),
    (KeysArgs, {"rotation_days": 10}, "greater than or equal to 90"),
    (BucketArgs, {"replicate_to": "arn:aws:s3:::copies"}, "go together"),
    (BucketArgs, {"archive_after_days": 30, "expire_after_days": 30}, "make it smaller"),
    (SecretsArgs, {"names": ["a"], "generations": {"b": 2}}, "secrets are a"),
    (ImageRegistryArgs, {"images": ["x"], "pull_through": {"hub": "registry-1.docker.io"}}, "upstream_credentials.hub"),
    (ImageRegistryArgs, {"images": ["x"], "upstream_credentials": {"hub": "arn"}}, "pull_through does not"),
    (PostgresArgs, {"engine_version": "12"}, "take one of 15, 16, 17"),
    (PostgresArgs, {"user": "postgres"}, "take another"),
    (PostgresArgs, {"storage_gib": 100, "max_storage_gib": 110}, "give at least 127"),
    (CacheArgs, {"engine_version": "6"}, "take one of 7.2, 8.0"),
    (ClusterArgs, {"version": "1.20", "admins": [ADMIN]}, "take one of 1.36, 1.35"),
    (ClusterArgs, {"admins": []}, "name a role in admins"),
    (ClusterArgs, {"admins": [ADMIN], "viewers": [ADMIN]}, "remove it from one"),
    (ClusterArgs, {"admins": [ADMIN], "public_cidrs": ["0.0.0.0/0"]}, "name your own addresses"),
    (ClusterArgs, {"admins": [ADMIN], "addons": {"x": "v1"}}, "there are vpc-cni"),
    (ClusterArgs, {"admins": [ADMIN], "system_minimum": 9}, "at least system_minimum"),
    (BackupArgs, {"retention_days": 90}, "at most 35 days"),
    (BackupArgs, {"retention_days": 3}, "change one of them"),
    (AlertsArgs, {"subscribers": {}}, "nobody would be told"),
    (AlertsArgs, {"subscribers": {"page": ["http://x"]}}, "neither a mail address"),
    (CostArgs, {"limit_usd_per_month": 1, "spent_percent": [], "forecast_percent": []}, "give 1 to 10"),
]


@pytest.mark.parametrize(("kind", "values", "message"), REFUSED)
def test_a_wrong_setting_is_refused_with_what_is_allowed(
    kind: type[BaseModel], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(values)
