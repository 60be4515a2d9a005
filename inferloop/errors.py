"""The command line's error tree, which grows on that of the components.

    InferloopError
    ├── ProjectError            no checkout here, an unknown stack or a wrong stack configuration
    ├── EngineMissingError      no Pulumi engine is found
    ├── EngineError             the engine ran and failed
    ├── StackBusyError          another command works on the same stacks
    ├── StateLocationError      it is not known where a stack's state lies
    ├── ReplacementRefusedError guarded resources would be replaced or deleted without an approval
    ├── ApprovalError           an approval fits no change, or several
    ├── StackDownError          the stack, or the process that was asked for, is not there
    ├── RehearsalRefusedError   a stack cannot be rehearsed as it was asked for
    ├── RehearsalFailedError    a rehearsal ran, and a step of it was not as it must be
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


class StateLocationError(InferloopError):
    """It is not known, or not clear, where a stack's state lies."""

    exit_code = 2


class ReplacementRefusedError(InferloopError):
    """Guarded resources would be replaced or deleted, and nobody approved it; nothing was changed."""

    exit_code = 7


class ApprovalError(InferloopError):
    """An approval fits no change that the stack is about to make, or more than one."""

    exit_code = 2


class StackDownError(InferloopError):
    """The stack, or the process of it that was asked for, is not there."""

    exit_code = 1


class RehearsalRefusedError(InferloopError):
    """A stack cannot be rehearsed, or not as it was asked for."""

    exit_code = 2


class RehearsalFailedError(InferloopError):
    """A rehearsal ran, and a step of it was not as it must be; the report says which."""

    exit_code = 8


class InterruptedByUserError(InferloopError):
    """Ctrl-C was pressed; the next command completes what is left."""

    exit_code = 130
