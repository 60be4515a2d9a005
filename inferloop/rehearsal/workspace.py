"""The folder of one stack's rehearsal: a home of its own, whose state, passphrase and plugins are no other stack's."""

import importlib.metadata
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from inferloop.errors import ProjectError
from inferloop.project import PROJECT, Home, Project, check_stack_name
from inferloop.stack_config import prepare_project, read_document, refresh_config, write_private
from inferloop.stack_document import dump_document
from stacks.rehearsal.stand_ins import with_settings

_FOLDER = "rehearsals"
SECRET_STAND_IN = "rehearsal-stand-in"  # noqa: S105  # It is no secret.
"""What takes the place of an encrypted setting."""


@dataclass(frozen=True)
class RehearsedProject(Project):
    """A checkout whose stack lives in the rehearsal's own home."""

    folder: Path

    @cached_property
    def home(self) -> Home:
        """The rehearsal's own home."""
        return Home(self.folder)


@dataclass(frozen=True)
class Workspace:
    """One stack's rehearsal on disk; everything in it is its owner's alone."""

    project: RehearsedProject
    stack: str
    source: Path
    settings: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self.project.folder

    @property
    def state(self) -> Path:
        """What the plugins share: their journal, the counts of calls and the emulated resources."""
        return self.folder / "state"

    @property
    def lock(self) -> Path:
        """The lock that a rehearsal of this stack holds; it lies beside the folder, which may be removed."""
        return self.folder.parent / f".{self.stack}.lock"

    @property
    def schemas(self) -> Path:
        """What was read of the installed AWS SDK; rehearsals of all stacks share it."""
        return self.folder.parent / f".pulumi-aws-{importlib.metadata.version('pulumi-aws')}.jsonl"

    @property
    def kept(self) -> Path:
        """The mark of a rehearsal that is left running."""
        return self.folder / "kept"

    def prepare(self) -> None:
        """Make the folders that are missing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.state.mkdir(mode=0o700, exist_ok=True)
        prepare_project(self.project)

    def clear(self, *, logs: bool = False) -> None:
        """Remove everything, but keep logs unless they are to go too."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.name in ("log", "control-plane", "moto.log") and not logs:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if logs:
            self.folder.rmdir()

    def configure(self, changes: Mapping[str, Any] | None = None) -> Path:
        """Write the stack's configuration with the rehearsal's own settings and `changes`, and return its path.

        Raises ProjectError where the configuration, or the path of a change, is wrong.
        """
        content = dict(read_document(self.project, self.stack, self.source).content)
        values, _ = without_encrypted(content.get("config") or {})
        try:
            content["config"] = with_settings(values, {**self.settings, **(changes or {})})
        except ValueError as error:
            raise ProjectError(f"a setting of the rehearsal of {self.stack} cannot be changed: {error}") from None
        rehearsed = self.folder / "settings.yaml"
        write_private(rehearsed, dump_document(content))
        return refresh_config(self.project, self.stack, rehearsed)


def open_workspace(
    project: Project, stack: str, *, config_file: Path | None = None, settings: Mapping[str, Any] | None = None
) -> Workspace:
    """Return the workspace of a stack's rehearsal, below the project's own home; nothing is written yet.

    Raises ProjectError where the stack cannot have this name.
    """
    check_stack_name(stack)
    folder = project.home.root / _FOLDER / stack
    own = RehearsedProject(project.checkout, folder)
    return Workspace(own, stack, config_file or project.tracked_config(stack), dict(settings or {}))


def with_stand_ins(workspace: Workspace, settings: Mapping[str, Any]) -> Workspace:
    """Return the workspace with further settings of the rehearsal's own."""
    return replace(workspace, settings={**workspace.settings, **settings})


def without_encrypted(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return configuration values in which a stand-in takes the place of every encrypted one, and the keys of those.

    Only their owner's passphrase reads them.
    """
    found: list[str] = []

    def plain(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            if set(value) == {"secure"}:
                found.append(path.removeprefix(f"{PROJECT}:"))
                return SECRET_STAND_IN
            return {name: plain(item, f"{path}.{name}") for name, item in value.items()}
        if isinstance(value, list):
            return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
        return value

    return {key: plain(value, key) for key, value in values.items()}, found
