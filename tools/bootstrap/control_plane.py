"""What rehearsals run: etcd, Kubernetes, kwok and helm, built from pinned Go modules when first asked for.

Each of the four is stored on its own, in the store of engines, so that a new version of one leaves the others alone.
"""

import contextlib
import platform
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bootstrap import atomic, machine, programs
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import refusal
from tools.bootstrap.engine_store import is_stored, link_stored, store_folder, storing
from tools.bootstrap.errors import SetupError
from tools.bootstrap.go_build import GoBuild, module_digest
from tools.bootstrap.go_toolchain import Go, ensure_go, plan_go
from tools.bootstrap.locks import exclusive
from tools.bootstrap.setup import interruptible

_TOPIC = "rehearsal"


@dataclass(frozen=True)
class _Part:
    """One Go module: its folder below tools/control_plane, what it pins, its commands.

    `version_variable` is set to the version where a command would not know its own; `asks` makes it print its version.
    """

    folder: str
    source: str
    commands: tuple[tuple[str, str], ...]
    version_variable: str | None = None
    asks: tuple[str, ...] = ("--version",)


_KUBERNETES = "k8s.io/kubernetes"
_HELM = "helm.sh/helm/v3"
PARTS = (
    _Part("etcd", "go.etcd.io/etcd/server/v3", (("go.etcd.io/etcd/server/v3", "etcd"),)),
    _Part("kwok", "sigs.k8s.io/kwok", (("sigs.k8s.io/kwok/cmd/kwok", "kwok"),)),
    _Part(
        "helm",
        _HELM,
        ((f"{_HELM}/cmd/helm", "helm"),),
        f"{_HELM}/internal/version.version",
        ("version", "--short"),
    ),
    _Part(
        "kubernetes",
        _KUBERNETES,
        tuple(
            (f"{_KUBERNETES}/cmd/{name}", name)
            for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver")
        ),
        "k8s.io/component-base/version.gitVersion",
    ),
)


def set_up_control_plane(context: Context) -> None:
    """Build what is missing of the control plane, link it into the checkout and record where it is.

    Returns at once where it is there. Raises SetupError with the remedy, KeyboardInterrupt when interrupted; in both
    cases the next call goes on from what is there.
    """
    if recorded_control_plane(context) is not None:
        return
    lock_file = context.layout.lock.with_name("control-plane.lock")
    with (
        interruptible(),
        exclusive(lock_file, topic=_TOPIC, progress=context.progress, stop=context.stop) as lock,
    ):
        try:
            _build_missing(replace(context, keep_open=(lock,)))
        except OSError as error:
            raise refusal("the control plane could not be stored", error) from error


def recorded_control_plane(context: Context) -> Path | None:
    """Give the folder of the executables; None where one vanished or other versions are wanted."""
    record = atomic.read_json(context.layout.control_plane_record)
    if record is None or record.get("versions") != dict(context.pins.control_plane):
        return None
    if record.get("modules") != _modules(context):
        return None
    folder = context.layout.control_plane_bin
    search_path = str(folder)
    found = all(programs.find(name, search_path) for part in PARTS for _, name in part.commands)
    return folder if found else None


def _build_missing(context: Context) -> None:
    go = plan_go(context)
    keys = {part.folder: _key(context, go, part) for part in PARTS}
    missing = [part for part in PARTS if not is_stored(context, keys[part.folder])]
    if missing:
        machine.check_disk([machine.Need("the control plane", context.layout.cache, machine.CONTROL_PLANE_BUILD_BYTES)])
        machine.check_memory(machine.CONTROL_PLANE_BUILD_MEMORY_BYTES, "building the control plane")
    for part in missing:
        _build(context, part, keys[part.folder], last=part is missing[-1])
    link_stored(context, list(keys.values()), context.layout.control_plane_bin)
    _verify(context, keys)
    atomic.write_json(
        context.layout.control_plane_record,
        {
            "path": [str(context.layout.control_plane_bin)],
            "versions": dict(context.pins.control_plane),
            "modules": _modules(context),
        },
    )
    context.progress.say(_TOPIC, f"control plane at {context.layout.control_plane_bin}")


def _build(context: Context, part: _Part, key: str, *, last: bool) -> None:
    with storing(context, key, _TOPIC) as (folder, lock):
        if folder is None:
            return
        go = ensure_go(context)
        version = context.pins.control_plane[part.folder]
        context.progress.say(
            _TOPIC, f"building {part.folder} {version} with Go {go.version} ({go.source}); some minutes, once"
        )
        build = GoBuild(context, go, _TOPIC, f"{part.folder} {version}", lock)
        variables = [(part.version_variable, f"v{version}")] if part.version_variable else []
        for package, name in part.commands:
            build.command(_module(context, part), package, folder / name, part.source, variables)
        if last:
            # Within the lock, for the engine's build keeps its modules there too.
            shutil.rmtree(context.layout.cache / "go", ignore_errors=True)


def _verify(context: Context, keys: dict[str, str]) -> None:
    for part in PARTS:
        version = context.pins.control_plane[part.folder]
        for _, name in part.commands:
            program = context.layout.control_plane_bin / name
            said = programs.output_of([program, *part.asks], context.environ)
            if said is None or version not in said:
                with contextlib.suppress(OSError):
                    shutil.rmtree(store_folder(context, keys[part.folder]))
                raise SetupError(
                    f"{program} does not say that it is {version}: {said or 'it does not start'}",
                    mend="run the same command again: it is made anew",
                )


def _module(context: Context, part: _Part) -> Path:
    return context.layout.control_plane_modules / part.folder


def _modules(context: Context) -> dict[str, str]:
    return {part.folder: module_digest(_module(context, part)) for part in PARTS}


def _key(context: Context, go: Go, part: _Part) -> str:
    version = context.pins.control_plane[part.folder]
    digest = module_digest(_module(context, part))
    return f"{part.folder}-{version}-{digest}-go{go.version}-{sys.platform}-{platform.machine()}"
