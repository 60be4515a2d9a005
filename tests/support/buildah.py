"""buildah with a store of its own, for tests: no daemon, no container runtime, no registry."""

import shutil
import subprocess
from pathlib import Path


class Buildah:
    """Run buildah below one folder; `network=False` gives the run an empty network namespace (root only)."""

    def __init__(self, folder: Path) -> None:
        self._base = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._base += ["--storage-driver", "vfs"]

    def __call__(self, *arguments: str | Path, network: bool = True, check: bool = True, timeout_s: float = 240) -> str:
        """Run one subcommand and return its standard output; AssertionError with both outputs where it fails."""
        offline = [] if network else ["unshare", "--net"]
        done = subprocess.run(
            [*offline, *self._base, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + ("" if check else done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one subcommand and return its process; its output is thrown away."""
        return subprocess.Popen([*self._base, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def why_not() -> str | None:
    """Say why images cannot be built here, or None where they can."""
    if shutil.which("buildah") is None:
        return "buildah is not installed (apt-get install buildah)"
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "this user may not make a network namespace"
    return None
