"""The runtime's error tree.

    InferloopError
    ├── SettingsError       a settings file is missing, unreadable or wrong
    ├── ModelError          a model's files are missing, damaged or not supported
    │   └── ShardingError   a model cannot be split in the wanted degree
    ├── EngineError         the model server cannot serve a request or lost a shard
    ├── DatabaseError       the database is unreachable or at the wrong migration
    └── CaptureError        a capture run cannot start, continue or commit

Every message says what happened, which file or key it concerns, and what mends it. None holds a secret.
"""


class InferloopError(Exception):
    """Report one expected failure to a person; `exit_code` is what the command line returns for it."""

    exit_code = 1


class SettingsError(InferloopError):
    """A settings file is missing, unreadable or wrong."""

    exit_code = 2


class ModelError(InferloopError):
    """A model's files are missing, damaged or not supported."""

    exit_code = 3


class ShardingError(ModelError):
    """A model cannot be split in the wanted degree."""


class EngineError(InferloopError):
    """The model server cannot serve a request or lost a shard."""

    exit_code = 4


class DatabaseError(InferloopError):
    """The database is unreachable or at the wrong migration."""

    exit_code = 5


class CaptureError(InferloopError):
    """A capture run cannot start, continue or commit."""

    exit_code = 6
