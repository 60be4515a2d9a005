"""Read a process's settings from its JSON file."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from inferloop_runtime.errors import SettingsError

SettingsT = TypeVar("SettingsT", bound="ProcessSettings")


class ProcessSettings(BaseModel):
    """Settings of one runtime process; secrets are never values here but files named by a `*_file` key."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def load_settings(kind: type[SettingsT], path: Path) -> SettingsT:
    """Read and check one settings file.

    Raises SettingsError that names the file and every wrong key with what is allowed.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read settings file {path}: {error.strerror}") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or '(whole file)'}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        raise SettingsError(f"settings file {path} is wrong: {problems}") from None


def read_secret(path: Path) -> str:
    """Read one secret file without its closing line break.

    Raises SettingsError where the file is missing, unreadable or empty; the message never holds its content.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read secret file {path}: {error.strerror}") from error
    if not secret:
        raise SettingsError(f"secret file {path} is empty")
    return secret
