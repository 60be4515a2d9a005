"""One stack's cloud: which component provides a capability there, and what each is told by the settings."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from components.contracts import Capability, Foundation
from components.errors import PreflightError
from components.registry import component
from stacks.settings.cloud import StagingFields

Arguments = Mapping[str, Any]


def checked_args(
    settings: StagingFields, capability: Capability | Foundation, section: str, args: Arguments
) -> BaseModel:
    """Return a component's own arguments.

    Raises PreflightError that names the settings' keys below `section` which the cloud does not take.
    """
    kind = component(settings.cloud, capability)
    try:
        made: BaseModel = kind.Args.model_validate(dict(args))
    except ValidationError as error:
        problems = [
            f"inferloop:{'.'.join((*filter(None, [section]), *map(str, item['loc'])))}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False)
        ]
        raise PreflightError("\n  - ".join(("the cloud does not take these settings:", *problems))) from None
    return made


class Cloud:
    """Make components on the cloud that the settings name, on one platform, and put every one of them below it."""

    def __init__(self, stack: str, settings: StagingFields) -> None:
        self.stack = stack
        self.settings = settings
        args = checked_args(settings, Capability.PLATFORM, "", platform_args(stack, settings))
        self.platform = component(settings.cloud, Capability.PLATFORM)("account", args)

    def make(self, capability: Capability | Foundation, name: str, section: str, args: Arguments, **wiring: Any) -> Any:
        """Make the component called `name`; `section` is where its settings stand, for errors."""
        checked = checked_args(self.settings, capability, section, args)
        return component(self.settings.cloud, capability)(name, checked, platform=self.platform, **wiring)


def platform_args(stack: str, settings: StagingFields) -> Arguments:
    """Return what the platform is told: where it is, and the tags of everything on it."""
    tags = {
        "phase": settings.phase,
        "stack": stack,
        "owner": settings.owner,
        "cost_centre": settings.cost_centre,
    }
    return {**settings.platform_args(), "tags": tags}
