"""uv: the user's own where it is recent enough, else one in the checkout, had with pip."""

import importlib.util
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap import atomic, processes, programs
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import failure
from tools.bootstrap.errors import SetupError
from tools.bootstrap.versions import Wheel, is_recent, numbers_of

_TOPIC = "uv"


@dataclass(frozen=True)
class Uv:
    """A usable uv: its path, its version such as "0.13.9", and whose it is."""

    path: Path
    version: str
    source: str


def find_uv(context: Context) -> Uv | None:
    """Find a recent uv on PATH or in the checkout."""
    own = _own(context)
    for path, source in ((programs.find("uv", context.search_path()), "PATH"), (own, "checkout")):
        if path is None or not path.exists():
            continue
        said = programs.output_of([path, "--version"])
        if said is not None and is_recent(said, context.pins.uv.minimum):
            numbers = numbers_of(said)
            assert numbers is not None  # noqa: S101 - a recent version has numbers
            return Uv(path, ".".join(map(str, numbers)), source)
    return None


def ensure_uv(context: Context) -> Uv:
    """Find uv or install the pinned one below .tools/, touching neither the system nor the user's Python."""
    found = find_uv(context)
    if found is None:
        pin = context.pins.uv
        context.progress.say(_TOPIC, f"installing uv {pin.version} from PyPI: none on PATH is {pin.minimum} or newer")
        install_with_pip(context, "uv", pin, _own(context).parent.parent)
        found = find_uv(context)
        if found is None:
            raise SetupError(
                f"the installed uv at {_own(context)} does not start",
                mend="install uv with this system's package manager, or remove .tools and run the same command again",
            )
    return found


def install_with_pip(context: Context, name: str, wheel: Wheel, folder: Path) -> None:
    """Install one pinned wheel into `folder`, which appears whole; its digest must be among those pinned.

    `--target` is what pip allows on externally managed Pythons (PEP 668) and without venv or ensurepip.
    """
    if importlib.util.find_spec("pip") is None:
        raise SetupError(
            f"{sys.executable} has no pip, and no recent uv is on PATH",
            mend="install pip (Debian, Ubuntu: apt-get install python3-pip), or uv, or name another Python: "
            "PYTHON=python3.12 make up",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        requirements = Path(temporary) / "requirements.txt"
        digests = " ".join(f"--hash=sha256:{digest}" for digest in wheel.sha256)
        requirements.write_text(f"{name}=={wheel.version} {digests}\n", encoding="ascii")
        target = Path(temporary) / "target"
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile", "--no-input", "--quiet"]
        options += ["--disable-pip-version-check", "--retries=2", f"--target={target}", f"--requirement={requirements}"]
        finished = processes.run(
            [sys.executable, "-m", "pip", "install", *options],
            stop=context.stop,
            on_wait=lambda: context.progress.tick(_TOPIC, f"downloading {name} {wheel.version}"),
            environ=dict(context.environ),
            keep_open=context.keep_open,
        )
        if finished.status != 0:
            raise failure(f"{name} {wheel.version} could not be installed from PyPI", finished)
        shutil.rmtree(folder, ignore_errors=True)
        atomic.replace_folder(target, folder)


def _own(context: Context) -> Path:
    return context.layout.tools / "uv" / context.pins.uv.version / "bin" / "uv"
