"""Build one target of runtime/Containerfile with buildah, podman or docker, whichever is there."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.image.lock import ImageError, read

ROOT = Path(__file__).resolve().parents[2]
BUILDERS = ("buildah", "podman", "docker")


def command(builder: str, target: str, base: str, context: Path, tag: str, extras: str | None) -> list[str]:
    """Give the build's command line; `base` is what the target stands on, `context` holds wheels/ and install.py."""
    arguments = [builder, "build", "--file", str(ROOT / "runtime" / "Containerfile"), "--target", target, "--tag", tag]
    arguments += ["--build-arg", f"{read()[target].build_arg}={base}"]
    if extras is not None:
        arguments += ["--build-arg", f"EXTRAS={extras}"]
    return [*arguments, str(context)]


def build(target: str, wheels: Path, tag: str, extras: str | None = None) -> None:
    """Build `target` from the wheels in a folder and tag it.

    Raises ImageError where the base's digest is not resolved, no builder is there, the folder has no runtime wheel or
    the build fails.
    """
    base = read()[target].pinned
    builder = next((name for name in BUILDERS if shutil.which(name)), None)
    if builder is None:
        raise ImageError(f"no image builder is found; install one of {', '.join(BUILDERS)}")
    if not list(wheels.glob("inferloop_runtime-*.whl")):
        raise ImageError(f"{wheels} holds no runtime wheel; run `python tools/image wheels` first")
    with tempfile.TemporaryDirectory(prefix="inferloop-image-") as folder:
        context = Path(folder)
        shutil.copytree(wheels, context / "wheels", copy_function=_link_or_copy)
        shutil.copy(Path(__file__).with_name("install.py"), context / "install.py")
        if subprocess.run(command(builder, target, base, context, tag, extras), check=False).returncode != 0:
            raise ImageError(f"{builder} could not build the target {target}; its own messages stand above")


def _link_or_copy(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
