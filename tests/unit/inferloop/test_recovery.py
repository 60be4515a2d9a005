import os
import subprocess
import sys
from pathlib import Path

import psutil

from inferloop.engine import OWNER_VARIABLE, owner_lives
from inferloop.project import Home
from inferloop.recovery import end_orphans

SLEEP = "import time; print(flush=True); time.sleep(600)"


def start(home: Home, owner: str, name: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PULUMI_HOME": str(home.pulumi_home), OWNER_VARIABLE: owner}
    process = subprocess.Popen([sys.executable, "-c", SLEEP, name], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_only_engine_processes_whose_command_has_ended_are_ended(tmp_path: Path) -> None:
    home = Home(tmp_path)
    mine = f"{os.getpid()}:{psutil.Process().create_time():.0f}"
    with (
        start(home, "1:5", "pulumi-language-python") as orphan,
        start(home, mine, "pulumi-language-python") as owned,
        start(home, "1:5", "supervisord") as supervisor,
        start(Home(tmp_path / "other"), "1:5", "pulumi-language-python") as foreign,
    ):
        try:
            assert end_orphans(home) == 1
            assert orphan.poll() is not None
            assert [process.poll() for process in (owned, supervisor, foreign)] == [None, None, None]
        finally:
            for process in (orphan, owned, supervisor, foreign):
                process.kill()


def test_an_owner_is_known_by_its_id_and_its_start() -> None:
    started = psutil.Process().create_time()
    assert owner_lives(f"{os.getpid()}:{started:.0f}")
    assert not owner_lives(f"{os.getpid()}:{started - 100:.0f}")
    for mark in ("", "x", "1:", "999999999:1"):
        assert not owner_lives(mark)
