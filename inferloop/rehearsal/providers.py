"""Put a rehearsal's provider plugins where the engine finds them first: the suite's own, or the official ones."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from stacks.rehearsal.plugins.executable import write_plugin

PLUGIN_PATH = "INFERLOOP_PLUGIN_PATH"
"""Environment variable: folders in which official plugins are looked for."""
_OWN = {"aws": "stacks.rehearsal.aws", "kubernetes": "stacks.rehearsal.kubernetes"}
_SAYS = {
    "aws": "the suite's own plugin, on moto's server",
    "kubernetes": "the suite's own plugin, on a real API server with simulated nodes",
}
_HOST = ("pulumi-language-python", "pulumi-language-python-exec")


def write_plugins(folder: Path, *, official: bool, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Write the plugins into `folder`, and return what each provider is.

    With `official` an official plugin is taken where one is found on PATH, in the plugin folder of PULUMI_HOME, or in
    the folders that INFERLOOP_PLUGIN_PATH names; for a provider without one our own stands in, and the answer says so.
    The official language host comes along where it lies beside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for name, module in _OWN.items():
        found = find_official(name, environ) if official else None
        if found is None:
            write_plugin(folder, name, module)
            described[name] = _SAYS[name] + ("; no official plugin was found" if official else "")
            continue
        _link(folder, found)
        described[name] = f"the official plugin, {found}"
        for part in _HOST:
            if (found.parent / part).is_file():
                _link(folder, found.parent / part)
    return described


def find_official(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the official plugin of a provider, None where there is none."""
    program = f"pulumi-resource-{name}"
    for folder in _folders(name, environ):
        path = folder / program
        if path.is_file() and os.access(path, os.X_OK) and not _is_ours(path):
            return path.absolute()
    return None


def _folders(name: str, environ: Mapping[str, str]) -> Iterator[Path]:
    yield from map(Path, filter(None, environ.get("PATH", "").split(os.pathsep)))
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    # Newest first; `resource-NAME-vVERSION`.
    yield from sorted((home / "plugins").glob(f"resource-{name}-v*"), key=_version, reverse=True)
    yield from map(Path, filter(None, environ.get(PLUGIN_PATH, "").split(os.pathsep)))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.rpartition("-v")[2].split(".") if part.isdigit())


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _link(folder: Path, target: Path) -> None:
    path = folder / target.name
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(target)
    except OSError:
        shutil.copy2(target, path)
