"""Rehearsals that are kept, updated, ended, interrupted and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import psutil
import pytest

from inferloop.errors import RehearsalRefusedError, StackBusyError
from inferloop.rehearsal.run import Rehearsal, keep, rehearse, stop
from inferloop.rehearsal.session import rehearsal_lock
from inferloop.rehearsal.workspace import Workspace
from inferloop.sink import Mode, Sink
from stacks.rehearsal.emulators import find_emulators
from stacks.rehearsal.report import Outcome
from tests.engine.rehearsal_stacks.conftest import MakeWorkspace
from tests.support.pulumi_stack import CHECKOUT
from tests.support.rehearsed_checkout import AWS, KUBERNETES

pytestmark = pytest.mark.engine
REGION = "eu-central-1"
SINK = Sink(Mode.QUIET)
PLAIN = Rehearsal(region=REGION)
_START = """
import sys
from pathlib import Path
from inferloop.project import Project
from inferloop.rehearsal.run import Rehearsal, keep, rehearse
from inferloop.rehearsal.workspace import open_workspace
from inferloop.sink import Sink

space = open_workspace(Project(Path(sys.argv[1])), "small")
(keep if sys.argv[2:] else rehearse)(space, Rehearsal(region="eu-central-1"), sink=Sink())
"""


def buckets(endpoint: str) -> int:
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",
    )
    return len(client.list_buckets()["Buckets"])


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return what runs from a rehearsal's folder or for it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                texts = [process.cwd(), *process.environ().values()]
                if any(str(folder) in text for text in texts):
                    found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def started(space: Workspace, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a rehearsal in another process and return once its stack is coming up."""
    command = [sys.executable, "-c", _START, str(space.project.checkout), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    events = space.project.home.log / "up-events.jsonl"
    deadline = time.monotonic() + 60
    while not events.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def wait_until_ended(folder: Path) -> None:
    psutil.wait_procs(processes_in(folder), timeout=15)
    assert processes_in(folder) == []


def test_a_kept_rehearsal_can_be_looked_at_updated_and_ended(workspace: MakeWorkspace) -> None:
    space = workspace(AWS)
    report = keep(space, PLAIN, sink=SINK)
    assert report.ok
    assert report.endpoints["credentials"].startswith("dummy")
    assert buckets(report.endpoints["aws"]) == 3
    with pytest.raises(RehearsalRefusedError, match="--stop"):
        rehearse(space, PLAIN, sink=SINK)

    more = Workspace(space.project, space.stack, space.source, {"buckets": 4})
    again = keep(more, PLAIN, sink=SINK)
    assert again.endpoints["aws"] == report.endpoints["aws"]
    assert {change.operation for change in again.steps[0].changes} == {"create"}
    assert buckets(report.endpoints["aws"]) == 5

    ended = stop(space, sink=SINK)
    assert ended is not None
    assert [step.outcome for step in ended.steps] == [Outcome.OK]
    assert find_emulators(space.folder) is None
    assert processes_in(space.folder) == []
    assert stop(space, sink=SINK) is None


def test_a_kept_cluster_is_reached_by_its_kubeconfig(workspace: MakeWorkspace, cluster_programs: None) -> None:
    from tests.engine.rehearsal_stacks.test_scenario import POOLS

    space = workspace(AWS, KUBERNETES)
    report = keep(space, Rehearsal(pools=POOLS, definitions=(), region=REGION), sink=SINK)
    assert report.ok
    config = json.loads(Path(report.endpoints["kubeconfig"]).read_text())
    assert config["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    emulators = find_emulators(space.folder)
    assert emulators is not None
    api = emulators.api()
    assert api is not None
    running = [pod["status"]["phase"] for pod in api.list("v1", "Pod", namespace="serving")]
    assert running == ["Running", "Running"]
    # The stack's own kubeconfig signs in by the program that stands in for the AWS command line.
    done = subprocess.run(
        [emulators.programs / "aws", "eks", "get-token", "--cluster-name", "x"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["status"]["token"]
    assert stop(space, sink=SINK) is not None
    assert processes_in(space.folder) == []


def test_two_rehearsals_of_a_stack_at_once_are_one_clear_refusal(workspace: MakeWorkspace) -> None:
    space = workspace(AWS)
    with (
        rehearsal_lock(space, "inferloop rehearse small"),
        pytest.raises(StackBusyError, match=r"`inferloop rehearse small` \(process \d+"),
    ):
        rehearse(space, PLAIN, sink=SINK)


def test_ctrl_c_leaves_no_process(workspace: MakeWorkspace) -> None:
    space = workspace(AWS)
    process = started(space)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert processes_in(space.folder) == []
    assert find_emulators(space.folder) is None


@pytest.mark.parametrize("kept", [[], ["--keep"]], ids=["plain", "kept"])
def test_what_kill_9_leaves_is_cleared_away_by_the_next_command(workspace: MakeWorkspace, kept: list[str]) -> None:
    space = workspace(AWS)
    process = started(space, *kept)
    process.kill()
    process.wait()
    stop(space, sink=SINK)
    wait_until_ended(space.folder)
    assert find_emulators(space.folder) is None
    assert {path.name for path in space.folder.iterdir()} <= {"log", "moto.log", "control-plane"}
