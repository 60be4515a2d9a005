"""Whole rehearsals of small stacks."""

import json
import os
import stat
from pathlib import Path

import pytest

from inferloop.rehearsal.run import Rehearsal, rehearse
from inferloop.sink import Mode, Sink
from stacks.rehearsal.memory import process_tree
from stacks.rehearsal.node_pool import NodePool, Taint
from stacks.rehearsal.plugins.faults import Fault
from stacks.rehearsal.report import Outcome, Standing
from tests.engine.rehearsal_stacks.conftest import MakeWorkspace
from tests.support.rehearsed_checkout import AWS, KUBERNETES

pytestmark = pytest.mark.engine
REGION = "eu-central-1"
POOLS = (
    NodePool(name="system"),
    NodePool(
        name="gpu",
        gpus=4,
        labels={"inferloop.io/pool": "gpu"},
        taints=(Taint(key="nvidia.com/gpu", value="present"),),
    ),
)
CHANGE = {"owner": "two"}
SINK = Sink(Mode.QUIET)
PUBLIC_SECRET = """
def tell(value):
    with open(config.require("log"), "a") as file:
        file.write(value)


password.apply(tell)
"""


def test_a_stack_of_aws_and_a_cluster_lives_its_whole_life(
    workspace: MakeWorkspace, cluster_programs: None, tmp_path: Path
) -> None:
    space = workspace(AWS, KUBERNETES)
    # Other tests' emulators may run meanwhile.
    before = process_tree(os.getpid())
    objects = tmp_path / "objects.json"
    faults = [
        Fault.parse("create:aws:s3/bucket:Bucket:2"),
        Fault.parse("delete:aws:amp/workspace:Workspace:1:timeout"),
    ]
    report = rehearse(
        space,
        Rehearsal(pools=POOLS, definitions=(), region=REGION, change=CHANGE, faults=faults, objects=objects),
        sink=SINK,
    )
    assert {step.name: step.detail for step in report.steps if step.outcome is not Outcome.OK} == {}
    steps = {step.name: step for step in report.steps}
    assert steps["up"].counts() == {"create": report.resources}
    assert steps["no-op"].changes == ()
    assert {change.name for change in steps["update"].changes} == {"data", "metrics", "model"}
    assert steps["destroy"].counts() == {"delete": report.resources}
    assert len(report.drift) == 2
    assert all(item.seen and item.repaired for item in report.drift)
    assert [(fault.step, fault.recovered) for fault in report.faults] == [("up", True), ("destroy", True)]
    standings = report.standings()
    assert standings[Standing.REAL] == 3
    assert standings[Standing.EMULATED] + standings[Standing.TYPED] == report.resources - 3
    assert report.secrets.values >= 2
    assert report.secrets.found == ()
    assert report.leftovers == ()
    assert report.peak_memory_mib > 100
    made = json.loads(objects.read_text())
    assert stat.S_IMODE(objects.stat().st_mode) == 0o600
    deployment = made["Deployment.apps serving/model"]
    assert deployment["spec"]["replicas"] == 2
    assert "uid" not in deployment["metadata"]
    assert not [name for name in made if name.startswith(("Pod ", "ReplicaSet"))]
    # Nothing runs any more, and nothing but logs is kept.
    assert process_tree(os.getpid()) <= before
    assert {path.name for path in space.folder.iterdir()} <= {"log", "moto.log", "control-plane"}
    assert stat.S_IMODE(space.folder.stat().st_mode) == 0o700


def test_a_gpu_request_that_no_node_meets_fails_with_the_schedulers_reason(
    workspace: MakeWorkspace, cluster_programs: None
) -> None:
    space = workspace(AWS, KUBERNETES, gpus="8")
    report = rehearse(space, Rehearsal(pools=POOLS, definitions=(), region=REGION), sink=SINK)
    steps = {step.name: step for step in report.steps}
    assert steps["up"].outcome is Outcome.FAILED
    assert "Insufficient nvidia.com/gpu" in steps["up"].detail
    assert steps["update"].outcome is Outcome.SKIPPED
    # What had been made is destroyed all the same.
    assert steps["destroy"].outcome is Outcome.OK
    assert steps["leftovers"].outcome is Outcome.OK
    assert not report.ok


def test_a_fault_that_never_happens_and_a_setting_that_changes_nothing_fail_the_rehearsal(
    workspace: MakeWorkspace,
) -> None:
    space = workspace(AWS)
    faults = [Fault.parse("create:aws:s3/bucket:Bucket:99")]
    report = rehearse(space, Rehearsal(region=REGION, change={"unread": 1}, faults=faults), sink=SINK)
    failed = {step.name: step.detail for step in report.steps if step.outcome is Outcome.FAILED}
    assert set(failed) == {"update", "faults"}
    assert failed["update"] == "unread = 1 changed nothing"
    assert "create:aws:s3/bucket:Bucket:99" in failed["faults"]


def test_a_secret_that_a_program_writes_into_a_log_fails_the_rehearsal(workspace: MakeWorkspace) -> None:
    space = workspace(AWS, PUBLIC_SECRET)
    space.settings["log"] = str(space.project.home.log / "program.log")  # type: ignore[index]
    report = rehearse(space, Rehearsal(region=REGION), sink=SINK)
    failed = [step for step in report.steps if step.outcome is Outcome.FAILED]
    assert [step.name for step in failed] == ["secrets"]
    assert report.secrets.found == ("log/program.log",)
    assert "correct-horse" not in report.model_dump_json()
