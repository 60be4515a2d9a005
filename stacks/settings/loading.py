"""Read a stack's settings from pulumi.Config, here and nowhere else, and refuse them whole when one is wrong."""

from collections.abc import Collection, Mapping
from typing import Any

from components.errors import SettingsError
from stacks.settings.checkout import PROJECT
from stacks.settings.declaration import without_declared_defaults
from stacks.settings.encoding import decode
from stacks.settings.judgement import judge
from stacks.settings.stack import StackSettings


def load_settings() -> StackSettings:
    """Read the stack's settings from its configuration.

    Raises SettingsError that lists every wrong key with what is allowed; encrypted values are not shown in it.
    """
    import pulumi

    prefix = f"{PROJECT}:"
    known = {key: value for key, value in pulumi.runtime.config.CONFIG.get().items() if key.startswith(prefix)}
    settings: StackSettings = parse_settings(
        without_declared_defaults({key.removeprefix(prefix): str(value) for key, value in known.items()}),
        secret={key.removeprefix(prefix) for key in known if pulumi.runtime.config.is_config_secret(key)},
    )
    return settings


def parse_settings(configuration: Mapping[str, str], secret: Collection[str] = ()) -> Any:
    """Check settings that are given as Pulumi keeps them, text or JSON for whole sections; return their cloud's model.

    `secret` names the keys whose value an error must not show. Raises SettingsError that lists every wrong key with
    what is allowed.
    """
    judged = judge({key: decode(text) for key, text in configuration.items()}, secret)
    if isinstance(judged, StackSettings):
        return judged
    raise SettingsError("\n  - ".join(("the stack's settings are wrong:", *map(str, judged))))
