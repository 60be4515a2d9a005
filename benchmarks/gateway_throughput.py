"""Measure the gateway's throughput beside a bare pass-through and LiteLLM's proxy, in one run.

All three stand before the same constant upstream and get the same 16 connections of chat completions. The gateway runs
as it is deployed: authentication, metering and a real PostgreSQL. The bare pass-through is the ceiling of the server
and the HTTP client library; LiteLLM is the field's usual choice. "CPU us" is a server's own processor time for one
request, which a busy machine disturbs least.

    python benchmarks/gateway_throughput.py [--seconds 8] [--rounds 3] [--no-litellm] [--json]
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inferloop_runtime.api_key import new_api_key  # noqa: E402
from inferloop_runtime.db.migrate import upgrade  # noqa: E402
from inferloop_runtime.gateway.key_store import store_key  # noqa: E402

from tests.support.postgres import free_port, running_postgres  # noqa: E402

PEERS = Path(__file__).parent / "peers"
LITELLM = "litellm[proxy]==1.106.2"
MUST_REACH = 0.6
MUST_FIT_MIB = 120


@dataclass(frozen=True, slots=True)
class Measurement:
    """One server's figures: medians over the rounds; `rss_mib` is all its processes after the load."""

    name: str
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    rss_mib: float
    idle_cpu_percent: float
    cpu_us_per_request: float
    failed: int


@contextlib.contextmanager
def running(command: list[str], log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in its own process group until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | (env or {}), start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, *, timeout_s: float = 60) -> None:
    """Wait for an answer of 200; show the program's log where it never comes."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=2) as response:
            if response.status == 200:
                return
        time.sleep(0.1)
    sys.exit(f"{process.args!r} did not become ready:\n{log.read_text()[-3000:]}")


def load(port: int, *, key: str | None, seconds: float, connections: int) -> dict[str, float]:
    """Load one server from a process of its own."""
    environment = os.environ | ({"LOAD_KEY": key} if key else {})
    command = [sys.executable, str(PEERS / "load.py"), "--port", str(port), "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--connections", str(connections)], env=environment, check=True, stdout=subprocess.PIPE
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def resident_mib(process: subprocess.Popen[bytes]) -> float:
    """Return the resident memory of a program and its children."""
    top = psutil.Process(process.pid)
    return sum(item.memory_info().rss for item in (top, *top.children(recursive=True))) / 2**20


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a program and its children have used."""
    top = psutil.Process(process.pid)
    return sum(sum(item.cpu_times()[:2]) for item in (top, *top.children(recursive=True)))


def idle_cpu_percent(process: subprocess.Popen[bytes], seconds: float = 3.0) -> float:
    """Return what a program takes of one core when nobody asks anything of it."""
    before = cpu_s(process)
    time.sleep(seconds)
    return (cpu_s(process) - before) / seconds * 100


@dataclass(slots=True)
class _Peer:
    name: str
    port: int
    process: subprocess.Popen[bytes]
    key: str | None
    rounds: list[dict[str, float]]


def start_peers(stack: contextlib.ExitStack, folder: Path, *, litellm: bool) -> list[_Peer]:
    """Start the upstream and all that is measured."""
    upstream_port, bare_port, gateway_port = free_port(), free_port(), free_port()
    upstream = f"http://127.0.0.1:{upstream_port}"
    stack.enter_context(
        running(
            [sys.executable, str(PEERS / "constant_upstream.py"), "--port", str(upstream_port)], folder / "upstream.log"
        )
    )
    log = folder / "bare.log"
    bare = stack.enter_context(
        running(
            [sys.executable, str(PEERS / "bare_passthrough.py"), "--port", str(bare_port), "--upstream", upstream], log
        )
    )
    wait_until_ready(f"http://127.0.0.1:{bare_port}/health", bare, log)

    dsn = stack.enter_context(running_postgres())
    key = new_api_key()
    asyncio.run(upgrade(dsn))
    asyncio.run(store_key(dsn, key, tenant="benchmark", name="benchmark", scopes=("inference",)))
    (folder / "dsn").write_text(dsn)
    (folder / "admin").write_text(new_api_key())
    settings = {
        "stack": "benchmark",
        "port": gateway_port,
        "dsn_file": str(folder / "dsn"),
        "admin_key_file": str(folder / "admin"),
        "upstreams": [{"model": "constant", "url": upstream}],
        "journal_dir": str(folder / "journal"),
    }
    (folder / "gateway.json").write_text(json.dumps(settings))
    log = folder / "gateway.log"
    command = [sys.executable, "-m", "inferloop_runtime.main", "gateway", "--config", str(folder / "gateway.json")]
    gateway = stack.enter_context(running(command, log))
    wait_until_ready(f"http://127.0.0.1:{gateway_port}/readyz", gateway, log)
    peers = [
        _Peer("bare pass-through", bare_port, bare, None, []),
        _Peer("inferloop gateway", gateway_port, gateway, key, []),
    ]
    if litellm:
        peers.append(_start_litellm(stack, folder, upstream))
    return peers


