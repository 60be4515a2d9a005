"""Watch how much memory a rehearsal takes over all of its processes."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import psutil

_INTERVAL_S = 1.0
_MIB = 2**20


class MemoryWatch:
    """Sample this process, everything that it started, and other processes by their ids, until the block ends.

    `samples` are (seconds since the start, MiB). Memory that several processes share counts once: the kernel's
    proportional set size where it can be read (https://docs.kernel.org/filesystems/proc.html, smaps_rollup), else the
    resident set.
    """

    def __init__(self, others: Callable[[], Iterable[int]] = tuple) -> None:
        self.samples: list[tuple[float, float]] = []
        self._others = others
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    @property
    def peak_mib(self) -> float:
        """The largest sample."""
        return max((mib for _, mib in self.samples), default=0.0)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            total = sum(_memory_of(pid) for pid in process_tree(os.getpid(), self._others()))
            self.samples.append((round(time.monotonic() - self._started, 2), round(total / _MIB, 1)))
            if self._ended.wait(_INTERVAL_S):
                return


def process_tree(root: int, others: Iterable[int] = ()) -> set[int]:
    """Return the ids of processes and of everything that they started, `root` and `others` among them."""
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process.pid)
    found: set[int] = set()
    left = [root, *others]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left.extend(children.get(pid, ()))
    return found


def _memory_of(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
