"""Keep the configuration copy that the engine reads and writes, so that the tracked file is never changed."""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import yaml

from inferloop.errors import ProjectError
from inferloop.project import PROJECT, Project, check_stack_name
from inferloop.state import read_state

_SALT = "encryptionsalt"


def refresh_config(project: Project, stack: str, source: Path | None = None) -> Path:
    """Copy a stack's configuration for the engine and return the copy.

    The copy is made anew each time, so that edits of the tracked file (or of `source`, where given) take effect; only
    the salt of the stack's secrets is kept, from the old copy or, where that was lost, from the state. Raises
    ProjectError where the stack is unknown or its configuration is no YAML mapping.
    """
    check_stack_name(stack)
    base = source or project.tracked_config(stack)
    content = _read_mapping(base, project, stack)
    target = project.home.config_file(stack)
    # A salt in the tracked file belongs to somebody's own passphrase (a plain `pulumi up` writes one).
    content.pop(_SALT, None)
    salt = read_state(project.home, stack).salt or _kept_salt(target)
    if salt is not None:
        content[_SALT] = salt
    if not project.home_is_default:
        content.setdefault("config", {})[f"{PROJECT}:home"] = str(project.home.root)
    prepare_project(project)
    write_private(target, yaml.safe_dump(content, sort_keys=False))
    return target


def configured_values(project: Project, stack: str, source: Path | None = None) -> dict[str, str]:
    """Return a stack's own settings as the engine would hand them over: text, or JSON for sections.

    Encrypted values are left out: only the engine can read them. Raises ProjectError as `refresh_config` does.
    """
    check_stack_name(stack)
    content = _read_mapping(source or project.tracked_config(stack), project, stack)
    prefix = f"{PROJECT}:"
    return {
        key.removeprefix(prefix): value if isinstance(value, str) else json.dumps(value)
        for key, value in (content.get("config") or {}).items()
        if key.startswith(prefix) and not (isinstance(value, dict) and "secure" in value)
    }


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


def _read_mapping(base: Path, project: Project, stack: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(base.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(project.known_stacks()) or "none"
        raise ProjectError(f"stack {stack} has no configuration {base}; known stacks: {known}") from None
    except OSError as error:
        raise ProjectError(f"cannot read stack configuration {base}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"stack configuration {base} is no YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not isinstance(content.get("config", {}), dict):
        raise ProjectError(f"stack configuration {base} must be a mapping with a mapping `config`")
    return content


def _kept_salt(copy: Path) -> str | None:
    try:
        content = yaml.safe_load(copy.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return None
    salt = content.get(_SALT) if isinstance(content, dict) else None
    return salt if isinstance(salt, str) else None
