import json

import pytest

from tests.engine.guard.conftest import STACK, CloudStack

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def test_a_network_is_replaced_only_once_that_very_change_is_approved(cloud: CloudStack) -> None:
    cloud.up()
    early = cloud.run("approve", STACK, "net")
    assert early.returncode == 2
    assert "not about to replace or delete net" in early.stderr

    cloud.configure(cidr="10.1.0.0/16")
    refused = cloud.run("up", STACK)
    assert refused.returncode == 7
    assert "net (network, aws:ec2/vpc:Vpc) would be replaced" in refused.stderr
    assert 'cidrBlock: "10.0.0.0/16" -> "10.1.0.0/16"' in refused.stderr
    assert f"approve {STACK} net --reason TEXT" in refused.stderr
    assert cloud.networks() == {"10.0.0.0/16"}
    seen = cloud.preview()["guarded"][0]
    assert seen["approved"] is False
    assert seen["change"] in refused.stderr

    cloud.configure(cidr="10.2.0.0/16")
    other = cloud.run("approve", STACK, "net", "--change", seen["change"])
    assert other.returncode == 2
    assert "something else would happen than what was reviewed" in other.stderr
    cloud.configure(cidr="10.1.0.0/16")
    approved = cloud.run("approve", STACK, seen["urn"], "--change", seen["change"], "--reason", "INF-7")
    assert approved.returncode == 0, approved.stderr
    cloud.configure(cidr="10.2.0.0/16")
    assert cloud.run("up", STACK).returncode == 7
    assert cloud.networks() == {"10.0.0.0/16"}

    # The security group is replaced by its description, which nobody asks about.
    cloud.configure(cidr="10.1.0.0/16", owner="two", description="changed")
    assert cloud.up()["changes"] > 0
    assert cloud.networks() == {"10.1.0.0/16"}
    given, used = cloud.approvals()
    assert (given["event"], given["reason"], given["name"]) == ("approved", "INF-7", "net")
    assert (used["event"], used["change"]) == ("carried out", given["change"])
    assert "@" in given["by"]
    assert given["at"].endswith("+00:00")
    assert (cloud.home / STACK / "approvals.jsonl").stat().st_mode & 0o777 == 0o600

    cloud.configure(cidr="10.1.0.0/16", owner="three", description="changed")
    assert cloud.run("up", STACK).returncode == 0
    cloud.configure(cidr="10.0.0.0/16")
    assert cloud.run("up", STACK).returncode == 7
    assert cloud.networks() == {"10.1.0.0/16"}


def test_a_database_a_bucket_and_a_key_are_approved_one_by_one_and_no_secret_is_shown(cloud: CloudStack) -> None:
    cloud.configure(database=True, bucket=True, key=True, password="hunter2-plain", protected=["database", "data"])
    cloud.up()
    changed = {"password": "hunter3-plain", "identifier": "archive", "engine": "mysql"}
    cloud.configure(database=True, protected=["database", "data"], **changed)
    refused = cloud.run("up", STACK)
    assert refused.returncode == 7
    assert 'identifier: "records" -> "archive"' in refused.stderr
    assert 'engine: "postgres" -> "mysql"' in refused.stderr
    assert "data (bucket, aws:s3/bucket:Bucket) would be deleted: the program no longer asks for it" in refused.stderr
    assert "key (key, aws:kms/key:Key) would be deleted" in refused.stderr
    assert "it is protected; the approval lifts the protection" in refused.stderr
    seen = cloud.run("preview", STACK)
    assert "needs approval: database (database" in seen.stdout

    assert cloud.run("approve", STACK, "data", "key").returncode == 0
    still = cloud.run("up", STACK)
    assert still.returncode == 7
    assert "database (database" in still.stderr
    assert "data (bucket" not in still.stderr
    assert cloud.state()["data"]["protect"] is True
    assert len(cloud.client("s3").list_buckets()["Buckets"]) == 1

    assert cloud.run("approve", STACK, "database").returncode == 0
    done = cloud.run("up", STACK)
    assert done.returncode == 0, done.stderr
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    names = {item["DBInstanceIdentifier"] for item in cloud.client("rds").describe_db_instances()["DBInstances"]}
    assert names == {"archive"}
    assert cloud.state()["database"]["protect"] is True
    assert [entry["event"] for entry in cloud.approvals()].count("carried out") == 3
    for ran in (refused, seen, still, done):
        assert "hunter" not in ran.stdout + ran.stderr
        assert "output-secret-plain" not in ran.stdout + ran.stderr
    for path in cloud.home.rglob("*"):
        assert not path.is_file() or b"hunter" not in path.read_bytes(), path


def test_what_is_kept_when_it_is_deleted_stays_in_the_cloud_and_the_message_says_so(cloud: CloudStack) -> None:
    cloud.configure(bucket=True, protected=["data"], retain=True)
    cloud.up()
    cloud.configure()
    refused = cloud.run("up", STACK)
    assert "the old one stays where it is, with its data; Pulumi forgets it" in refused.stderr
    assert cloud.run("approve", STACK, "data").returncode == 0
    cloud.up()
    assert "data" not in cloud.state()
    assert len(cloud.client("s3").list_buckets()["Buckets"]) == 1


def test_an_approval_outlives_an_update_that_failed_before_it_and_the_protection_comes_back(cloud: CloudStack) -> None:
    cloud.configure(protected=["net"])
    cloud.up()
    cloud.configure(protected=["net"], cidr="10.1.0.0/16")
    approved = json.loads(cloud.run("approve", STACK, "net", "--json").stdout)
    assert [item["name"] for item in approved["approved"]] == ["net"]
    failed = cloud.run("up", STACK, faults="create:aws:ec2/vpc:Vpc:1:fail")
    assert failed.returncode == 4, failed.stderr
    assert cloud.state()["net"]["protect"] is True
    assert [entry["event"] for entry in cloud.approvals()] == ["approved"]
    cloud.up()
    assert cloud.networks() == {"10.1.0.0/16"}
    assert [entry["event"] for entry in cloud.approvals()] == ["approved", "carried out"]
