"""Keep the configuration copy that the engine reads and writes, so that the tracked file is never changed."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from inferloop.errors import ProjectError
from inferloop.project import PROJECT, Project, check_stack_name
from inferloop.stack_document import StackDocument, dump_document, parse_document
from inferloop.state import read_state

_SALT = "encryptionsalt"
_PROVIDER_KEYS = ("secretsprovider", "encryptedkey")
_LOCAL = "local"


def refresh_config(project: Project, stack: str, source: Path | None = None) -> Path:
    """Copy a stack's configuration for the engine and return the copy.

    The copy is made anew each time, so that edits of the tracked file (or of `source`, where given) take effect; only
    the salt of the stack's secrets is kept, from the old copy or, where that was lost, from the state. Raises
    ProjectError where the stack is unknown or its configuration is no YAML mapping.
    """
    document = read_document(project, stack, source)
    content = dict(document.content)
    target = project.home.config_file(stack)
    # A salt in the tracked file belongs to somebody's own passphrase (a plain `pulumi up` writes one).
    content.pop(_SALT, None)
    salt = read_state(project.home, stack).salt or _kept_salt(target)
    if salt is not None:
        content[_SALT] = salt
    if not runs_here(document.settings):
        # The home's passphrase encrypts what is kept here, whatever the team's stack uses.
        for key in _PROVIDER_KEYS:
            content.pop(key, None)
    elif not project.home_is_default:
        content.setdefault("config", {})[f"{PROJECT}:home"] = str(project.home.root)
    prepare_project(project)
    write_private(target, dump_document(content))
    return target


def configured_values(project: Project, stack: str, source: Path | None = None) -> dict[str, str]:
    """Return a stack's own settings as the engine would hand them over: text, or JSON for sections.

    Encrypted values are left out: only the engine can read them. Raises ProjectError as `refresh_config` does.
    """
    return read_document(project, stack, source).texts()


def runs_here(settings: Mapping[str, object]) -> bool:
    """Tell whether settings are those of a stack on this machine, which settings without a cloud mean too."""
    return settings.get("cloud", _LOCAL) == _LOCAL


def stack_runs_here(project: Project, stack: str, source: Path | None = None) -> bool:
    """Tell the same by a stack's name; one without a configuration is taken for a local one.

    Raises ProjectError where the name or the configuration is wrong.
    """
    check_stack_name(stack)
    known = (source or project.tracked_config(stack)).exists()
    return not known or runs_here(read_document(project, stack, source).settings)


def secrets_provider(project: Project, stack: str, source: Path | None = None) -> str | None:
    """Return the secrets provider that a stack's configuration names. Raises ProjectError as `refresh_config` does."""
    named = read_document(project, stack, source).content.get("secretsprovider")
    return str(named) if named else None


def read_document(project: Project, stack: str, source: Path | None = None) -> StackDocument:
    """Read a stack's configuration, with the places of everything in it.

    Raises ProjectError where the stack is unknown or its configuration cannot be read.
    """
    document = look_at_document(project, stack, source)
    if not document.is_readable:
        (flaw,) = document.flaws
        file = source or project.tracked_config(stack)
        raise ProjectError(f"{file}:{flaw.mark}: the stack configuration {flaw.what}")
    return document


def look_at_document(project: Project, stack: str, source: Path | None = None) -> StackDocument:
    """Read a stack's configuration as `read_document`, but leave what is wrong with its syntax to the caller."""
    check_stack_name(stack)
    file = source or project.tracked_config(stack)
    try:
        return parse_document(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(project.known_stacks()) or "none"
        raise ProjectError(f"stack {stack} has no configuration {file}; known stacks: {known}") from None
    except UnicodeDecodeError:
        raise ProjectError(f"stack configuration {file} is no UTF-8 text") from None
    except OSError as error:
        raise ProjectError(f"cannot read stack configuration {file}: {error.strerror}") from error


def prepare_project(project: Project) -> None:
    """Make the home's folders, the engine's own project file and the passphrase, where they are missing."""
    home = project.home
    home.root.mkdir(parents=True, exist_ok=True)
    for folder in (home.backend, home.project, home.pulumi_home, home.log):
        folder.mkdir(mode=0o700, exist_ok=True)
    settings = home.project / "Pulumi.yaml"
    if not settings.exists():
        write_private(settings, f"name: {PROJECT}\nruntime: python\n")
    if not home.passphrase.exists():
        write_private(home.passphrase, secrets.token_urlsafe(32) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file (0600) whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _kept_salt(copy: Path) -> str | None:
    try:
        content = yaml.safe_load(copy.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return None
    salt = content.get(_SALT) if isinstance(content, dict) else None
    return salt if isinstance(salt, str) else None
