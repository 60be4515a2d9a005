"""The deployment side's error tree.

    InferloopError
    ├── SettingsError        the stack's settings are wrong
    ├── PreflightError       the settings are well formed, but cannot be deployed here
    ├── RegistryError        a cloud or a capability is not registered
    ├── CatalogError         the catalog has no such entry
    └── ProvisionError       a resource could not be made, changed or removed
        ├── PortInUseError   a port that the stack needs is taken by somebody else
        ├── ProcessError     a supervised process did not become ready, or did not stop
        └── CommandError     a command that a resource runs failed

Every message says what happened, which file or key it concerns, and what mends it. None holds a secret.
"""


class InferloopError(Exception):
    """Report one expected failure to a person; `exit_code` is what a command line returns for it."""

    exit_code = 1


class SettingsError(InferloopError):
    """The stack's settings are wrong; the message lists every wrong key."""

    exit_code = 2


class PreflightError(InferloopError):
    """The settings are well formed, but cannot be deployed here."""

    exit_code = 2


class RegistryError(InferloopError):
    """A cloud or a capability is not registered."""

    exit_code = 2


class CatalogError(InferloopError):
    """The catalog has no such entry; the message names those that it has."""

    exit_code = 2


class ProvisionError(InferloopError):
    """A resource could not be made, changed or removed."""

    exit_code = 3


class PortInUseError(ProvisionError):
    """A port that the stack needs is taken by somebody else."""


class ProcessError(ProvisionError):
    """A supervised process did not become ready, or did not stop."""


class CommandError(ProvisionError):
    """A command that a resource runs failed."""
