"""Bring the supervisor back when it was killed; runs under it as the program `keeper`.

Runs as a script (`python -I -S keeper.py …`), so it needs only the standard library. It sleeps in the kernel until its
parent ends. An orderly shutdown stops this program before the supervisor itself ends, so a parent that ends first
was killed.
"""

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

# Programs are told to end when the supervisor does (launch.py); whatever has not by then is killed.
GRACE_S = 3.0
_POLL_S = 0.05


def belongs_to(pid: int, stack_dir: Path) -> bool:
    """Tell whether `pid` is a living process of this stack, by its working folder: process ids are used again."""
    try:
        if not sys.platform.startswith("linux"):
            os.kill(pid, 0)
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(stack_dir)
    except (OSError, IndexError):
        return False


def recorded_processes(stack_dir: Path) -> set[int]:
    """Return the living processes that this stack's pid files name."""
    found = set()
    for path in (stack_dir / "run").glob("*.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(path.read_text().split()[0])
            if belongs_to(pid, stack_dir):
                found.add(pid)
    return found


def end_processes(stack_dir: Path, *, grace_s: float, spare: frozenset[int] = frozenset()) -> None:
    """Wait up to `grace_s` seconds for the stack's processes to end, then kill the rest with all that they started."""
    deadline = time.monotonic() + grace_s
    while remaining := recorded_processes(stack_dir) - spare:
        if time.monotonic() > deadline:
            for pid in remaining:
                with contextlib.suppress(OSError):
                    # Each program leads a process group of its own.
                    (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def wait_for_end(pid: int) -> None:
    """Sleep until the process ends, without using the processor where the kernel offers process handles."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll()
        os.close(handle)
        return
    while os.getppid() == pid:
        time.sleep(1)


def main() -> None:
    """Watch the parent; when it was killed, clear up after it and start the command that makes a new one."""
    parser = argparse.ArgumentParser(description="Bring the supervisor back when it was killed.")
    parser.add_argument("--stack-dir", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    parent = os.getppid()
    pid_file = arguments.stack_dir / "run" / "keeper.pid"
    temporary = pid_file.with_suffix(".new")
    temporary.write_text(f"{os.getpid()}\n")
    temporary.replace(pid_file)
    if parent != 1:
        wait_for_end(parent)
    # Nobody reads the supervisor's end of this process's pipe any more.
    log = (arguments.stack_dir / "log" / "keeper.log").open("a", buffering=1)
    os.dup2(log.fileno(), sys.stdout.fileno())
    os.dup2(log.fileno(), sys.stderr.fileno())
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    log.write(f"{now} the supervisor (process {parent}) was killed: starting another\n")
    end_processes(arguments.stack_dir, grace_s=GRACE_S, spare=frozenset({os.getpid()}))
    done = subprocess.run(arguments.command, start_new_session=True, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