def _start_litellm(stack: contextlib.ExitStack, folder: Path, upstream: str) -> _Peer:
    port = free_port()
    key = "sk-benchmark-only"
    model = {"model": "openai/constant", "api_base": f"{upstream}/v1", "api_key": "none"}
    (folder / "litellm.yaml").write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "constant", "litellm_params": model}],
                "general_settings": {"master_key": key},
            }
        )
    )
    uv = shutil.which("uv") or sys.exit("uv is needed to run LiteLLM's proxy; pass --no-litellm to leave it out")
    log = folder / "litellm.log"
    command = [uv, "run", "--isolated", "--no-project", "--with", LITELLM, "litellm", "--config"]
    process = stack.enter_context(
        running(
            [*command, str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)],
            log,
            {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"},
        )
    )
    wait_until_ready(f"http://127.0.0.1:{port}/health/liveliness", process, log, timeout_s=300)
    return _Peer("litellm proxy", port, process, key, [])


def measure(peers: list[_Peer], *, seconds: float, rounds: int, connections: int) -> list[Measurement]:
    """Load the servers in turn, several times, so that a busy moment of the machine meets all."""
    for peer in peers:
        load(peer.port, key=peer.key, seconds=1.5, connections=connections)
    for _ in range(rounds):
        for peer in peers:
            before = cpu_s(peer.process)
            figures = load(peer.port, key=peer.key, seconds=seconds, connections=connections)
            figures["cpu_us"] = (cpu_s(peer.process) - before) / figures["requests"] * 1e6
            peer.rounds.append(figures)
    return [
        Measurement(
            peer.name,
            *(statistics.median(figures[name] for figures in peer.rounds) for name in ("requests_per_s", "p50_ms")),
            statistics.median(figures["p99_ms"] for figures in peer.rounds),
            resident_mib(peer.process),
            idle_cpu_percent(peer.process),
            statistics.median(figures["cpu_us"] for figures in peer.rounds),
            int(sum(figures["failed"] for figures in peer.rounds)),
        )
        for peer in peers
    ]


def main() -> int:
    """Measure, print, and return 1 where the gateway misses its marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--no-litellm", action="store_true")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="inferloop-benchmark-"))
    try:
        with contextlib.ExitStack() as stack:
            peers = start_peers(stack, folder, litellm=not arguments.no_litellm)
            results = measure(
                peers, seconds=arguments.seconds, rounds=arguments.rounds, connections=arguments.connections
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bare, gateway = results[0], results[1]
    ratio = gateway.requests_per_s / bare.requests_per_s
    passed = ratio >= MUST_REACH and gateway.rss_mib <= MUST_FIT_MIB and gateway.failed == 0
    if arguments.json:
        document = {"results": [asdict(item) for item in results], "ratio_to_bare": ratio, "passed": passed}
        print(json.dumps(document, indent=2))
    else:
        print(f"{'':20}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'RSS MiB':>9}{'idle CPU':>10}{'CPU us':>8}{'of bare':>9}")
        for item in results:
            share = item.requests_per_s / bare.requests_per_s
            print(
                f"{item.name:20}{item.requests_per_s:9.0f}{item.p50_ms:9.2f}{item.p99_ms:9.2f}{item.rss_mib:9.1f}"
                f"{item.idle_cpu_percent:9.1f}%{item.cpu_us_per_request:8.0f}{share:8.0%}"
            )
        verdict = "ok" if passed else "MISSED"
        print(f"gateway: {ratio:.0%} of the bare pass-through (must reach {MUST_REACH:.0%}): {verdict}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
