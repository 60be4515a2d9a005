"""Which build of PyTorch: the locked one from PyPI, or the same version without CUDA from PyTorch's own index."""

import fnmatch
import os
import platform
import re
import shutil
import sys
import tomllib
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.bootstrap.errors import SetupError
from tools.bootstrap.network import read_text
from tools.bootstrap.versions import Pins

BuildName = Literal["cpu", "locked"]
VARIABLE = "INFERLOOP_TORCH"


@dataclass(frozen=True)
class TorchBuild:
    """The chosen build, its version, why, and the packages of the lock that it makes needless."""

    name: BuildName
    version: str
    why: str
    left_out: tuple[str, ...] = ()


def has_nvidia_gpu(dev: Path = Path("/dev"), proc: Path = Path("/proc")) -> bool:
    """Tell whether an NVIDIA driver is loaded here, under Linux or WSL."""
    return (
        (dev / "nvidiactl").exists()
        or (proc / "driver" / "nvidia" / "version").exists()
        or ((dev / "dxg").exists() and shutil.which("nvidia-smi") is not None)
    )


def choose_torch(
    lock_file: Path, pins: Pins, environ: Mapping[str, str], *, installed: str | None, gpu: bool, tag: str
) -> TorchBuild:
    """Choose a build; INFERLOOP_TORCH=cpu or =locked decides alone.

    `installed` is the version that the environment has now, `tag` its interpreter's wheel tag, such as "cp311".
    Raises SetupError for another value of the variable.
    """
    wish = environ.get(VARIABLE, "auto")
    if wish not in ("auto", "cpu", "locked"):
        raise SetupError(f"{VARIABLE} is {wish!r}", mend=f"set {VARIABLE} to auto, cpu or locked, or unset it")
    names = {package["name"]: package["version"] for package in tomllib.loads(lock_file.read_text())["package"]}
    version: str = names["torch"]
    if sys.platform != "linux":
        return TorchBuild("locked", version, "PyPI's build for this system has no CUDA")
    if wish == "locked":
        return TorchBuild("locked", version, f"{VARIABLE}=locked")
    if wish == "auto" and gpu:
        return TorchBuild("locked", version, "an NVIDIA GPU is here")
    left_out = tuple(
        name for name in sorted(names) if any(fnmatch.fnmatch(name, pattern) for pattern in pins.cuda_packages)
    )
    cpu = TorchBuild("cpu", f"{version}+cpu", "no NVIDIA GPU is here", ("torch", *left_out))
    if installed == cpu.version or offers(pins.torch_cpu_index, cpu.version, tag) or wish == "cpu":
        return cpu
    host = urllib.parse.urlsplit(pins.torch_cpu_index).netloc
    return TorchBuild(
        "locked", version, f"no NVIDIA GPU is here, but {host} does not offer {cpu.version}: the CUDA build runs too"
    )


def offers(index: str, version: str, tag: str) -> bool:
    """Tell whether a package index answers and lists a torch wheel of this version for this machine."""
    page = read_text(f"{index}/torch/")
    if page is None:
        return False
    wanted = rf"torch-{re.escape(version)}-{tag}-\S*linux\S*_{platform.machine()}\.whl"
    return re.search(wanted, urllib.parse.unquote(page)) is not None


def installed_torch(environment: Path) -> str | None:
    """Read the environment's torch version from its metadata's folder name."""
    found = sorted(environment.glob("lib/python3.*/site-packages/torch-*.dist-info"))
    return os.fspath(found[0].name)[len("torch-") : -len(".dist-info")] if found else None
