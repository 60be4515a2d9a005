"""Programs on PATH and what they say about themselves."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_TIMEOUT_S = 20


def find(name: str, search_path: str) -> Path | None:
    """Find an executable on `search_path`; its absolute path."""
    found = shutil.which(name, path=search_path)
    return Path(found).absolute() if found else None


def output_of(
    command: Sequence[str | os.PathLike[str]],
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str | None:
    """Give what a short command prints; None where it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=None if environ is None else dict(environ),
            cwd=folder,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
