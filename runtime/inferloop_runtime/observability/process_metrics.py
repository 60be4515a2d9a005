"""CPU time and memory of supervised processes, read from their pid files."""

from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client import Metric


def process_families(pid_dir: Path) -> Iterator[Metric]:
    """Yield CPU seconds, resident bytes and start time of each `<process>.pid`'s process, its children included.

    A process that is gone has none: its own `up` says so. Children are included because PostgreSQL and a sharded
    model server do their work in them.
    """
    cpu = Metric("inferloop_process_cpu_seconds", "CPU time of a process and its children", "counter")
    memory = Metric("inferloop_process_resident_bytes", "Resident memory of a process and its children", "gauge")
    started = Metric("inferloop_process_start_time_seconds", "When a process started, since the epoch", "gauge")
    running = Metric("inferloop_process_running", "Whether the process of a pid file runs", "gauge")
    for path in sorted(pid_dir.glob("*.pid")):
        labels = {"process": path.stem}
        try:
            top = psutil.Process(int(path.read_text()))
            members = [top, *top.children(recursive=True)]
            start = top.create_time()
            if top.status() == psutil.STATUS_ZOMBIE:
                raise psutil.NoSuchProcess(top.pid)
        except (OSError, ValueError, psutil.Error):
            running.add_sample(running.name, labels, 0)
            continue
        used_s, resident = 0.0, 0
        for member in members:
            try:
                times = member.cpu_times()
                resident += member.memory_info().rss
            except psutil.Error:
                continue
            # A child that ended left its time to its parent, so the sum does not fall.
            used_s += times.user + times.system
            used_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        running.add_sample(running.name, labels, 1)
        cpu.add_sample(cpu.name + "_total", labels, used_s)
        memory.add_sample(memory.name, labels, resident)
        started.add_sample(started.name, labels, start)
    yield from (running, cpu, memory, started)
