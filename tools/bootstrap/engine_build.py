"""The engine built from pinned Go modules: the way for machines that Pulumi's download site does not answer.

Takes some minutes once for each user; the result is kept in the user's cache and shared by all checkouts.
"""

import platform
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tools.bootstrap import processes
from tools.bootstrap.atomic import sha256_of
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import failure
from tools.bootstrap.engine import CLI, HOST, SCRIPTS, Engine
from tools.bootstrap.engine_store import adopt, is_stored, storing
from tools.bootstrap.go_toolchain import Go, ensure_go, go_environment, plan_go

_TOPIC = "engine"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_VERSION_VARIABLE = f"{_SDK}/go/common/version.Version"
# Module folder below tools/engine, package, executable.
_COMMANDS = (
    ("language-host", f"{_SDK}/python/cmd/{HOST}", HOST),
    ("cli", f"github.com/pulumi/pulumi/pkg/v3/cmd/{CLI}", CLI),
)
# Where the Python SDK's scripts stand in its module.
_SCRIPT_FOLDERS = {SCRIPTS[0]: "python/cmd", SCRIPTS[1]: "python/dist"}
# Package, module and the module's folder; the last two are empty for the standard library.
_LIST_FORMAT = "{{.ImportPath}}\t{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}"
_PACKAGE = re.compile(r"^[\w.-]+(/[\w.@~+-]+)*$")


def is_built(context: Context) -> bool:
    """Tell whether the store has what the present pins and toolchain would build."""
    return is_stored(context, _key(context, plan_go(context)))


def build_engine(context: Context, why: str) -> Engine:
    """Build the command line and the language host, or take them from the store; raise SetupError where it fails.

    Go's own cache makes an interrupted build go on where it stopped; it is removed when all is stored.
    """
    key = _key(context, plan_go(context))
    with storing(context, key, _TOPIC) as (folder, lock):
        if folder is not None:
            go = ensure_go(context)
            text = f"building Pulumi {context.pins.pulumi} with Go {go.version} ({go.source}); some minutes, once"
            context.progress.say(_TOPIC, text)
            for module, package, name in _COMMANDS:
                sdk = _build(context, go, module, package, folder / name, lock)
            # The command line's module, built last, has the newer SDK.
            for name, place in _SCRIPT_FOLDERS.items():
                shutil.copyfile(sdk / place / name, folder / name)
                (folder / name).chmod(0o755)
            shutil.rmtree(context.layout.cache / "go", ignore_errors=True)
    return adopt(context, key, source="build", why=why)


def _build(context: Context, go: Go, module: str, package: str, target: Path, lock: int) -> Path:
    """Build one command and give the folder of the SDK's module."""
    started = context.progress.elapsed_s

    def report_modules(lines: list[str]) -> str:
        return f"{target.name}: downloaded {sum(line.startswith('go: downloading') for line in lines)} Go modules"

    listing = ["list", "-deps", "-f", _LIST_FORMAT, package]
    listed = [line.split("\t") for line in _go(context, go, module, listing, lock, report_modules)]
    total = sum(bool(_PACKAGE.match(name)) for name, *_ in listed)
    sdk = next(Path(rest[1]) for _, *rest in listed if rest[:1] == [_SDK])

    def report(lines: list[str]) -> str:
        compiled = [line for line in lines if _PACKAGE.match(line)]
        seconds = context.progress.elapsed_s - started
        return (
            f"{target.name}: compiled {len(compiled)} of {total} packages in {seconds:.0f} s: {(compiled or ['…'])[-1]}"
        )

    flags = f"-s -w -X {_VERSION_VARIABLE}=v{context.pins.pulumi}" if target.name == CLI else "-s -w"
    building = ["build", "-v", "-trimpath", f"-ldflags={flags}", "-o", str(target), package]
    _go(context, go, module, building, lock, report)
    context.progress.say(_TOPIC, f"{target.name}: built in {context.progress.elapsed_s - started:.0f} s")
    return sdk


def _go(
    context: Context, go: Go, module: str, arguments: list[str], lock: int, report: Callable[[list[str]], str]
) -> list[str]:
    lines: list[str] = []
    assert go.path is not None  # noqa: S101 - ensure_go has installed it
    environ = go_environment(context)
    Path(environ["GOTMPDIR"]).mkdir(parents=True, exist_ok=True)
    finished = processes.run(
        [go.path, *arguments],
        stop=context.stop,
        on_line=lines.append,
        on_wait=lambda: context.progress.tick(_TOPIC, report(lines)),
        environ=environ,
        folder=context.layout.go_modules / module,
        keep_open=(*context.keep_open, lock),
    )
    if finished.status != 0:
        raise failure("the Pulumi engine could not be built", finished)
    return lines


def _key(context: Context, go: Go) -> str:
    modules = "".join(
        sha256_of(context.layout.go_modules / module / name)[:8]
        for module, _, _ in _COMMANDS
        for name in ("go.mod", "go.sum")
    )
    return f"build-{context.pins.pulumi}-{modules}-go{go.version}-{sys.platform}-{platform.machine()}"
