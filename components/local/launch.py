"""Start one program for the local supervisor: as no root, recorded by its process id, ended with its parent.

Runs as a script (`python -I launch.py …`) before the program it becomes, so it needs only the standard library and
must start fast. It does not restart anything: that is the supervisor's work.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

# From <linux/prctl.h> and <linux/sched.h>.
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000

# Any id but 0 does: inside its user namespace the program sees itself as this user, outside it stays who started it.
_NAMESPACE_ID = 1000
_NOBODY_ID = 65534

# What the kernel still writes for a killed process holds it back a while; longer than this it is no use to wait.
_ORPHANS_END_S = 5.0


def drop_root(data_dir: Path | None = None) -> None:
    """Give up being root in this process, for programs that refuse to run as root; do nothing for another user.

    A user namespace is tried first: files keep their owner and no path needs other permissions. Where the kernel or
    the container forbids one, the process becomes `nobody`, who is given `data_dir` first. Raises PermissionError,
    with the path that `nobody` cannot enter, where neither works.
    """
    if os.geteuid() != 0:
        return
    gid = os.getegid()
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_ID} 0 1")
        Path("/proc/self/gid_map").write_text(f"{_NAMESPACE_ID} {gid} 1")
        return
    if data_dir is not None:
        for path in (data_dir, *data_dir.rglob("*")):
            os.chown(path, _NOBODY_ID, _NOBODY_ID, follow_symlinks=False)
        for ancestor in reversed(data_dir.resolve().parents):
            if not ancestor.stat().st_mode & 0o001:
                raise PermissionError(
                    f"root may not create a user namespace here, and the user nobody cannot enter {ancestor}; "
                    f"run as an ordinary user, or `chmod o+x {ancestor}`"
                )
    os.setgroups([])
    os.setgid(_NOBODY_ID)
    os.setuid(_NOBODY_ID)


def end_orphans(title: str, folder: Path) -> None:
    """Kill the processes whose title begins with `title`, which work in `folder` and whose parent is gone (Linux).

    A server that was killed leaves its sessions, which hold its shared memory: while one of them is busy, or stopped,
    the next server refuses to start.
    """
    orphans = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                (process / "cmdline").read_bytes().startswith(title.encode())
                and (process / "cwd").samefile(folder)
                and not _is_titled(_parent_of(process), title)
            ):
                os.kill(int(process.name), signal.SIGKILL)
                orphans.append(process)
        except OSError:
            continue
    deadline = time.monotonic() + _ORPHANS_END_S
    while any(map(_is_there, orphans)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _parent_of(process: Path) -> Path:
    # The name before the last parenthesis may hold anything.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return Path("/proc", fields[1])


def _is_titled(process: Path, title: str) -> bool:
    """Tell whether a process is the server or one of its sessions."""
    try:
        program = (process / "cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False
    return program.startswith(title.encode()) or Path(os.fsdecode(program)).name == title.rstrip(": ")


def _is_there(process: Path) -> bool:
    """Tell whether a process still holds anything: one that only waits to be reaped does not."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def end_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends (Linux); exit if it already has."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the supervisor (process {parent}) ended before this program started")


def main() -> None:
    """Prepare this process and become the program after `--`."""
    parser = argparse.ArgumentParser(description="Start one program for the local supervisor.")
    parser.add_argument("--pid-file", type=Path, help="receives the program's process id")
    parser.add_argument("--no-root", type=Path, metavar="DATA_DIR", help="refuse to be root; DATA_DIR is the program's")
    parser.add_argument(
        "--end-orphans",
        nargs=2,
        metavar=("TITLE", "FOLDER"),
        help="kill what an earlier run of the program left, by its processes' title and working folder",
    )
    parser.add_argument("--parent-death-signal", default="SIGTERM", help="sent to the program when its parent ends")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    parent = os.getppid()
    if arguments.pid_file is not None:
        temporary = arguments.pid_file.with_suffix(".new")
        temporary.write_text(f"{os.getpid()}\n")
        temporary.replace(arguments.pid_file)
    if arguments.end_orphans is not None:
        end_orphans(arguments.end_orphans[0], Path(arguments.end_orphans[1]))
    if arguments.no_root is not None:
        drop_root(arguments.no_root)
    # A change of user clears this, so it comes last.
    end_with_parent(signal.Signals[arguments.parent_death_signal], parent)
    os.execv(arguments.command[0], arguments.command)


if __name__ == "__main__":
    main()
