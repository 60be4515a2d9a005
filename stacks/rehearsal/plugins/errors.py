"""What a provider plugin may answer instead of a result.

ProvisionError (components/errors.py)
└── RehearsalError            a rehearsed cloud refused a call
    ├── NotFoundError         the resource is not there
    ├── UnknownTokenError     the plugin has no such type or function
    └── PartialFailureError   the resource exists, but is not as it was asked for
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.errors import ProvisionError


class RehearsalError(ProvisionError):
    """A rehearsed cloud refused a call."""


class NotFoundError(RehearsalError):
    """The resource is not there."""


class UnknownTokenError(RehearsalError):
    """The plugin has no such resource type or function."""


class PartialFailureError(RehearsalError):
    """The resource exists, but is not as it was asked for; the engine keeps its id, so that nothing is orphaned."""

    def __init__(
        self, message: str, *, resource_id: str, properties: Mapping[str, Any], reasons: Sequence[str]
    ) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties
        self.reasons = tuple(reasons)
