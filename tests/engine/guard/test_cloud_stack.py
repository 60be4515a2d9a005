import json

import pytest
import yaml

from tests.engine.guard.conftest import STACK, CloudStack

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def test_a_stack_of_a_team_lives_in_the_teams_backend_from_preview_to_down(cloud: CloudStack) -> None:
    cloud.configure(bucket=True, key=True, protected=["data"])
    seen = cloud.preview()
    assert seen["changes"] == {"create": 4, "update": 0, "replace": 0, "delete": 0, "finish": 0}
    assert {row["type"]: row["guarded"] for row in seen["types"]} == {
        "aws:ec2/securityGroup:SecurityGroup": None,
        "aws:ec2/vpc:Vpc": "network",
        "aws:kms/key:Key": "key",
        "aws:s3/bucket:Bucket": "bucket",
    }
    assert cloud.networks() == set()

    made = cloud.up()
    assert made["backend"] == cloud.backend
    assert set(made["outputs"]) == {"bucket", "vpc"}
    assert not (cloud.home / "backend" / ".pulumi").exists()
    assert "encryptionsalt" in yaml.safe_load(cloud.config.read_text())
    assert cloud.up()["changes"] == 0

    lock = cloud.locks / "b2f5.json"
    lock.write_text(
        json.dumps({"pid": 1, "username": "colleague", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"})
    )
    refused = cloud.run("up", STACK)
    assert refused.returncode == 4
    assert "locked by 1 lock" in refused.stderr
    lock.unlink()

    status = cloud.run("status", STACK, "--json")
    assert status.returncode == 0, status.stderr
    now = json.loads(status.stdout)
    assert (now["state"], now["resources"], now["guarded"], now["protected"]) == ("up", 4, 3, 1)
    assert now["outputs"] == made["outputs"]
    assert now["secret_outputs"] == ["token"]
    text = cloud.run("status", STACK).stdout
    assert "(secret)" in text
    assert "output-secret-plain" not in text

    asked = cloud.run("down", STACK)
    assert asked.returncode == 2
    assert "3 resources of stack pilot-aws would go" in asked.stderr
    assert cloud.networks() == {"10.0.0.0/16"}
    down = cloud.run("down", STACK, "--yes")
    assert down.returncode == 0, down.stderr
    assert "data (bucket)" in down.stdout
    assert "inferloop:protect: false" in down.stdout
    assert cloud.networks() == set()
    assert len(cloud.client("s3").list_buckets()["Buckets"]) == 1


def test_without_a_login_nothing_happens_until_the_state_is_kept_here_on_request(cloud: CloudStack) -> None:
    del cloud.environment["PULUMI_BACKEND_URL"]
    before = cloud.config.read_bytes()
    lost = cloud.run("up", STACK)
    assert lost.returncode == 2
    assert "nobody is logged in to a Pulumi backend" in lost.stderr
    assert cloud.up("--local-state")["changes"] > 0
    assert cloud.config.read_bytes() == before
    cloud.environment["PULUMI_BACKEND_URL"] = cloud.backend
    unclear = cloud.run("up", STACK)
    assert unclear.returncode == 2
    assert "say which one is meant" in unclear.stderr
    down = cloud.run("down", STACK, "--yes", "--local-state", "--json")
    assert json.loads(down.stdout)["left"] == []
    assert cloud.networks() == set()
    assert not list((cloud.home / "backend").rglob(f"stacks/**/{STACK}.json"))


def test_a_mandatory_policy_of_the_phase_refuses_a_preview_and_an_update(cloud: CloudStack) -> None:
    cloud.configure(phase="staging", key=True)
    for command in ("preview", "up"):
        refused = cloud.run(command, STACK)
        assert refused.returncode == 4
        assert "key: policy key-rotates refuses this" in refused.stderr
    assert cloud.networks() == set()
