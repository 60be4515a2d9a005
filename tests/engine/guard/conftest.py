"""A checkout with one AWS stack, driven by the real command line on the real engine, our plugin and moto's server."""

import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS
from stacks.rehearsal.plugins.executable import write_plugin
from stacks.rehearsal.plugins.server import FAULTS, STATE_DIR
from tests.support.pulumi_stack import CHECKOUT, PASSPHRASE

STACK = "pilot-aws"
_PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config("inferloop")


def options(name):
    protected = name in (config.get_object("protected") or [])
    return pulumi.ResourceOptions(protect=protected, retain_on_delete=protected and bool(config.get_bool("retain")))


tags = {"owner": config.get("owner") or "one"}
net = aws.ec2.Vpc("net", cidr_block=config.get("cidr") or "10.0.0.0/16", tags=tags, opts=options("net"))
aws.ec2.SecurityGroup("web", description=config.get("description") or "web")
if config.get_bool("database"):
    aws.rds.Instance(
        "database",
        engine=config.get("engine") or "postgres",
        identifier=config.get("identifier") or "records",
        instance_class="db.t3.micro",
        allocated_storage=20,
        username="admin",
        password=config.require_secret("password"),
        skip_final_snapshot=True,
        opts=options("database"),
    )
if config.get_bool("bucket"):
    bucket = aws.s3.Bucket("data", tags=tags, opts=options("data"))
    pulumi.export("bucket", bucket.bucket)
if config.get_bool("key"):
    aws.kms.Key("key", deletion_window_in_days=7, opts=options("key"))
pulumi.export("vpc", net.id)
pulumi.export("token", pulumi.Output.secret("output-secret-plain"))
"""


class CloudStack:
    """One stack of a team: its state lies in a backend that the environment names."""

    def __init__(self, base: Path, engine: list[str], moto: MotoServer) -> None:
        self.moto = moto
        self.checkout = base / "checkout"
        self.home = self.checkout / ".inferloop"
        self.config = self.checkout / "stacks" / "config" / f"Pulumi.{STACK}.yaml"
        self.config.parent.mkdir(parents=True)
        for name in ("backend", "emulator"):
            (base / name).mkdir()
        (self.checkout / "Pulumi.yaml").write_text(
            "name: inferloop\nruntime: python\nmain: stacks/\nstackConfigDir: stacks/config\n"
        )
        (self.checkout / "stacks" / "__main__.py").write_text(textwrap.dedent(_PROGRAM))
        write_plugin(base / "bin", "aws", "stacks.rehearsal.aws")
        self.backend = f"file://{base / 'backend'}"
        self.environment = {
            "PATH": os.pathsep.join([str(base / "bin"), *engine, "/usr/bin", "/bin"]),
            "PYTHONPATH": str(CHECKOUT),
            "HOME": str(base),
            "PULUMI_HOME": str(base / "pulumi"),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            ENDPOINT: moto.endpoint,
            SCHEMAS: os.environ[SCHEMAS],
            STATE_DIR: str(base / "emulator"),
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write the stack's settings; what the engine added to the file stays."""
        content = yaml.safe_load(self.config.read_text()) if self.config.exists() else {}
        values = {f"inferloop:{key}": value for key, value in settings.items()}
        content["config"] = {"inferloop:cloud": "aws", "aws:region": "eu-central-1", **values}
        self.config.write_text(yaml.safe_dump(content))

    def run(self, *arguments: str, faults: str = "") -> subprocess.CompletedProcess[str]:
        """Run `inferloop` as a person in the checkout would."""
        return subprocess.run(
            [sys.executable, "-m", "inferloop.main", *arguments],
            cwd=self.checkout,
            env={**self.environment, FAULTS: faults},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def up(self, *flags: str) -> dict[str, Any]:
        """Bring the stack up and return the report. Fails the test where that fails."""
        done = self.run("up", STACK, "--json", *flags)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def preview(self) -> dict[str, Any]:
        """Return the preview's report."""
        done = self.run("preview", STACK, "--json")
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def approvals(self) -> list[dict[str, Any]]:
        """Return what is recorded."""
        return [json.loads(line) for line in (self.home / STACK / "approvals.jsonl").read_text().splitlines()]

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the resources in the team's state, by name."""
        path = Path(self.backend.removeprefix("file://")) / ".pulumi" / "stacks" / "inferloop" / f"{STACK}.json"
        resources = json.loads(path.read_text())["checkpoint"]["latest"]["resources"]
        return {item["urn"].rsplit("::", 1)[-1]: item for item in resources}

    @property
    def locks(self) -> Path:
        """The folder of the backend's locks on this stack."""
        folder = Path(self.backend.removeprefix("file://")) / ".pulumi" / "locks" / "organization" / "inferloop" / STACK
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def client(self, service: str) -> Any:
        """Return a client that looks at the emulated cloud behind the engine's back."""
        return boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=self.moto.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def networks(self) -> set[str]:
        """Return the address ranges of the networks that were made."""
        answer = self.client("ec2").describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["false"]}])
        return {network["CidrBlock"] for network in answer["Vpcs"]}


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    """A moto server of one module's tests."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def cloud(tmp_path: Path, engine: list[str], moto: MotoServer) -> CloudStack:
    """A stack that is not up yet, in an empty emulated cloud."""
    urllib.request.urlopen(urllib.request.Request(f"{moto.endpoint}/moto-api/reset", method="POST")).close()
    return CloudStack(tmp_path, engine, moto)
