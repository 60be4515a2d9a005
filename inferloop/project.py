"""Find the checkout, the home of its stacks on this machine, and a stack's configuration."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from inferloop.errors import ProjectError

HOME_VARIABLE = "INFERLOOP_HOME"
PROJECT = "inferloop"

_STACK_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}")
# Names that lie beside the stacks' own folders.
_RESERVED = frozenset({"backend", "log", "passphrase", "project", "pulumi", "rehearsals"})


@dataclass(frozen=True)
class Home:
    """The folder that holds everything Inferloop keeps on this machine: engine state, passphrase, stacks' files."""

    root: Path

    @property
    def backend(self) -> Path:
        """The engine's file backend."""
        return self.root / "backend"

    @property
    def passphrase(self) -> Path:
        """The file (0600) that holds the passphrase of the stacks' secrets."""
        return self.root / "passphrase"

    @property
    def pulumi_home(self) -> Path:
        """What the engine would keep in `~/.pulumi`."""
        return self.root / "pulumi"

    @property
    def project(self) -> Path:
        """A project folder of the engine's own, in which stack configurations are copies."""
        return self.root / "project"

    @property
    def log(self) -> Path:
        """The engine's last outputs, one file a command."""
        return self.root / "log"

    @property
    def lock(self) -> Path:
        """The file whose lock a changing command holds."""
        return self.root / ".lock"

    def config_file(self, stack: str) -> Path:
        """Return the copy of a stack's configuration that the engine reads and may write."""
        return self.project / f"Pulumi.{stack}.yaml"

    def state_file(self, stack: str) -> Path:
        """Return the file backend's checkpoint of a stack."""
        return self.backend / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"

    def stack_locks(self, stack: str) -> Path:
        """Return the folder of the file backend's own locks of a stack."""
        return self.backend / ".pulumi" / "locks" / "organization" / PROJECT / stack

    def stack_dir(self, stack: str) -> Path:
        """Return the folder of a stack's own files: data, models, configuration, secrets, run, log."""
        return self.root / stack


@dataclass(frozen=True)
class Project:
    """One checkout, and the home that its stacks use."""

    checkout: Path

    @cached_property
    def home(self) -> Home:
        """The home named by INFERLOOP_HOME, else `.inferloop` in the checkout."""
        return Home(Path(os.environ.get(HOME_VARIABLE) or self.checkout / ".inferloop").absolute())

    @property
    def home_is_default(self) -> bool:
        """Tell whether no other home was asked for by the environment."""
        return not os.environ.get(HOME_VARIABLE)

    def tracked_config(self, stack: str) -> Path:
        """Return the stack's configuration as the repository holds it."""
        return self.checkout / "stacks" / "config" / f"Pulumi.{stack}.yaml"

    def known_stacks(self) -> list[str]:
        """Return the names of the stacks that the repository configures."""
        folder = self.checkout / "stacks" / "config"
        return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob("Pulumi.*.yaml"))


def find_project(start: Path | None = None) -> Project:
    """Find the checkout from the current folder upwards, else where this package lies.

    Raises ProjectError where neither is one.
    """
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents, Path(__file__).absolute().parents[1]):
        if _is_checkout(folder):
            return Project(folder)
    raise ProjectError(f"no Inferloop checkout in {here} or above it; change into the cloned repository first")


def _is_checkout(folder: Path) -> bool:
    try:
        text = (folder / "Pulumi.yaml").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(rf"^name:\s*{PROJECT}\s*$", text, re.MULTILINE) is not None


def check_stack_name(stack: str) -> None:
    """Raise ProjectError where a stack cannot have this name."""
    if not _STACK_NAME.fullmatch(stack) or stack in _RESERVED:
        raise ProjectError(
            f"{stack!r} cannot be a stack's name: use lower-case letters, digits and hyphens, "
            f"and none of {', '.join(sorted(_RESERVED))}"
        )
