"""Watch how much memory a rehearsal takes over all of its processes."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import psutil

_INTERVAL_S = 1.0
# Of a processor: the kernel walks a process's whole memory to tell its share, which takes long for large ones.
_MAX_LOAD = 0.03
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
            begun = time.thread_time()
            total = sum(_memory_of(pid) for pid in process_tree(os.getpid(), self._others()))
            self.samples.append((round(time.monotonic() - self._started, 2), round(total / _MIB, 1)))
            if self._ended.wait(max(_INTERVAL_S, (time.thread_time() - begun) / _MAX_LOAD)):
                return


def process_tree(root: int, others: Iterable[int] = ()) -> set[int]:
    """Return the ids of processes and of everything that they started, `root` and `others` among them."""
    found = {root, *others}
    for pid in tuple(found):
        try:
            found.update(child.pid for child in psutil.Process(pid).children(recursive=True))
        except psutil.Error:
            continue
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
