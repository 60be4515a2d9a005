"""The one error of set-up."""


class SetupError(Exception):
    """Say what set-up could not do and, in `mend`, the command or change that mends it."""

    def __init__(self, message: str, *, mend: str) -> None:
        super().__init__(message)
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.args[0]}\n  mend: {self.mend}"


class StoppedError(Exception):
    """Another part of set-up failed, or the user interrupted: this part stopped on request."""
