"""The one place where commands write: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """How a command speaks: to a person, to a program, or only by its exit code and its errors."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


_default_mode = Mode.HUMAN


def set_default_mode(mode: Mode) -> None:
    """Choose how commands speak that are not asked for JSON."""
    global _default_mode
    _default_mode = mode


class Sink:
    """Write results and notes in one mode.

    A result is a mapping and its text: `JSON` prints the mapping, `HUMAN` the text, `QUIET` neither. Notes (progress,
    hints) are for people alone; warnings reach standard error in every mode.
    """

    def __init__(self, mode: Mode | None = None) -> None:
        self.mode = mode or _default_mode

    @classmethod
    def for_command(cls, *, as_json: bool) -> "Sink":
        """Return the sink of a command with the option `--json`."""
        return cls(Mode.JSON if as_json else None)

    @property
    def interactive(self) -> bool:
        """Tell whether a person sits at both ends, so that a question can be asked."""
        return self.mode is Mode.HUMAN and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def animated(self) -> bool:
        """Tell whether progress may redraw itself."""
        return self.mode is Mode.HUMAN and sys.stderr.isatty()

    def result(self, data: Mapping[str, Any], text: str) -> None:
        """Write what the command was asked for."""
        if self.mode is Mode.JSON:
            print(json.dumps(data, indent=2))
        elif self.mode is Mode.HUMAN and text:
            print(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell a person what goes on."""
        if self.mode is Mode.HUMAN:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Tell what went wrong without stopping the command."""
        print(f"warning: {text}", file=sys.stderr, flush=True)
