import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from components.local.supervisor_client import SupervisorClient
from tests.support.pulumi_stack import PulumiStack
from tests.support.supervised import is_alive

pytestmark = [pytest.mark.engine, pytest.mark.faults]

LIMIT_S = 10.0
PROGRAMS = ("postgres", "gateway", "metrics", "keeper")


@pytest.mark.parametrize("program", ["postgres", "gateway", "metrics", "keeper", "supervisor"])
def test_a_killed_process_is_back_within_ten_seconds(stack: PulumiStack, program: str) -> None:
    outputs = stack.outputs()
    how = outputs["supervisor"]
    client = SupervisorClient(how["url"], Path(how["password_file"]))
    killed = stack.pid(program)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + LIMIT_S
    while not _is_whole(stack, client, outputs, killed, program):
        assert time.monotonic() < deadline, f"{program} was not back within {LIMIT_S} s"
        time.sleep(0.05)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_a_killed_database_is_back_although_one_of_its_sessions_hangs(stack: PulumiStack) -> None:
    outputs = stack.outputs()
    how = outputs["supervisor"]
    client = SupervisorClient(how["url"], Path(how["password_file"]))
    killed = stack.pid("postgres")
    session = next(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.read_text().rpartition(")")[2].split()[1] == str(killed)
    )
    os.kill(session, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + LIMIT_S
    while not _is_whole(stack, client, outputs, killed, "postgres"):
        assert time.monotonic() < deadline, f"postgres was not back within {LIMIT_S} s"
        time.sleep(0.05)
    assert not is_alive(session)


def _is_whole(stack: PulumiStack, client: SupervisorClient, outputs: dict[str, str], killed: int, program: str) -> bool:
    try:
        if stack.pid(program) == killed or not client.is_up():
            return False
        known = [client.info(name) for name in PROGRAMS]
        # A restarted supervisor loads the model again, which is not counted.
        path = "/healthz" if program == "supervisor" else "/readyz"
        with urllib.request.urlopen(f"{outputs['gateway_url']}{path}", timeout=1) as answer:
            ready = answer.status == 200
    except OSError:
        return False
    return ready and all(info is not None and info.state == "RUNNING" for info in known)
