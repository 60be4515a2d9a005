"""The pack through the policy SDK's own types, and as the process that the engine starts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pulumi_policy as sdk
import pytest
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from stacks.policies import engine_arguments
from stacks.policies.catalog import POLICIES, policy_named
from stacks.policies.pack import as_sdk, plain
from stacks.policies.policy import STRICTEST, Level
from stacks.policies.resource import UNKNOWN
from stacks.policies.tags import REQUIRED

OPTIONS = sdk.PolicyResourceOptions(False, [], None, [], sdk.PolicyCustomTimeouts(0, 0, 0), [], None)


def found(policy: str, kind: str, properties: dict[str, Any], **more: Any) -> list[tuple[str, str | None]]:
    """Return what a resource policy reports through the SDK."""
    reported: list[tuple[str, str | None]] = []
    checked = as_sdk(policy_named(policy))
    assert isinstance(checked, sdk.ResourceValidationPolicy)
    known = {"opts": OPTIONS, "provider": None, "config": None, **more}
    args = sdk.ResourceValidationArgs(kind, unknown_checking_proxy(properties), "urn", "name", **known)
    checked.validate(args, lambda message, urn=None: reported.append((message, urn)))
    return reported


def test_unknown_values_are_kept_wherever_they_stand() -> None:
    given = {"a": UNKNOWN_STRING_VALUE, "b": [1, UNKNOWN_BOOLEAN_VALUE, {"c": UNKNOWN_STRING_VALUE}], "d": "text"}
    assert plain(unknown_checking_proxy(given)) == {"a": UNKNOWN, "b": [1, UNKNOWN, {"c": UNKNOWN}], "d": "text"}


def test_whole_numbers_are_whole() -> None:
    seen = plain(unknown_checking_proxy({"days": 7.0, "share": 0.5, "on": True}))
    assert {key: (value, type(value)) for key, value in seen.items()} == {
        "days": (7, int),
        "share": (0.5, float),
        "on": (True, bool),
    }


def test_a_finding_is_reported_at_its_resource() -> None:
    ((message, urn),) = found("database-not-public", "aws:rds/instance:Instance", {"publiclyAccessible": True})
    assert urn == "urn"
    assert message == (
        "urn: publiclyAccessible: the database has an address on the internet. Fix: set publiclyAccessible to false"
    )


def test_an_unknown_value_reports_nothing() -> None:
    kind = "aws:rds/instance:Instance"
    assert found("database-not-public", kind, {"publiclyAccessible": UNKNOWN_BOOLEAN_VALUE}) == []


def test_what_a_policy_does_not_look_at_reports_nothing() -> None:
    assert found("database-not-public", "aws:kms/key:Key", {"publiclyAccessible": True}) == []


def test_the_packs_configuration_changes_options() -> None:
    kind, settings = "aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 60}
    assert found("logs-retained", kind, settings) == []
    assert len(found("logs-retained", kind, settings, config={"minimum_days": 90.0})) == 1


def test_a_providers_default_tags_are_seen() -> None:
    properties = {"defaultTags": {"tags": dict.fromkeys(REQUIRED, "x")}}
    provider = sdk.PolicyProviderResource("pulumi:providers:aws", properties, "urn", "name")
    assert found("required-tags", "aws:kms/key:Key", {}, provider=provider) == []
    bare = sdk.PolicyProviderResource("pulumi:providers:aws", {}, "urn", "name")
    assert len(found("required-tags", "aws:kms/key:Key", {}, provider=bare)) == 1


def test_a_stack_is_checked_as_a_whole_with_references_before_anything_is_known() -> None:
    def resource(kind: str, name: str, properties: dict[str, Any], **uses: list[Any]) -> sdk.PolicyResource:
        props = unknown_checking_proxy(properties)
        return sdk.PolicyResource(kind, props, f"urn::{name}", name, OPTIONS, None, None, [], uses)

    reported: list[str | None] = []
    kept, lost = (resource("aws:backup/vault:Vault", name, {"name": UNKNOWN_STRING_VALUE}) for name in ("a", "b"))
    lock = resource(
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "lock",
        {"backupVaultName": UNKNOWN_STRING_VALUE, "minRetentionDays": 7},
        backupVaultName=[kept],
    )
    checked = as_sdk(policy_named("backup-vault-locked"))
    assert isinstance(checked, sdk.StackValidationPolicy)
    for resources in ([kept, lost, lock], [lock]):
        args = sdk.StackValidationArgs(resources, None)
        checked.validate(args, lambda message, urn=None: reported.append(urn))
    assert reported == ["urn::b"]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_policy_tells_the_engine_its_level_its_controls_and_its_options(policy: Any) -> None:
    told = as_sdk(policy)
    level = policy.enforcement.in_phase(STRICTEST)
    assert told.enforcement_level is not None
    assert told.enforcement_level.value == level != Level.DISABLED
    assert all(control in told.description for control in policy.controls)
    schema = told.config_schema.properties if told.config_schema else {}
    assert {name: it["default"] for name, it in schema.items()} == policy.defaults()


def test_the_executable_serves_the_whole_pack_and_ends_when_asked(tmp_path: Path) -> None:
    command = [engine_arguments.engine_arguments()[1], "127.0.0.1:1"]
    # It finds its own interpreter and modules, wherever it is started from.
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty(), timeout=30)
        finally:
            process.terminate()
            process.wait(timeout=10)
    assert info.name == "inferloop"
    assert [it.name for it in info.policies] == [policy.name for policy in POLICIES]


def test_the_folder_is_a_pack_of_the_projects_own_environment() -> None:
    described = yaml.safe_load((engine_arguments.PACK / "PulumiPolicy.yaml").read_text())
    assert described["runtime"]["name"] == "python"
    virtualenv = (engine_arguments.PACK / described["runtime"]["options"]["virtualenv"]).resolve()
    assert virtualenv == engine_arguments.PACK.parents[1] / ".venv"


def test_the_pack_starts_fast_and_loads_no_cloud() -> None:
    program = (
        "import sys, time\n"
        "begin = time.process_time(); import pulumi_policy\n"
        "middle = time.process_time(); import stacks.policies.pack\n"
        "end = time.process_time()\n"
        "heavy = [it for it in ('pulumi_aws', 'pulumi_kubernetes', 'components', 'pydantic') if it in sys.modules]\n"
        "print(middle - begin, end - middle, *heavy)\n"
    )
    # Measuring coverage would slow our modules down, but not the SDK's.
    bare = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=bare, capture_output=True, text=True, check=True, timeout=60
    )
    sdk_s, own_s, *heavy = done.stdout.split()
    assert heavy == []
    # The SDK's import is what every pack pays: ours may add half as much.
    assert float(own_s) < 0.5 * float(sdk_s)
