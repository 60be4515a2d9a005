import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from inferloop_runtime.errors import SettingsError
from inferloop_runtime.serving.api.health_probe import probe_health
from inferloop_runtime.serving.api.server import claim_port

from tests.support.postgres import free_port

ROOT = Path(__file__).parents[3]

PROGRAM = """
import asyncio, sys
from inferloop_runtime.errors import InferloopError, ModelError
from inferloop_runtime.serving.api.server import configure_logging, serve
from tests.support.model_server import serve_settings
from tests.support.scripted_engine import ScriptedEngine

port, drain, step, load, fail = sys.argv[1:]
engine = ScriptedEngine(["token "] * 20, step_s=float(step), load_s=float(load),
                        start_error=ModelError("no such model") if fail == "yes" else None)
configure_logging()
try:
    asyncio.run(serve(serve_settings(port=int(port), drain_timeout_s=int(drain)), engine))
except InferloopError as error:
    sys.exit(f"error: {error}")
"""


class Process:
    def __init__(self, *, drain_s: int = 10, step_s: float = 0.0, load_s: float = 0.0, fail: bool = False) -> None:
        self.port = free_port()
        options = [str(self.port), str(drain_s), str(step_s), str(load_s), "yes" if fail else "no"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )

    @property
    def health(self) -> str | None:
        return probe_health(f"http://127.0.0.1:{self.port}/health", 2)

    def until_health(self, expected: str | None) -> None:
        deadline = time.monotonic() + 30
        while self.health != expected:
            assert self.process.poll() is None
            assert time.monotonic() < deadline, self.health
            time.sleep(0.02)

    def generate(self, answers: list[tuple[int, dict[str, str]]]) -> threading.Thread:
        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("POST", "/generate", json.dumps({"inputs": "Hi", "parameters": {}}))
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
            connection.close()

        thread = threading.Thread(target=ask)
        thread.start()
        return thread

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log


@contextlib.contextmanager
def started(**options: float) -> Iterator[Process]:
    server = Process(**options)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


def test_the_port_answers_503_while_the_model_loads_and_200_then() -> None:
    with started(load_s=1.0) as server:
        server.until_health("status 503")
        server.until_health(None)
        code, log = server.end(signal.SIGTERM)
    assert code == 0, log
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_requests_end_and_exits_0(number: signal.Signals) -> None:
    answers: list[tuple[int, dict[str, str]]] = []
    with started(step_s=0.05) as server:
        server.until_health(None)
        asking = server.generate(answers)
        time.sleep(0.4)
        code, log = server.end(number)
        asking.join()
    assert code == 0, log
    assert answers == [(200, {"generated_text": "token " * 20})]
    assert '"status":200' in log


def test_requests_that_do_not_end_in_time_are_told_so() -> None:
    answers: list[tuple[int, dict[str, str]]] = []
    with started(step_s=3, drain_s=1) as server:
        server.until_health(None)
        asking = server.generate(answers)
        time.sleep(0.4)
        begun = time.monotonic()
        code, log = server.end(signal.SIGTERM)
        asking.join()
    assert code == 0, log
    assert time.monotonic() - begun < 6
    assert answers[0][0] == 424
    assert "did not end in time" in log


def test_a_signal_while_the_model_loads_ends_the_server() -> None:
    with started(load_s=60) as server:
        server.until_health("status 503")
        code, log = server.end(signal.SIGTERM)
    assert code == 0, log


def test_an_engine_that_cannot_start_ends_the_server_with_its_reason() -> None:
    with started(fail=True) as server:
        _, log = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert "error: no such model" in log
    assert "Traceback" not in log


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.socket() as listener:
        # As another granian would have it: such a listener would otherwise share its port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            claim_port("127.0.0.1", port)


def test_port_0_is_a_free_port_of_the_kernel() -> None:
    assert claim_port("127.0.0.1", 0) > 0


def test_the_probe_command_exits_0_or_1_with_one_line() -> None:
    command = [sys.executable, "-m", "inferloop_runtime.main", "probe"]
    with started() as server:
        server.until_health(None)
        well = subprocess.run([*command, f"http://127.0.0.1:{server.port}/health"], capture_output=True, text=True)
        lost = subprocess.run([*command, f"http://127.0.0.1:{server.port}/no?a=b"], capture_output=True, text=True)
    assert (well.returncode, well.stdout + well.stderr) == (0, "")
    assert lost.returncode == 1
    assert lost.stderr == f"http://127.0.0.1:{server.port}/no?a=b: status 404\n"


def test_the_probe_tells_why_there_is_no_answer() -> None:
    assert probe_health("ftp://x", 1) == "not an http or https address"
    assert "refused" in (probe_health(f"http://127.0.0.1:{free_port()}/", 1) or "")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert probe_health(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.1) == "no answer within 0.1 s"
