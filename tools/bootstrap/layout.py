"""Where set-up puts things: all in the checkout but for a cache in the user's cache folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Name every path that set-up reads or writes; create none of them."""

    root: Path
    cache: Path

    @property
    def tools(self) -> Path:
        """What set-up installs beside the environment."""
        return self.root / ".tools"

    @property
    def environment(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment / "bin" / "python"

    @property
    def lock(self) -> Path:
        """Held by the one set-up that may write to this checkout."""
        return self.tools / "setup.lock"

    @property
    def engine_record(self) -> Path:
        """Which engine is used, for `inferloop`."""
        return self.tools / "engine.json"

    @property
    def engine_bin(self) -> Path:
        """The engine's executables, where they are not the user's own."""
        return self.tools / "engine" / "bin"

    @property
    def pins(self) -> Path:
        """The versions that set-up installs."""
        return self.root / "tools" / "versions.toml"

    @property
    def go_modules(self) -> Path:
        """The pinned Go modules of the engine's build."""
        return self.root / "tools" / "engine"

    @property
    def control_plane_record(self) -> Path:
        """Where the control plane's executables are, for rehearsals."""
        return self.tools / "control-plane.json"

    @property
    def control_plane_bin(self) -> Path:
        """The control plane's executables."""
        return self.tools / "control-plane" / "bin"

    @property
    def control_plane_modules(self) -> Path:
        """The pinned Go modules of the control plane."""
        return self.root / "tools" / "control_plane"


def layout_of(root: Path, environ: Mapping[str, str] = os.environ) -> Layout:
    """Give the layout of a checkout; its cache follows the XDG rules, or stays inside where no home can be written."""
    named = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(named) if Path(named).is_absolute() else Path(environ.get("HOME") or "/nonexistent") / ".cache"
    return Layout(root=root, cache=base / "inferloop" if _can_hold(base) else root / ".tools" / "cache" / "inferloop")


def _can_hold(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
