import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.local.layout import StackLayout
from components.local.supervision import Program, render_program, render_supervisor, supervisor_command
from inferloop.processes import Process, list_processes, stop_processes
from inferloop.project import Project
from inferloop.stack_status import stack_status
from tests.support.dev_stack import wait_until
from tests.support.postgres import free_port

PASSWORD = "test-only-password"


@dataclass(frozen=True)
class Supervised:
    """A real supervisor with two programs, one of which fails for ever."""

    root: Path
    output: dict[str, str]

    def state_of(self, name: str) -> str | None:
        return {process.name: process.state for process in list_processes(self.root, self.output)}.get(name)

    def pid_of(self, name: str) -> int:
        pid = {process.name: process.pid for process in list_processes(self.root, self.output)}[name]
        assert pid is not None
        return pid


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    root = Path(tempfile.mkdtemp(prefix="inferloop-supervised-"))
    layout = StackLayout(root=root)
    for folder in (layout.programs, layout.run, layout.log, layout.secrets):
        folder.mkdir(parents=True)
    port = free_port()
    password_file = layout.secrets / "supervisor-password"
    password_file.write_text(PASSWORD)
    layout.supervisor_config.write_text(render_supervisor(layout, host="127.0.0.1", port=port, password=PASSWORD))
    programs = {"gateway": "import time; time.sleep(600)", "metrics": "raise SystemExit(1)"}
    for name, code in programs.items():
        text = render_program(layout, Program(name=name, command=(sys.executable, "-c", code)))
        (layout.programs / f"{name}.conf").write_text(text)
    subprocess.run(supervisor_command(layout), check=True)
    output = {"url": f"http://127.0.0.1:{port}", "user": "inferloop", "password_file": str(password_file)}
    stack = Supervised(root, output)
    try:
        wait_until(lambda: stack.state_of("gateway") == "running", 20, "the start")
        yield stack
    finally:
        stop_processes(root)
        shutil.rmtree(root)


def test_the_supervisors_own_words_are_passed_on(supervised: Supervised) -> None:
    processes = {process.name: process for process in list_processes(supervised.root, supervised.output)}
    assert next(iter(processes)) == "supervisor"
    assert processes["supervisor"].runs
    assert processes["gateway"].runs
    wait_until(lambda: supervised.state_of("metrics") in ("backoff", "starting", "fatal"), 10, "the failure")


def test_without_an_answer_the_pid_files_say_what_lives(supervised: Supervised) -> None:
    wrong = {**supervised.output, "url": f"http://127.0.0.1:{free_port()}"}
    for output in (None, wrong, {"url": "http://127.0.0.1:1"}):
        states = {process.name: process.state for process in list_processes(supervised.root, output)}
        assert states["gateway"] == "running"
        assert states["keeper"] == "running"


def test_a_supervisor_that_hangs_does_not_hang_the_status(supervised: Supervised) -> None:
    pid = supervised.pid_of("supervisor")
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert {process.name for process in list_processes(supervised.root, supervised.output)} >= {"gateway"}
        assert time.monotonic() - started < 3
    finally:
        os.kill(pid, signal.SIGCONT)


def test_shards_are_named_after_the_model_server(supervised: Supervised) -> None:
    alive = supervised.pid_of("gateway")
    (supervised.root / "run" / "shards.json").write_text(json.dumps({"0": alive, "1": os.getpid()}))
    shards = [(item.name, item.pid, item.state) for item in list_processes(supervised.root, supervised.output)][-2:]
    assert shards == [("model-server:shard-0", alive, "running"), ("model-server:shard-1", None, "dead")]
    (supervised.root / "run" / "shards.json").write_text("[")
    assert len(list_processes(supervised.root, supervised.output)) == 4


def test_stopping_ends_every_process_and_the_keeper_brings_none_back(supervised: Supervised) -> None:
    pids = [supervised.pid_of(name) for name in ("supervisor", "keeper", "gateway")]
    assert set(stop_processes(supervised.root)) >= {"supervisor", "keeper", "gateway"}
    time.sleep(0.5)
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    assert stop_processes(supervised.root) == []


def test_a_recorded_process_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd="/") as other:
        (tmp_path / "run" / "gateway.pid").write_text(f"{other.pid}\n")
        (tmp_path / "run" / "shards.json").write_text(json.dumps({"0": other.pid}))
        (tmp_path / "run" / "metrics.pid").write_text("nonsense")
        assert stop_processes(tmp_path) == []
        assert other.poll() is None
        other.kill()


def test_a_stack_with_a_failing_process_is_degraded_and_without_processes_down(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERLOOP_HOME", str(tmp_path))
    project = Project(tmp_path)
    assert stack_status(project, "dev").as_dict()["state"] == "down"
    outputs = {"stack_dir": str(supervised.root), "supervisor": supervised.output, "gateway_url": "http://127.0.0.1:1"}
    stack = {"type": "pulumi:pulumi:Stack", "urn": "urn::s", "outputs": outputs}
    path = project.home.state_file("dev")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"checkpoint": {"latest": {"resources": [stack]}}}))
    status = stack_status(project, "dev")
    assert (status.state, status.ready) == ("degraded", False)
    assert status.as_dict()["gateway_url"] == "http://127.0.0.1:1"
    assert "supervisor" not in status.as_dict()
    stop_processes(supervised.root)
    assert stack_status(project, "dev").state == "down"


@pytest.mark.parametrize(
    ("pid", "state", "runs"),
    [(7, "running", True), (7, "starting", True), (None, "backoff", False), (7, "dead", False)],
)
def test_a_process_of_less_than_a_second_runs_and_one_that_was_given_up_does_not(
    pid: int | None, state: str, runs: bool
) -> None:
    assert Process("gateway", pid, state).runs is runs
