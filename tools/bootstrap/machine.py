"""The disk and memory that set-up needs, checked before anything is downloaded.

Measured by `benchmarks/setup_time.py` (`du` of the folders, largest resident memory of one process: the linker's,
1.8 GiB) on Linux x86-64 with Python 3.11, and rounded up by a fifth or more.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap.diagnosis import DISK_MEND
from tools.bootstrap.errors import SetupError

GIB = 1 << 30
MIB = 1 << 20

# PostgreSQL's data, converted weights and logs of one dev stack.
STACK_BYTES = 1 * GIB
# uv's cache; the environment's files are hard links to it where both are on one file system, copies where not.
ENVIRONMENT_BYTES = {"locked": 7 * GIB, "cpu": 2 * GIB}
# Links only: every file of the lock is in uv's cache.
CACHED_ENVIRONMENT_BYTES = 400 * MIB
# Modules, compiled packages and the toolchain; all but the executables is removed after the build.
ENGINE_BUILD_BYTES = 5 * GIB
ENGINE_DOWNLOAD_BYTES = 1 * GIB
# Linking `pulumi` is the largest single step of the build.
ENGINE_BUILD_MEMORY_BYTES = 3 * GIB
# Not measured: bounds of the engine's build, whose modules and largest program are of the same order.
CONTROL_PLANE_BUILD_BYTES = ENGINE_BUILD_BYTES
CONTROL_PLANE_BUILD_MEMORY_BYTES = ENGINE_BUILD_MEMORY_BYTES
# Loading the sample model and serving it.
STACK_MEMORY_BYTES = 2 * GIB


@dataclass(frozen=True)
class Need:
    """Bytes of disk that one step takes below one folder."""

    what: str
    folder: Path
    size: int


def check_disk(needs: Iterable[Need]) -> None:
    """Raise SetupError where a file system has less room than all that goes to it."""
    groups: dict[int, list[Need]] = {}
    for need in needs:
        groups.setdefault(_existing(need.folder).stat().st_dev, []).append(need)
    for group in groups.values():
        free = free_bytes(group[0].folder)
        wanted = sum(need.size for need in group)
        if free < wanted:
            parts = ", ".join(f"{need.what} {_gib(need.size)}" for need in group)
            raise SetupError(
                f"{_existing(group[0].folder)} has {_gib(free)} of disk free; set-up needs {_gib(wanted)} ({parts})",
                mend=DISK_MEND,
            )


def check_memory(wanted: int, what: str) -> None:
    """Raise SetupError where less memory is available than `what` takes; do nothing where it cannot be told."""
    available = available_memory_bytes()
    if available is not None and available < wanted:
        raise SetupError(
            f"{_gib(available)} of memory is available, and {what} needs {_gib(wanted)}",
            mend="close other programs, give this machine or container more memory, or add swap",
        )


def free_bytes(folder: Path) -> int:
    """Give the bytes that this user may still write below `folder`, which need not exist yet."""
    return shutil.disk_usage(_existing(folder)).free


def available_memory_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Give memory and swap that can still be had, within the container's limit; None where it cannot be told."""
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    available = (kib.get("MemAvailable", 0) + kib.get("SwapFree", 0)) * 1024
    try:
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        # What the page cache holds counts as used, but is given back.
        statistics = (cgroup / "memory.stat").read_text(encoding="ascii").splitlines()
        cached = next((int(line.split()[1]) for line in statistics if line.startswith("file ")), 0)
    except (OSError, ValueError):
        return available
    return min(available, max(0, limit - used + cached))


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
