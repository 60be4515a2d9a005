"""Gather every wheel that an image needs into one folder, so that its build needs no network.

Versions and hashes come from uv.lock. Needs uv and the package registry, or uv's cache.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.image.lock import ImageError

ROOT = Path(__file__).resolve().parents[2]
# Both base images run this Python; wheels are for one version.
IMAGE_PYTHON = (3, 11)


def gather(folder: Path, extras: tuple[str, ...]) -> None:
    """Build the runtime's wheel and download its locked dependencies, with pip's own wheel, into `folder`.

    The folder is emptied first. Raises ImageError under another Python than the image's, without uv, or where a step
    fails.
    """
    if sys.version_info[:2] != IMAGE_PYTHON:
        wanted = ".".join(map(str, IMAGE_PYTHON))
        raise ImageError(
            f"the image runs Python {wanted}, and wheels are gathered for the Python that gathers them: run "
            f"`uv run --no-project --python {wanted} --with pip python tools/image wheels`"
        )
    uv = _find_uv()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    requirements = folder / "requirements.txt"
    chosen = [argument for extra in extras for argument in ("--extra", extra)]
    export = [uv, "export", "--frozen", "--quiet", "--package", "inferloop-runtime", "--no-emit-workspace", "--no-dev"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--only-binary", ":all:"]
    for step in (
        [uv, "build", "--quiet", "--wheel", "--package", "inferloop-runtime", "--out-dir", str(folder)],
        [*export, *chosen, "--output-file", str(requirements)],
        [*pip, "--no-deps", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements)],
        [*pip, "--no-deps", "--dest", str(folder), "pip"],
    ):
        if subprocess.run(step, cwd=ROOT, check=False).returncode != 0:
            raise ImageError(f"gathering wheels stopped at: {' '.join(step)}")
    (folder / ".gitignore").unlink(missing_ok=True)
    requirements.unlink()


def _find_uv() -> str:
    on_path = shutil.which("uv")
    # Set-up leaves it here where none is on PATH.
    found = [on_path] if on_path else sorted(map(str, (ROOT / ".tools" / "uv").glob("**/bin/uv")))
    if not found:
        raise ImageError("uv is not found: run `make setup`, or install uv")
    return found[-1]
