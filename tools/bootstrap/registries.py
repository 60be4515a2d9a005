"""The package registries that set-up will ask, as the lock file and the user's own settings name them."""

import tomllib

from tools.bootstrap import programs
from tools.bootstrap.context import Context
from tools.bootstrap.go_toolchain import go_environment, plan_go

_WEB = ("http://", "https://")


def python_index(context: Context) -> str:
    """Give the index of the Python packages: the one that the user has uv ask, else the one of the lock file."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if named := context.environ.get(variable, ""):
            return named
    packages = tomllib.loads((context.layout.root / "uv.lock").read_text(encoding="utf-8"))["package"]
    return next(str(package["source"]["registry"]) for package in packages if "registry" in package["source"])


def go_proxy(context: Context) -> str | None:
    """Give the module proxy that Go asks first; None while there is no Go to tell, or where it asks none."""
    go = plan_go(context)
    said = programs.output_of([go.path, "env", "GOPROXY"], go_environment(context)) if go.path else None
    first = (said or "").replace("|", ",").split(",")[0]
    return first if first.startswith(_WEB) else None
