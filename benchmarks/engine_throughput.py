"""Tokens per second of the embedded engine beside `transformers serve`, on the same weights, in the same run.

Both are asked over HTTP (`/v1/chat/completions`, greedy) with 1 and with 8 concurrent requests, in turns, so that load
of the machine meets both alike. `transformers serve` needs accelerate, fastapi, openai and uvicorn (dependency group
`benchmarks`).

    python benchmarks/engine_throughput.py [--model DIR] [--rounds 3] [--tokens 64] [--json]
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONCURRENCIES = (1, 8)
START_TIMEOUT_S = 180
QUESTIONS = ["Tell me about Paris.", "Why is the sky blue?", "What is a prime number?", "Describe a perfect day."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="A prepared model folder; default: the sample, prepared now.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inferloop-benchmark-") as name:
        work = Path(name)
        model = arguments.model or prepare_sample(work / "model")
        with inferloop(model, work) as ours, transformers_serve(model, work) as theirs:
            report = compare({"inferloop": ours, "transformers": theirs}, arguments.rounds, arguments.tokens)
    print(json.dumps(report) if arguments.json else table(report))


def prepare_sample(folder: Path) -> Path:
    from inferloop_runtime.serving.weights.preparation import prepare_model

    prepare_model("sample:smollm2-135m-instruct", folder)
    return folder


def compare(servers: dict[str, Callable[[str, int], int]], rounds: int, tokens: int) -> dict[str, Any]:
    for ask in servers.values():
        measure(ask, max(CONCURRENCIES), 8)
    speeds: dict[str, dict[int, list[float]]] = {name: {count: [] for count in CONCURRENCIES} for name in servers}
    for count in CONCURRENCIES:
        for _ in range(rounds):
            for name, ask in servers.items():
                speeds[name][count].append(measure(ask, count, tokens))
    medians = {
        name: {count: statistics.median(values) for count, values in runs.items()} for name, runs in speeds.items()
    }
    ratios = {count: medians["inferloop"][count] / medians["transformers"][count] for count in CONCURRENCIES}
    return {"tokens_per_s": medians, "ratio": ratios, "rounds": rounds, "tokens": tokens, "cpus": os.cpu_count()}


def measure(ask: Callable[[str, int], int], concurrency: int, tokens: int) -> float:
    """Return generated tokens a second, over all requests."""
    with ThreadPoolExecutor(concurrency) as pool:
        started_s = time.perf_counter()
        questions = [f"{QUESTIONS[index % len(QUESTIONS)]} ({index})" for index in range(concurrency)]
        counts = list(pool.map(lambda question: ask(question, tokens), questions))
        return sum(counts) / (time.perf_counter() - started_s)


@contextmanager
def inferloop(model: Path, work: Path) -> Iterator[Callable[[str, int], int]]:
    port = free_port()
    settings = {"model_path": str(model), "model_id": "benchmark", "port": port, "run_dir": str(work / "run")}
    (work / "serve.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "inferloop_runtime.main", "serve", "--config", str(work / "serve.json")]
    with server(command, f"http://127.0.0.1:{port}", work / "inferloop.log") as url:
        yield chat(url, "benchmark")


@contextmanager
def transformers_serve(model: Path, work: Path) -> Iterator[Callable[[str, int], int]]:
    port = free_port()
    program = shutil.which("transformers", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        sys.exit("the `transformers` program is not installed beside this Python")
    command = [program, "serve", str(model), "--host", "127.0.0.1", "--port", str(port)]
    with server(command, f"http://127.0.0.1:{port}", work / "transformers.log") as url:
        yield chat(url, str(model))


@contextmanager
def server(command: list[str], url: str, log: Path) -> Iterator[str]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not answers(url + "/health"):
            if process.poll() is not None or time.monotonic() > deadline_s:
                sys.exit(f"{command[:4]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def chat(url: str, model: str) -> Callable[[str, int], int]:
    """Return a function that asks one question and tells how many tokens were generated."""

    def ask(question: str, tokens: int) -> int:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": tokens,
            "temperature": 0,
        }
        request = urllib.request.Request(
            url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=600) as response:
            return int(json.load(response)["usage"]["completion_tokens"])

    return ask


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def table(report: dict[str, Any]) -> str:
    speeds, ratio = report["tokens_per_s"], report["ratio"]
    lines = ["concurrent  inferloop  transformers  ratio   (tokens/s)"]
    lines += [
        f"{count:10d} {speeds['inferloop'][count]:10.1f} {speeds['transformers'][count]:13.1f} {ratio[count]:6.2f}"
        for count in CONCURRENCIES
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
