import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from inferloop.processes import list_processes
from inferloop.project import Home
from inferloop.state import read_state
from tests.e2e.conftest import Service, service_of
from tests.support.client_load import ClientLoad
from tests.support.dev_stack import TINY, DevStack, dev_stack_home, running_dev_stack, wait_until

ROUNDS = int(os.environ.get("INFERLOOP_FAULT_ROUNDS", "20"))
WHOLE_AGAIN_S = 10.0
MODEL_LOAD_S = 120.0
# No request of these tests takes a second when nothing is wrong.
CALL_BOUND_S = 30.0
SHARD = ":shard-"

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.timeout(1800), pytest.mark.xdist_group("faults")]


@pytest.fixture(scope="module")
def victim() -> Iterator[Service]:
    """A stack of its own, which the other tests never see."""
    with running_dev_stack() as stack:
        yield service_of(stack)


def states_of(stack: DevStack) -> dict[str, tuple[int | None, str]]:
    supervisor = read_state(Home(stack.home), "dev").outputs.get("supervisor")
    return {process.name: (process.pid, process.state) for process in list_processes(stack.folder, supervisor)}


def are_back(stack: DevStack, before: dict[str, int | None], *, shards: bool) -> bool:
    """Tell whether every process runs, and the killed ones as others than before; shards count only if asked for."""
    now = {name: process for name, process in states_of(stack).items() if shards or SHARD not in name}
    return all(state == "running" for _, state in now.values()) and all(
        now.get(name, (None, ""))[0] not in (None, pid) for name, pid in before.items() if shards or SHARD not in name
    )


def is_ready(service: Service) -> bool:
    try:
        with urllib.request.urlopen(f"{service.gateway_url}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def has_more_than(items: list[str], count: int) -> bool:
    return len(items) > count


def metered(stack: DevStack, request_ids: list[str]) -> set[str]:
    async def run() -> set[str]:
        connection = await asyncpg.connect((stack.folder / "secrets" / "dsn").read_text().strip())
        try:
            sql = "SELECT request_id FROM usage WHERE request_id = ANY($1)"
            return {row["request_id"] for row in await connection.fetch(sql, request_ids)}
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except (OSError, asyncpg.PostgresError):
        return set()


@pytest.mark.parametrize(
    ("names", "loads_model"),
    [
        (("gateway",), False),
        (("postgres",), False),
        # They have nothing to do with each other, and no request passes through either.
        (("metrics", "keeper"), False),
        (("model-server",), True),
        (("model-server:shard-0",), True),
        (("supervisor",), True),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_the_stack_is_whole_again_after_each_kill_and_no_acknowledged_usage_is_lost(
    victim: Service, names: tuple[str, ...], loads_model: bool
) -> None:
    stack = victim.stack
    with ClientLoad(victim.gateway_url, victim.model, victim.key) as load:
        for _ in range(ROUNDS):
            before = {name: states_of(stack)[name][0] for name in names}
            answered = len(load.acknowledged)
            wait_until(
                lambda answered=answered: len(load.acknowledged) > answered, MODEL_LOAD_S, "an answer under load"
            )
            for pid in before.values():
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            took = wait_until(partial(are_back, stack, before, shards=False), WHOLE_AGAIN_S, f"the return of {names}")
            left = MODEL_LOAD_S if loads_model else max(WHOLE_AGAIN_S - took, 1.0)
            wait_until(partial(are_back, stack, before, shards=True), left, f"the return of {names} with all shards")
            wait_until(partial(is_ready, victim), left, "readiness")
    assert load.longest_s < CALL_BOUND_S
    assert load.acknowledged
    wait_until(
        lambda: metered(stack, load.acknowledged) == set(load.acknowledged), 30, "metering of all acknowledged requests"
    )


def test_of_two_ups_at_once_both_end_well_and_the_second_says_that_it_waits(victim: Service) -> None:
    with victim.stack.start("up") as first, victim.stack.start("up") as second:
        outputs = [process.communicate(timeout=280) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert any("waiting for `inferloop up dev`" in errors for _, errors in outputs)


def test_up_completes_after_it_was_interrupted_at_random_moments() -> None:
    chance = random.Random()
    interruptions = max(ROUNDS // 2, 2)
    with dev_stack_home() as stack:
        started = time.monotonic()
        stack.up()
        usual_s = time.monotonic() - started
        stack.run("down", "--yes")
        for number in range(interruptions):
            delay, kind = chance.uniform(0.1, usual_s), chance.choice((signal.SIGINT, signal.SIGKILL))
            with stack.start("up", start_new_session=True) as attempt:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    attempt.wait(delay)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(attempt.pid, kind)
                attempt.communicate(timeout=60)
            # Some are interrupted while they repair what an interrupted one left.
            if number % 2 == 1:
                completed = stack.run("up", check=False)
                assert completed.returncode == 0, (delay, kind, completed.stderr)
                assert stack.status()["state"] == "up", (delay, kind)
                stack.run("down", "--yes")


def test_a_busy_port_is_one_clear_message_and_up_completes_when_it_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with dev_stack_home({**TINY, "ports": {"gateway": port}}) as stack:
            refused = stack.run("up", check=False)
            assert refused.returncode != 0
            assert str(port) in refused.stderr
            assert refused.stderr.count("error:") == 1
            assert "Traceback" not in refused.stderr
            taken.close()
            assert stack.up()["gateway_url"].rstrip("/").endswith(f":{port}")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of a few MiB."""
    folder = Path(tempfile.mkdtemp(prefix="inferloop-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder)


def test_a_full_disk_is_one_clear_message_and_up_completes_when_there_is_room(small_disk: Path) -> None:
    with dev_stack_home(home=small_disk) as stack:
        refused = stack.run("up", check=False)
        assert refused.returncode != 0
        assert "No space left on device" in refused.stderr
        assert "Traceback" not in refused.stderr
        subprocess.run(["mount", "-o", "remount,size=2g", str(small_disk)], check=True)
        stack.up()
        assert stack.status()["state"] == "up"
