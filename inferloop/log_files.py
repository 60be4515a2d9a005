"""Read a stack's logs: the last lines, and what comes after them, across rotation."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inferloop.errors import StackDownError

_POLL_S = 0.2


def known_logs(log_dir: Path) -> dict[str, Path]:
    """Return each process's log file by the process's name."""
    return {path.stem: path for path in sorted(log_dir.glob("*.log"))}


def select_logs(log_dir: Path, process: str | None) -> dict[str, Path]:
    """Return one process's log, or all. Raises StackDownError, with the known names, where there is none."""
    logs = known_logs(log_dir)
    if not logs:
        raise StackDownError(f"there are no logs in {log_dir}; `inferloop up` starts the stack")
    if process is None:
        return logs
    # The shards write to their server's log.
    name = process.partition(":")[0]
    if name not in logs:
        raise StackDownError(f"no process {process!r} has a log; known: {', '.join(logs)}")
    return {name: logs[name]}


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a file, without their line breaks."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


@dataclass
class Follower:
    """Yield the lines that are added to a file after this object was made, across rotation to `<name>.1`."""

    path: Path
    _inode: int = field(init=False)
    _offset: int = field(init=False)

    def __post_init__(self) -> None:
        status = self.path.stat()
        self._inode, self._offset = status.st_ino, status.st_size

    def poll(self) -> Iterator[str]:
        """Yield the whole lines that were added since the last call."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return
        if status.st_ino != self._inode:
            rotated = self.path.with_name(f"{self.path.name}.1")
            if rotated.exists() and rotated.stat().st_ino == self._inode:
                yield from self._read(rotated)
            self._inode, self._offset = status.st_ino, 0
        elif status.st_size < self._offset:
            self._offset = 0
        yield from self._read(self.path)

    def _read(self, path: Path) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield line.decode("utf-8", errors="replace").rstrip("\n")


def follow(followers: Mapping[str, Follower], write: Callable[[str, str], None]) -> None:
    """Pass added lines to `write(process, line)` until the caller is interrupted."""
    while True:
        for name, follower in followers.items():
            for line in follower.poll():
                write(name, line)
        time.sleep(_POLL_S)
