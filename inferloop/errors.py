"""The command line's error tree, which grows on that of the components.

    InferloopError
    ├── ProjectError            no checkout here, an unknown stack or a wrong stack configuration
    ├── EngineMissingError      no Pulumi engine is found
    ├── EngineError             the engine ran and failed
    ├── StackBusyError          another command works on the same stacks
    ├── StackDownError          the stack, or the process that was asked for, is not there
    └── InterruptedByUserError  Ctrl-C was pressed

Every message says what happened, which file or key it concerns, and what mends it. None holds a secret.
"""

from components.errors import InferloopError


class ProjectError(InferloopError):
    """No checkout is found, or a stack is unknown or wrongly configured."""

    exit_code = 2


class EngineMissingError(InferloopError):
    """No Pulumi engine is found on this machine."""

    exit_code = 3


class EngineError(InferloopError):
    """The Pulumi engine ran and failed; the message holds what it reported."""

    exit_code = 4


class StackBusyError(InferloopError):
    """Another command works on the stacks of the same home."""

    exit_code = 5


class StackDownError(InferloopError):
    """The stack, or the process of it that was asked for, is not there."""

    exit_code = 1


class InterruptedByUserError(InferloopError):
    """Ctrl-C was pressed; the next command completes what is left."""

    exit_code = 130
