"""The engine built from pinned Go modules: the way for machines that Pulumi's download site does not answer.

Takes some minutes once for each user; the result is kept in the user's cache and shared by all checkouts.
"""

import platform
import shutil
import sys

from tools.bootstrap.context import Context
from tools.bootstrap.engine import CLI, HOST, SCRIPTS, Engine
from tools.bootstrap.engine_store import adopt, is_stored, storing
from tools.bootstrap.go_build import GoBuild, module_digest
from tools.bootstrap.go_toolchain import Go, ensure_go, plan_go

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
            build = GoBuild(context, go, _TOPIC, "the Pulumi engine", lock)
            for module, package, name in _COMMANDS:
                variables = [(_VERSION_VARIABLE, f"v{context.pins.pulumi}")] if name == CLI else []
                sdk = build.command(context.layout.go_modules / module, package, folder / name, _SDK, variables)
            # The command line's module, built last, has the newer SDK.
            for name, place in _SCRIPT_FOLDERS.items():
                shutil.copyfile(sdk / place / name, folder / name)
                (folder / name).chmod(0o755)
            shutil.rmtree(context.layout.cache / "go", ignore_errors=True)
    return adopt(context, key, source="build", why=why)


def _key(context: Context, go: Go) -> str:
    modules = "".join(module_digest(context.layout.go_modules / module) for module, _, _ in _COMMANDS)
    return f"build-{context.pins.pulumi}-{modules}-go{go.version}-{sys.platform}-{platform.machine()}"
