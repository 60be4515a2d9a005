"""CPU time and memory of supervised processes, read from their pid files."""

from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client import Metric


def process_families(pid_dir: Path) -> Iterator[Metric]:
    """Yield CPU seconds, resident bytes and start time of each `<process>.pid`'s process, its children included.

    A process that is gone has none: its own `up` says so. Children are included because PostgreSQL and a sharded
    model server do their work in them; a child with a pid file of its own counts there alone.
    """
    cpu = Metric("inferloop_process_cpu_seconds", "CPU time of a process and its children", "counter")
    memory = Metric("inferloop_process_resident_bytes", "Resident memory of a process and its children", "gauge")
    started = Metric("inferloop_process_start_time_seconds", "When a process started, since the epoch", "gauge")
    running = Metric("inferloop_process_running", "Whether the process of a pid file runs", "gauge")
    families = {path.stem: _family(path) for path in sorted(pid_dir.glob("*.pid"))}
    for name, members in families.items():
        labels = {"process": name}
        running.add_sample(running.name, labels, 1 if members else 0)
        if not members:
            continue
        elsewhere = {
            member.pid
            for other, (top, *children) in ((key, value) for key, value in families.items() if value)
            if other != name and top in members[1:]
            for member in (top, *children)
        }
        used_s, resident = 0.0, 0
        for member in members:
            if member.pid in elsewhere:
                continue
            try:
                times = member.cpu_times()
                resident += member.memory_info().rss
            except psutil.Error:
                continue
            # A child that ended left its time to its parent, so the sum does not fall.
            used_s += times.user + times.system
            used_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        cpu.add_sample(cpu.name + "_total", labels, used_s)
        memory.add_sample(memory.name, labels, resident)
        started.add_sample(started.name, labels, members[0].create_time())
    yield from (running, cpu, memory, started)


def _family(pid_file: Path) -> list[psutil.Process]:
    """Return the process of a pid file, then all that descend from it; nothing where it does not run."""
    try:
        top = psutil.Process(int(pid_file.read_text()))
        if top.status() == psutil.STATUS_ZOMBIE:
            return []
        # Read now, since psutil keeps it: an ended process has none.
        top.create_time()
        return [top, *top.children(recursive=True)]
    except (OSError, ValueError, psutil.Error):
        return []
