"""Measure a stack that is up: the time of an `up` without a change, idle processor use and memory.

    python benchmarks/running_stack.py [--stack dev] [--config-file FILE] [--rounds 5] [--idle-s 30] [--json]

Idle processor use is the share of one core that all processes of the stack take together while nobody sends requests;
the processes that shards and workers are count with those that started them. Memory is resident, shared pages counted
in each process (Linux: proportional set size, where they are counted once).
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

INFERLOOP = Path(sys.executable).with_name("inferloop")
# What phase 1 promises on two cores.
MUST_REACH = {"no_op_up_s": 5.0, "idle_cpu_share": 0.05}


def inferloop(*arguments: str) -> Any:
    done = subprocess.run([INFERLOOP, *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: inferloop {' '.join(arguments)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def no_op_up(command: list[str], rounds: int) -> list[float]:
    # The first one may still repair something.
    inferloop(*command)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        changes = inferloop(*command)["changes"]
        times.append(time.perf_counter() - started)
        if changes:
            sys.exit(f"error: an `up` without a change made {changes} changes")
    return times


def trees(stack: str) -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = {}
    counted: set[int] = set()
    for item in inferloop("status", stack)["processes"]:
        # Shards are listed by themselves too, after the model server that they belong to.
        if item["pid"] is None or item["pid"] in counted:
            continue
        process = psutil.Process(item["pid"])
        # Everything is the supervisor's child, and listed by its own name.
        children = [] if item["name"] == "supervisor" else process.children(recursive=True)
        found[item["name"]] = [process, *children]
        counted |= {member.pid for member in found[item["name"]]}
    return found


def cpu_s(tree: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in tree))


def memory_mb(tree: list[psutil.Process]) -> float:
    used = (process.memory_full_info() for process in tree)
    return sum(getattr(info, "pss", 0) or info.rss for info in used) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a stack that is up.")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--config-file", help="the stack's configuration, where it is not the repository's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-s", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    config = ["--config-file", options.config_file] if options.config_file else []
    times = no_op_up(["up", options.stack, *config], options.rounds)
    processes = trees(options.stack)
    before = {name: cpu_s(tree) for name, tree in processes.items()}
    started = time.monotonic()
    time.sleep(options.idle_s)
    elapsed = time.monotonic() - started
    idle = {name: (cpu_s(tree) - before[name]) / elapsed for name, tree in processes.items()}
    memory = {name: memory_mb(tree) for name, tree in processes.items()}
    result = {
        "cores": psutil.cpu_count(),
        "no_op_up_s": round(statistics.median(times), 2),
        "no_op_up_slowest_s": round(max(times), 2),
        "idle_cpu_share": round(sum(idle.values()), 4),
        "idle_cpu_share_by_process": {name: round(share, 4) for name, share in idle.items()},
        "memory_mb_by_process": {name: round(size) for name, size in memory.items()},
    }
    missed = [name for name, limit in MUST_REACH.items() if result[name] > limit]
    if options.json:
        print(json.dumps({**result, "missed": missed}))
    else:
        print(f"up without a change: {result['no_op_up_s']} s (slowest {result['no_op_up_slowest_s']} s)")
        for name in processes:
            print(f"{name:<14} idle {idle[name]:6.1%} of a core, {memory[name]:6.0f} MB")
        print(f"{'all':<14} idle {sum(idle.values()):6.1%} of a core, {sum(memory.values()):6.0f} MB")
    sys.exit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
