"""The pack's two forms, its levels by phase, and what only an update can tell."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacks.policies.engine_arguments import PACK, Form, engine_arguments
from stacks.policies.levels import levels_of
from stacks.rehearsal.aws.moto_server import MotoServer

pytestmark = pytest.mark.engine

# Breaks a policy that is mandatory from staging on, one from pilot on and one from enterprise on.
CARELESS = """
import pulumi

pulumi.CustomResource("aws:kms/key:Key", "key", {})
pulumi.CustomResource(
    "aws:eks/cluster:Cluster",
    "cluster",
    {
        "roleArn": "r",
        "vpcConfig": {"subnetIds": ["a"], "endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]},
    },
)
"""
BROKEN = ("key-rotates", "data-protected", "cluster-endpoint-private")
# What the bucket's policy says is not known before its bucket is.
OPEN_LATER = """
import json
import pulumi

def of_bucket(kind, name, **properties):
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return pulumi.CustomResource(token, name, {"bucket": bucket.id, **properties})

bucket = pulumi.CustomResource("aws:s3/bucket:Bucket", "bucket", {})
flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
of_bucket("BucketPublicAccessBlock", "closed", **dict.fromkeys(flags, True))
rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
of_bucket("BucketServerSideEncryptionConfiguration", "encryption", rules=rules)
account = {"AWS": "arn:aws:iam::123456789012:root"}
allowed = {"Effect": "Allow", "Principal": account, "Action": "s3:GetObject"}
policy = bucket.id.apply(lambda name: json.dumps({"Statement": [{**allowed, "Resource": f"arn:aws:s3:::{name}/*"}]}))
of_bucket("BucketPolicy", "policy", policy=policy)
"""


@pytest.fixture
def careless(new_program: Callable[..., Any]) -> Any:
    """A program that breaks a policy of each kind of enforcement."""
    program = new_program()
    program.write_text(CARELESS)
    return program


@pytest.mark.parametrize("phase", ["development", "staging", "enterprise"])
def test_the_phase_decides_what_is_refused_and_what_is_only_told(careless: Any, phase: str) -> None:
    checked = careless.check(*engine_arguments(phase))
    levels = {name: level for name, level in levels_of(phase).items() if name in BROKEN and level != "disabled"}
    assert {it.policy: it.level for it in checked.violations if it.policy in BROKEN} == levels
    assert checked.passed is ("mandatory" not in levels.values())


def test_without_levels_the_strictest_hold(careless: Any) -> None:
    checked = careless.check("--policy-pack", str(PACK / "pulumi-analyzer-inferloop"))
    assert not checked.passed
    assert {it.level for it in checked.violations if it.policy in BROKEN} == {"mandatory"}


def test_a_configuration_of_ones_own_changes_levels_and_options(
    new_program: Callable[..., Any], tmp_path: Path
) -> None:
    program = new_program()
    program.write_text(
        'import pulumi\npulumi.CustomResource("aws:cloudwatch/logGroup:LogGroup", "logs", {"retentionInDays": 60})\n'
    )
    own = tmp_path / "own.json"
    own.write_text(
        json.dumps({"all": "disabled", "logs-retained": {"enforcementLevel": "advisory", "minimum_days": 90}})
    )
    checked = program.check("--policy-pack", str(PACK / "pulumi-analyzer-inferloop"), "--policy-pack-config", str(own))
    assert checked.passed
    ((policy, level, message),) = [(it.policy, it.level, it.message) for it in checked.violations]
    assert (policy, level) == ("logs-retained", "advisory")
    assert "logs are gone after 60 days. Fix: set retentionInDays to 90 or more" in message
    own.write_text(json.dumps({"logs-retained": {"minimum_days": "many"}}))
    refused = program.check("--policy-pack", str(PACK / "pulumi-analyzer-inferloop"), "--policy-pack-config", str(own))
    assert not refused.passed
    assert "logs-retained: minimum_days" in refused.output


def test_the_official_host_starts_the_folder(careless: Any) -> None:
    if "INFERLOOP_PLUGIN_PATH" not in os.environ:
        pytest.skip("the language host that is built here starts no folder: INFERLOOP_PLUGIN_PATH names the official")
    checked = careless.check(*engine_arguments("staging", form=Form.FOLDER))
    assert not checked.passed
    assert [it.resource for it in checked.of("key-rotates")] == ["key"]


def test_an_update_checks_what_the_preview_could_not_know(new_program: Callable[..., Any]) -> None:
    with MotoServer() as moto:
        program = new_program(endpoint=moto.endpoint)
        program.write_text(OPEN_LATER)
        before = program.check(*engine_arguments("staging"))
        assert before.passed, before.output
        assert before.of("bucket-tls-only") == []
        done = program.check(*engine_arguments("staging"), command=("up", "--yes", "--skip-preview"))
        assert not done.passed
        assert [it.resource for it in done.of("bucket-tls-only")] == ["bucket"]
