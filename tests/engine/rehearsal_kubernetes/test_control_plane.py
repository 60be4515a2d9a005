"""The control plane itself: several at once, secrets, and nothing left."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stacks.rehearsal.control_plane import PROGRAMS, ControlPlane
from stacks.rehearsal.node_pool import NodePool

pytestmark = pytest.mark.engine

_HOLD = """import sys, time
from pathlib import Path
from stacks.rehearsal.control_plane import ControlPlane
ControlPlane(Path(sys.argv[1])).start()
print("up", flush=True)
time.sleep(600)
"""


# Plays a cloud's controllers.
CLOUD = ["-m", "stacks.rehearsal.kubernetes.simulated_cloud"]
COUNT = len(PROGRAMS) + 1


def _processes_of(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name", "cwd", "cmdline"]):
        known = process.info["name"] in PROGRAMS or (process.info["cmdline"] or [])[1:3] == CLOUD
        if known and process.info["cwd"] == str(folder):
            found.append(process)
    return found


def _wait_for(folder: Path, count: int) -> int:
    deadline = time.monotonic() + 10
    while (found := len(_processes_of(folder))) != count and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_two_run_side_by_side_and_leave_only_logs(programs: Path, tmp_path: Path) -> None:
    first, second = (ControlPlane(tmp_path / name, pools=[NodePool(name=name)]) for name in ("one", "two"))
    with first, second:
        assert [node["metadata"]["name"] for node in first.api().list("v1", "Node")] == ["one-0"]
        assert [node["metadata"]["name"] for node in second.api().list("v1", "Node")] == ["two-0"]
        for name in ("kubeconfig", "tokens.csv", "service-accounts.key"):
            assert stat.S_IMODE((first.folder / name).stat().st_mode) == 0o600
        token = (first.folder / "tokens.csv").read_text().split(",")[0]
        assert not any(token in " ".join(process.cmdline()) for process in _processes_of(first.folder))
        assert _wait_for(first.folder, COUNT) == COUNT
    for plane in (first, second):
        assert _processes_of(plane.folder) == []
        assert {path.suffix for path in plane.folder.iterdir()} == {".log"}


def test_it_ends_with_a_parent_that_is_killed(programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plane"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "up\n"
        started = _wait_for(folder, COUNT)
        os.kill(holder.pid, signal.SIGKILL)
    assert started == COUNT
    assert _wait_for(folder, 0) == 0
