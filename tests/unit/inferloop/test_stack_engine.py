import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inferloop.engine import Engine, EngineRunner, login_environment
from inferloop.engine_run import run_with_progress
from inferloop.errors import InterruptedByUserError
from inferloop.project import Project
from inferloop.sink import Mode, Sink
from inferloop.stack_config import prepare_project

# The real one, while a test gives the module another.
_sleep = time.sleep
# Stands for an engine that ends its running step in order when it is asked to stop.
_PATIENT = """#!/bin/sh
trap 'sleep 0.5; echo whole > "$PWD/ended"; exit 255' INT
touch "$PWD/started"
while :; do sleep 0.05; done
"""
_STARTER = """
import signal, sys
from pathlib import Path
from inferloop.engine import Engine, EngineRunner
from inferloop.project import Project
folder = Path(sys.argv[1])
runner = EngineRunner(Project(folder), Engine(folder / "pulumi"), environment={"PATH": "/usr/bin:/bin"},
                      orphan_signal=signal.SIGINT)
runner.start(["up"], cwd=folder, log=folder / "log").wait()
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.delenv("INFERLOOP_HOME", raising=False)
    path = tmp_path / "pulumi"
    path.write_text(_PATIENT)
    path.chmod(0o755)
    return Engine(path)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"waited in vain for {path}"
        _sleep(0.02)


def test_the_login_is_the_users_own_but_the_stack_is_the_one_that_was_named() -> None:
    environ = {"PATH": "/usr/bin", "HOME": "/home/x", "PULUMI_ACCESS_TOKEN": "pul-x", "PULUMI_STACK": "other"}
    values = login_environment(Engine(Path("/engine/pulumi"), ("/host",)), environ)
    assert values["PATH"].split(":") == [f"{sys.prefix}/bin", "/engine", "/host", "/usr/bin"]
    assert values["PULUMI_ACCESS_TOKEN"] == "pul-x"
    assert not {"PULUMI_STACK", "PULUMI_HOME", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"} & set(values)


def test_an_engine_at_work_in_a_cloud_ends_in_order_when_its_command_is_killed(engine: Engine, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    with subprocess.Popen([sys.executable, "-c", _STARTER, str(tmp_path)]) as starter:
        wait_for(tmp_path / "started")
        starter.kill()
    wait_for(tmp_path / "ended")


def test_ctrl_c_waits_for_running_steps_as_long_as_they_take(engine: Engine, tmp_path: Path) -> None:
    project = Project(tmp_path)
    prepare_project(project)

    def interrupt(_seconds: float) -> None:
        wait_for(tmp_path / "started")
        os.kill(os.getpid(), signal.SIGINT)

    runner = EngineRunner(project, engine, environment={"PATH": "/usr/bin:/bin"})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inferloop.engine_run.time.sleep", interrupt)
        try:
            with pytest.raises(InterruptedByUserError):
                run_with_progress(
                    runner, ["up"], cwd=tmp_path, sink=Sink(Mode.QUIET), title="up", name="up", grace_s=None
                )
        finally:
            signal.signal(signal.SIGINT, before)
    assert (tmp_path / "ended").exists()
