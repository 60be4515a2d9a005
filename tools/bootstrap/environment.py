"""The virtual environment: exactly what uv.lock says, left alone while nothing that it depends on has changed."""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from tools.bootstrap import atomic, processes, programs
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import NETWORK_MEND, failure
from tools.bootstrap.errors import SetupError
from tools.bootstrap.network import reach
from tools.bootstrap.registries import python_index
from tools.bootstrap.torch_build import TorchBuild, choose_torch, has_nvidia_gpu, installed_torch
from tools.bootstrap.uv import Uv

_TOPIC = "environment"
_INPUTS = ("uv.lock", "pyproject.toml", "runtime/pyproject.toml")
_NEWS = re.compile(r"^\s*(Downloading|Downloaded|Building|Built|Prepared|Installed|Removed|Updated) ")


def is_current(context: Context) -> bool:
    """Tell, without starting a program, whether the environment is whole and made from the present lock."""
    layout = context.layout
    stamp = atomic.read_json(_stamp(context))
    return (
        stamp is not None
        and not _unfinished(context).exists()
        and stamp.get("inputs") == _digest(context)
        and context.extras <= set(stamp.get("extras", ()))
        # Scripts name their interpreter by its path: a checkout that was moved needs new ones.
        and stamp.get("environment") == str(layout.environment)
        and layout.python.exists()
        and (layout.environment / "bin" / "inferloop").exists()
    )


def is_cached(context: Context) -> bool:
    """Tell whether an earlier set-up of this user has already filled uv's cache with this lock."""
    note = atomic.read_json(_note(context))
    return note is not None and (Path(note["uv_cache"]) / "archive-v0").is_dir()


def plan_torch(context: Context) -> TorchBuild:
    """Choose the PyTorch build for this machine; asks PyTorch's index only where that matters."""
    layout = context.layout
    python = layout.python if layout.python.exists() else Path(sys.executable)
    said = programs.output_of([python, "-c", "import sys; print('cp%d%d' % sys.version_info[:2])"])
    return choose_torch(
        layout.root / "uv.lock",
        context.pins,
        context.environ,
        installed=installed_torch(layout.environment),
        gpu=has_nvidia_gpu(),
        tag=said or f"cp{sys.version_info.major}{sys.version_info.minor}",
    )


def ensure_environment(context: Context, uv: Uv, torch: TorchBuild) -> None:
    """Bring the environment to the lock; one that an earlier attempt left half-made is made anew from uv's cache.

    Extras that an earlier set-up brought, and packages that the user added, stay. Raises SetupError with the remedy
    where it cannot be done.
    """
    layout = context.layout
    _set_aside_broken(context)
    extras = _wanted_extras(context)
    _unfinished(context).touch()
    _stamp(context).unlink(missing_ok=True)
    context.progress.say(_TOPIC, f"PyTorch {torch.version}: {torch.why}")
    left_out = [f"--no-install-package={name}" for name in torch.left_out]
    # An environment keeps its interpreter, so that `make` with another PYTHON does not install everything again.
    python = layout.python if layout.python.exists() else Path(sys.executable)
    options = ["--frozen", "--inexact", *(f"--extra={name}" for name in sorted(extras))]
    sync = ["sync", *options, f"--python={python}", *left_out]
    online = reach(python_index(context))
    finished = _uv(context, uv, *sync, *([] if online.answers else ["--offline"]))
    if finished.status != 0:
        if not online.answers:
            raise SetupError(
                f"no network: {online.url} cannot be reached ({online.detail}), and uv's cache lacks some packages",
                mend=NETWORK_MEND,
            )
        raise failure("the Python packages could not be installed", finished)
    if torch.name == "cpu" and installed_torch(layout.environment) != torch.version:
        _install_cpu_torch(context, uv, torch, options)
    _check(context)
    _record(context, uv, extras)


def _wanted_extras(context: Context) -> frozenset[str]:
    before = atomic.read_json(_stamp(context)) if context.layout.environment.exists() else None
    return context.extras | frozenset(before.get("extras", ()) if before else ())


