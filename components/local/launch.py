"""Start one program for the local supervisor: as no root, recorded by its process id, ended with its parent.

Runs as a script (`python -I launch.py …`) before the program it becomes, so it needs only the standard library and
must start fast. It does not restart anything: that is the supervisor's work.
"""

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

# From <linux/prctl.h> and <linux/sched.h>.
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000

# Any id but 0 does: inside its user namespace the program sees itself as this user, outside it stays who started it.
_NAMESPACE_ID = 1000
_NOBODY_ID = 65534


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
    parser.add_argument("--parent-death-signal", default="SIGTERM", help="sent to the program when its parent ends")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    parent = os.getppid()
    if arguments.pid_file is not None:
        temporary = arguments.pid_file.with_suffix(".new")
        temporary.write_text(f"{os.getpid()}\n")
        temporary.replace(arguments.pid_file)
    if arguments.no_root is not None:
        drop_root(arguments.no_root)
    # A change of user clears this, so it comes last.
    end_with_parent(signal.Signals[arguments.parent_death_signal], parent)
    os.execv(arguments.command[0], arguments.command)


if __name__ == "__main__":
    main()
