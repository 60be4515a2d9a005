"""The stacks that ship, rehearsed and previewed as a person would, with no account."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.policies.engine_arguments import engine_arguments
from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS
from stacks.rehearsal.plugins.executable import write_plugin
from stacks.rehearsal.plugins.server import STATE_DIR
from tests.support.pulumi_stack import CHECKOUT, PASSPHRASE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

REHEARSED = ("staging-aws", "scale-aws", "enterprise-aws")
PREVIEWED = ("staging-aws", "pilot-aws", "scale-aws", "enterprise-aws", "optimized-aws")
INFERLOOP = Path(sys.executable).with_name("inferloop")


def rehearse(stack: str, home: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [INFERLOOP, "rehearse", stack, "--json", *options],
        cwd=CHECKOUT,
        env={**os.environ, "INFERLOOP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    wrong = {step["name"]: step["detail"] for step in report["steps"] if step["outcome"] == "failed"}
    assert (done.returncode, wrong) == (0, {}), done.stderr
    return report


@pytest.mark.parametrize("stack", REHEARSED)
def test_a_stack_is_rehearsed_from_up_to_destroy(
    stack: str, engine: list[str], cluster_programs: None, tmp_path: Path
) -> None:
    report = rehearse(stack, tmp_path / "home")
    steps = {step["name"]: step for step in report["steps"]}
    assert len(steps["up"]["changes"]) >= report["resources"]
    assert steps["no-op"]["changes"] == []
    assert steps["update"]["changes"]
    assert steps["rollback"]["changes"]
    assert len(report["drift"]) >= 2
    assert [item["what"] for item in report["drift"] if not (item["seen"] and item["repaired"])] == []
    assert report["secrets"]["values"] > 5
    assert report["secrets"]["found"] == []
    assert report["leftovers"] == []
    assert report["represented"]
    assert {use["standing"] for use in report["types"]} >= {"real", "emulated", "represented"}


def test_every_stack_can_be_previewed_and_breaks_no_mandatory_policy(engine: list[str], tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: inferloop\nruntime: python\n")
    for name in ("aws", "kubernetes"):
        write_plugin(tmp_path / "bin", name, f"stacks.rehearsal.{name}")
    path = [str(tmp_path / "bin"), str(Path(sys.executable).parent), *engine, "/usr/bin", "/bin"]
    with MotoServer() as moto:
        environment = {
            "PATH": os.pathsep.join(path),
            "HOME": str(tmp_path),
            "PULUMI_HOME": str(tmp_path / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            ENDPOINT: moto.endpoint,
            SCHEMAS: os.environ[SCHEMAS],
            STATE_DIR: str(tmp_path / "state"),
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }

        def pulumi(*arguments: str, cwd: Path = CHECKOUT) -> str:
            done = subprocess.run(
                ["pulumi", *arguments, "--non-interactive"],
                cwd=cwd,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            return done.stdout

        for stack in PREVIEWED:
            tracked = CHECKOUT / "stacks" / "config" / f"Pulumi.{stack}.yaml"
            config = tmp_path / f"settings-of-{stack}.yaml"
            config.write_text(tracked.read_text())
            phase = yaml.safe_load(tracked.read_text())["config"]["inferloop:phase"]
            # In the checkout it would write the secrets' salt into the tracked file.
            pulumi("stack", "init", "--stack", stack, "--no-select", cwd=tmp_path)
            policies = engine_arguments(phase)
            plan = json.loads(pulumi("preview", "--json", "--stack", stack, "--config-file", str(config), *policies))
            assert plan["changeSummary"].keys() == {"create"}
            assert plan["changeSummary"]["create"] > 250