def _install_cpu_torch(context: Context, uv: Uv, torch: TorchBuild, sync_options: list[str]) -> None:
    index = context.pins.torch_cpu_index
    options = [f"--python={context.layout.python}", "--no-deps", f"--default-index={index}"]
    finished = _uv(context, uv, "pip", "install", *options, f"torch=={torch.version}")
    if finished.status == 0:
        return
    context.progress.say(_TOPIC, f"{index} failed in the middle; taking the locked build from PyPI instead")
    locked = TorchBuild("locked", torch.version.removesuffix("+cpu"), f"{index} failed")
    finished = _uv(context, uv, "sync", *sync_options, f"--python={context.layout.python}")
    if finished.status != 0:
        raise failure(f"PyTorch {locked.version} could not be installed", finished)


def _uv(context: Context, uv: Uv, *arguments: str) -> processes.Finished:
    latest = "resolving"

    def on_line(line: str) -> None:
        nonlocal latest
        if _NEWS.match(line):
            latest = line.strip()
            if not latest.startswith("Download"):
                context.progress.say(_TOPIC, latest)

    environ = {name: value for name, value in context.environ.items() if name != "VIRTUAL_ENV"}
    environ["UV_PROJECT_ENVIRONMENT"] = str(context.layout.environment)
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    environ["UV_NO_PROGRESS"] = "1"
    environ.setdefault("UV_CACHE_DIR", str(_uv_cache(context)))
    return processes.run(
        [uv.path, *arguments],
        stop=context.stop,
        on_line=on_line,
        on_wait=lambda: context.progress.tick(_TOPIC, latest),
        environ=environ,
        folder=context.layout.root,
        keep_open=context.keep_open,
    )


def _uv_cache(context: Context) -> Path:
    # Beside our own folder in the user's cache, or inside the checkout where there is no such folder.
    return context.layout.cache.parent / "uv"


def _set_aside_broken(context: Context) -> None:
    layout = context.layout
    stamp = atomic.read_json(_stamp(context))
    moved = stamp is not None and stamp.get("environment") != str(layout.environment)
    headless = layout.environment.exists() and programs.output_of([layout.python, "-c", ""]) is None
    if _unfinished(context).exists() or moved or headless:
        reason = "was moved here" if moved else "lacks a working Python" if headless else "was left half-made"
        if layout.environment.exists():
            context.progress.say(_TOPIC, f".venv {reason}; making it anew")
            shutil.rmtree(layout.environment)


def _check(context: Context) -> None:
    # What the Pulumi language host runs in the environment, and what `make up` runs next.
    for command in (["-m", "pip", "--version"], ["-c", "import pulumi, torch"]):
        said = processes.run([context.layout.python, *command], stop=context.stop, folder=context.layout.environment)
        if said.status != 0:
            raise failure(f"the new environment cannot run `python {' '.join(command)}`", said)


def _record(context: Context, uv: Uv, extras: frozenset[str]) -> None:
    layout = context.layout
    used = context.environ.get("UV_CACHE_DIR", str(_uv_cache(context)))
    stamp = {
        "inputs": _digest(context),
        "environment": str(layout.environment),
        "extras": sorted(extras),
        "uv": uv.version,
    }
    atomic.write_json(_stamp(context), stamp)
    atomic.write_json(_note(context), {"uv_cache": used})
    _unfinished(context).unlink()


def _digest(context: Context) -> str:
    digest = hashlib.sha256()
    for name in _INPUTS:
        digest.update((context.layout.root / name).read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def _stamp(context: Context) -> Path:
    return context.layout.environment / "inferloop-setup.json"


def _unfinished(context: Context) -> Path:
    return context.layout.tools / "environment.unfinished"


def _note(context: Context) -> Path:
    lock = atomic.sha256_of(context.layout.root / "uv.lock")
    return context.layout.cache / "environment" / f"{lock[:16]}.json"
